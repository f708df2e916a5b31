package pattern

import "maps"

// place says in which element of which arrays a value is: array to index. A field
// of an object in an array has a place there; an element that is no object and no
// array has none, so that any of [1,2] goes with any other value of the event.
type place map[int]int

// agree returns the two places as one, or false if they are in different elements
// of the same array.
func (p place) agree(o place) (place, bool) {
	grown := p
	for array, index := range o {
		here, known := p[array]
		switch {
		case known && here != index:
			return nil, false
		case known:
			continue
		case len(grown) == len(p):
			grown = maps.Clone(p)
			if grown == nil {
				grown = place{}
			}
		}
		grown[array] = index
	}
	return grown, true
}

type placed struct {
	value
	place place
}

// flatten returns the values of an event by their path. Objects and arrays have no
// value: an empty one is as good as none.
func flatten(root node) map[string][]placed {
	f := flattening{values: make(map[string][]placed), place: place{}}
	f.object("", root)
	return f.values
}

type flattening struct {
	values map[string][]placed
	arrays int // seen so far, which numbers them
	place  place
}

func (f *flattening) object(path string, n node) {
	for i, name := range n.names {
		f.add(join(path, name), n.nodes[i])
	}
}

func (f *flattening) add(path string, n node) {
	switch n.kind {
	case object:
		f.object(path, n)
	case array:
		id := f.arrays
		f.arrays++
		for i, element := range n.nodes {
			if element.kind != leaf {
				f.place[id] = i
			}
			f.add(path, element)
			delete(f.place, id)
		}
	default:
		f.values[path] = append(f.values[path], placed{n.value, maps.Clone(f.place)})
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// match reports whether there is a value for every field so that all of them are
// in the same element of every array they are in. The fields are tried in the
// order of their paths, and "exists": false looks at the elements that those
// before it were found in.
func (r rule) match(values map[string][]placed, at place) bool {
	if len(r) == 0 {
		return true
	}
	f, rest := r[0], r[1:]
	exists := false
	var failed place // where the rest was last tried in vain, nil before
	for _, v := range values[f.path] {
		here, consistent := at.agree(v.place)
		if !consistent {
			continue
		}
		exists = true
		// The elements of an array of strings have one place: the rest is tried once.
		if !f.wants(v.value) || failed != nil && maps.Equal(failed, here) {
			continue
		}
		if rest.match(values, here) {
			return true
		}
		failed = here
	}
	return f.absent && !exists && rest.match(values, at)
}

func (f field) wants(v value) bool {
	for _, m := range f.values {
		if m(v) {
			return true
		}
	}
	return false
}

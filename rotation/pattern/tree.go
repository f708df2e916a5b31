package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep JSON may be nested: the limit of AWS's engine, and far
// from what recursion here can bear.
const maxDepth = 1000

type kind int

const (
	leaf kind = iota
	object
	array
)

// node is a JSON value that remembers the order of its members, the ones of the
// same name too, and where it ends.
type node struct {
	kind   kind
	value  value    // of a leaf
	names  []string // of an object, one for each of nodes
	nodes  []node   // members or elements
	offset int64
}

// problem is what is wrong with a text, and where in bytes.
type problem struct {
	reason string
	offset int64
}

func (p *problem) Error() string { return p.reason }

func (n node) errorf(format string, args ...any) error {
	return &problem{fmt.Sprintf(format, args...), n.offset}
}

func read(text []byte) (node, error) {
	if !utf8.Valid(text) {
		return node{}, &problem{"not UTF-8", int64(len(text))}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		p := &problem{"not JSON: " + err.Error(), int64(len(text))}
		if syntax, is := errors.AsType[*json.SyntaxError](err); is {
			p.offset = syntax.Offset
		}
		return node{}, p
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // the spelling counts: 1e400 has no value here, and matches itself
	return build(dec, 0)
}

// build reads the next value of a text that is known to be JSON.
func build(dec *json.Decoder, depth int) (node, error) {
	token, err := dec.Token()
	if err != nil {
		return node{}, err
	}
	n := node{offset: dec.InputOffset()}
	delim, isDelim := token.(json.Delim)
	if !isDelim {
		n.value = valueOf(token)
		return n, nil
	}
	if depth == maxDepth {
		return node{}, n.errorf("nested deeper than %d", maxDepth)
	}
	n.kind = array
	if delim == '{' {
		n.kind = object
	}
	for dec.More() {
		if n.kind == object {
			name, err := dec.Token()
			if err != nil {
				return node{}, err
			}
			n.names = append(n.names, name.(string))
		}
		child, err := build(dec, depth+1)
		if err != nil {
			return node{}, err
		}
		n.nodes = append(n.nodes, child)
	}
	_, err = dec.Token()
	n.offset = dec.InputOffset()
	return n, err
}

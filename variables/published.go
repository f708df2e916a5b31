package variables

// Published returns the variables as of the last [Set.Publish] or [Set.Load] that
// changed them, and how many such changes there were. It reads no secret. The map
// must not be changed.
func (s *Set) Published() (vars map[string]string, changes uint64) {
	g := s.published.Load()
	return g.vars, g.n
}

package simulator

import "regexp"

// idForm is the form of the platform's ids.
var idForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// isForeign reports whether an id counts as that of a resource which somebody has made on the platform,
// outside of the simulator: see [Simulator.TakeForeignIDs]. The id of a resource that the simulator has
// made and deleted is not foreign.
func (s *Simulator) isForeign(id string) bool {
	return s.TakeForeignIDs && idForm.MatchString(id) && s.resources.byID[id] == nil && !s.resources.deleted[id]
}

// exists reports whether an id is that of a resource of a class, or foreign.
func (s *Simulator) exists(of *class, id string) bool {
	if r := s.resources.byID[id]; r != nil {
		return r.kind.class == of
	}
	return of != s.known.manifests && s.isForeign(id)
}

package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// streamFilter is a filter of a stream: the id of a filter, and its place in the order of filters.
type streamFilter struct {
	ID       string `json:"id"`
	Position int    `json:"position"`
}

// streamFilterRoutes are the routes of the filters that a stream applies. Unlike all other resources
// they are created as a list, and have no ids of their own.
func streamFilterRoutes() []route {
	const path = "/encoding/encodings/{id}/streams/{child}/filters"
	return []route{
		postRoute(path, groupEncoding, onStream(addStreamFilters)),
		getRoute(path, groupEncoding, onStream(func(s *Simulator, _ *call, _ *encoding, stream *resource) (any, error) {
			return map[string]any{"filters": s.filters[stream.id]}, nil
		})),
		deleteRoute(path, groupEncoding, onStream(func(s *Simulator, _ *call, _ *encoding, stream *resource) (any, error) {
			delete(s.filters, stream.id)
			return idOnly(stream.id), nil
		})),
		deleteRoute(path+"/{part}", groupEncoding, onStream(func(s *Simulator, c *call, _ *encoding, stream *resource) (any, error) {
			of := s.filters[stream.id]
			i := slices.IndexFunc(of, func(f streamFilter) bool { return f.ID == c.params["part"] })
			if i < 0 {
				return nil, notFound("filter", c.params["part"])
			}
			s.filters[stream.id] = slices.Delete(of, i, i+1)
			return idOnly(c.params["part"]), nil
		})),
	}
}

// onStream returns a handler that looks up the stream of the path.
func onStream(do func(*Simulator, *call, *encoding, *resource) (any, error)) handler {
	return onEncoding(func(s *Simulator, c *call, enc *encoding) (any, error) {
		stream := findChild(enc.streams, c.params["child"])
		if stream == nil {
			return nil, notFound("stream", c.params["child"])
		}
		return do(s, c, enc, stream)
	})
}

func addStreamFilters(s *Simulator, c *call, enc *encoding, stream *resource) (any, error) {
	if err := s.checkUnstarted(enc.id); err != nil {
		return nil, err
	}
	var list []streamFilter
	if err := json.Unmarshal(c.body, &list); err != nil {
		return nil, invalid("the body is not a list of filters: %v", err)
	}
	if err := s.checkStreamFilters(list); err != nil {
		return nil, err
	}
	s.filters[stream.id] = append(s.filters[stream.id], list...)
	return map[string]any{"filters": list}, nil
}

// checkStreamFilters checks that all filters exist.
func (s *Simulator) checkStreamFilters(list []streamFilter) error {
	for _, f := range list {
		if !s.exists(s.known.filters, f.ID) {
			return &apiError{status: http.StatusBadRequest, code: CodeReference, message: fmt.Sprintf("filter %q does not exist", f.ID)}
		}
	}
	return nil
}

package simulator

import (
	"net/http"
	"slices"
)

// childRoutes are the routes of streams and muxings.
func childRoutes(known *catalog) []route {
	const one = "/encoding/encodings/{id}"
	streams := func(enc *encoding) *[]*resource { return &enc.streams }
	muxings := func(enc *encoding) *[]*resource { return &enc.muxings }
	routes := childKindRoutes(one+"/streams", known.stream, streams)
	for _, k := range known.muxings {
		routes = append(routes, childKindRoutes(one+"/muxings/"+k.path, k, muxings)...)
	}
	return append(routes,
		getRoute(one+"/muxings", groupEncoding, onEncoding(func(_ *Simulator, c *call, enc *encoding) (any, error) {
			return c.renderPage(enc.muxings)
		})),
		getRoute(one+"/muxings/{child}", groupEncoding, onEncoding(func(_ *Simulator, c *call, enc *encoding) (any, error) {
			r := findChild(enc.muxings, c.params["child"])
			if r == nil {
				return nil, notFound("muxing", c.params["child"])
			}
			return r.render(), nil
		})))
}

func childKindRoutes(path string, k *kind, of func(*encoding) *[]*resource) []route {
	found := func(do func(*resource) any) handler {
		return onEncoding(func(_ *Simulator, c *call, enc *encoding) (any, error) {
			r := findChild(*of(enc), c.params["child"])
			if r == nil || r.kind != k {
				return nil, notFound(k.class.what, c.params["child"])
			}
			return do(r), nil
		})
	}
	return []route{
		postRoute(path, groupEncoding, createChild(k, of)),
		getRoute(path, groupEncoding, onEncoding(func(_ *Simulator, c *call, enc *encoding) (any, error) {
			ofKind := slices.DeleteFunc(slices.Clone(*of(enc)), func(r *resource) bool { return r.kind != k })
			return c.renderPage(ofKind)
		})),
		getRoute(path+"/{child}", groupEncoding, found(func(r *resource) any { return r.render() })),
		getRoute(path+"/{child}/customData", groupEncoding, found(func(r *resource) any {
			return renderCustomData(r.custom, r.created)
		})),
		deleteRoute(path+"/{child}", groupEncoding, removeChild(k, of)),
	}
}

// createChild adds a stream or muxing to an encoding that can be started.
func createChild(k *kind, of func(*encoding) *[]*resource) handler {
	return onEncoding(func(s *Simulator, c *call, enc *encoding) (any, error) {
		if enc.template != nil || enc.status != Created && enc.status != Error {
			return nil, wrongState(enc, "changed")
		}
		fields, err := c.object()
		if err != nil {
			return nil, err
		}
		r, err := newResource(s, k, enc, fields, false)
		if err != nil {
			return nil, err
		}
		r.id = s.ids.newID()
		*of(enc) = append(*of(enc), r)
		return r.render(), nil
	})
}

func removeChild(k *kind, of func(*encoding) *[]*resource) handler {
	return onEncoding(func(_ *Simulator, c *call, enc *encoding) (any, error) {
		r := findChild(*of(enc), c.params["child"])
		if r == nil || r.kind != k {
			return nil, notFound(k.class.what, c.params["child"])
		}
		if enc.status != Created && enc.status != Error {
			return nil, wrongState(enc, "changed")
		}
		if k.class.what == "stream" && usedByMuxing(enc, r.id) {
			return nil, &apiError{
				status: http.StatusBadRequest, code: CodeReference,
				message: "stream " + r.id + " is used by a muxing",
			}
		}
		children := of(enc)
		*children = slices.DeleteFunc(*children, func(other *resource) bool { return other == r })
		return idOnly(r.id), nil
	})
}

func usedByMuxing(enc *encoding, streamID string) bool {
	for _, m := range enc.muxings {
		var muxing Muxing
		decodeStored(m.fields, &muxing)
		if slices.Contains(muxing.Streams, StreamRef{streamID}) {
			return true
		}
	}
	return false
}

func findChild(children []*resource, id string) *resource {
	for _, r := range children {
		if r.id == id {
			return r
		}
	}
	return nil
}

// renderPage renders the page that the call asks for.
func (c *call) renderPage(children []*resource) (any, error) {
	p, err := c.parsePage()
	if err != nil {
		return nil, err
	}
	return paginate(p, children, func(r *resource) any { return r.render() }), nil
}

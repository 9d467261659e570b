package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// part is a resource below an encoding or a manifest.
type part struct {
	*resource
	of         *partKind
	collection string // the path below which it is, with ids
}

// partTable holds the parts of all encodings and manifests, by the id of their owner and in order
// of creation.
type partTable map[string][]*part

func (t partTable) insert(owner string, p *part) { t[owner] = append(t[owner], p) }

// remove removes a part with everything below it.
func (t partTable) remove(owner string, p *part) {
	below := p.collection + "/" + p.id
	t[owner] = slices.DeleteFunc(t[owner], func(other *part) bool {
		return other == p || other.collection == below || strings.HasPrefix(other.collection, below+"/")
	})
}

// find returns a part of an owner, nil if there is none.
func (t partTable) find(owner, id string) *part {
	for _, p := range t[owner] {
		if p.id == id {
			return p
		}
	}
	return nil
}

// listBelow returns the parts below a path.
func (t partTable) listBelow(owner, collection string) []*resource {
	var all []*resource
	for _, p := range t[owner] {
		if p.collection == collection {
			all = append(all, p.resource)
		}
	}
	return all
}

// partRoutes are the routes of parts.
func partRoutes(known *catalog) []route {
	var routes []route
	for _, k := range known.parts {
		group := groupEncoding
		if strings.HasPrefix(k.pattern, known.manifests.base) {
			group = groupManifests
		}
		collection, one := k.makePaths()
		routes = append(routes,
			postRoute(collection, group, createPart(k)),
			getRoute(collection, group, onOwner(k, func(s *Simulator, c *call, owner, at string) (any, error) {
				return c.renderPage(s.parts.listBelow(owner, at))
			})),
			getRoute(one, group, onPart(k, func(_ *Simulator, _ string, p *part) any { return p.render() })),
			deleteRoute(one, group, onPart(k, func(s *Simulator, owner string, p *part) any {
				s.parts.remove(owner, p)
				return idOnly(p.id)
			})),
		)
		if k.custom {
			routes = append(routes, getRoute(one+"/customData", group, onPart(k, func(_ *Simulator, _ string, p *part) any {
				return renderCustomData(p.custom, p.created)
			})))
		}
	}
	return append(routes, streamFilterRoutes()...)
}

// onOwner returns a handler that checks everything that the path of a collection names.
func onOwner(k *partKind, do func(s *Simulator, c *call, owner, at string) (any, error)) handler {
	return func(s *Simulator, c *call) (any, error) {
		at := k.pattern
		for _, name := range partParameters()[:strings.Count(at, "{}")] {
			before, after, _ := strings.Cut(at, "{}")
			id := c.params[name]
			if err := s.checkPartParent(k, before, c.params["id"], id); err != nil {
				return nil, err
			}
			at = before + id + after
		}
		return do(s, c, c.params["id"], at)
	}
}

// checkPartParent checks that the resource exists that a path has below before.
func (s *Simulator) checkPartParent(k *partKind, before, owner, id string) error {
	above := strings.TrimSuffix(before, "/")
	switch {
	case above == "/encoding/encodings":
		if s.encodings.find(id) == nil {
			return notFound("encoding", id)
		}
		return nil
	case owner == id:
		r := s.resources.byID[id]
		if r == nil || r.kind.class != s.known.manifests || !strings.HasPrefix(r.kind.path, above) {
			return notFound("manifest", id)
		}
		return nil
	case strings.HasSuffix(above, "/streams") && strings.HasPrefix(above, "/encoding/encodings"):
		if enc := s.encodings.find(owner); enc == nil || findChild(enc.streams, id) == nil {
			return notFound("stream", id)
		}
		return nil
	case strings.Contains(above, "/muxings/"):
		enc := s.encodings.find(owner)
		if enc == nil {
			return notFound("encoding", owner)
		}
		if m := findChild(enc.muxings, id); m == nil || !strings.HasSuffix(above, "/"+m.kind.path) {
			return notFound("muxing", id)
		}
		return nil
	}
	// The path of an adaptation set or of media may leave out their kind.
	if p := s.parts.find(owner, id); p == nil || p.collection != above && p.collection[:strings.LastIndexByte(p.collection, '/')] != above {
		return notFound(k.class.what, id)
	}
	return nil
}

// onPart returns a handler that looks up the part of the path.
func onPart(k *partKind, do func(s *Simulator, owner string, p *part) any) handler {
	last := partParameters()[strings.Count(k.pattern, "{}")]
	return onOwner(k, func(s *Simulator, c *call, owner, at string) (any, error) {
		p := s.parts.find(owner, c.params[last])
		if p == nil || p.collection != at {
			return nil, notFound(k.class.what, c.params[last])
		}
		if c.r.Method == http.MethodDelete {
			if err := s.checkUnstarted(owner); err != nil {
				return nil, err
			}
		}
		return do(s, owner, p), nil
	})
}

// checkUnstarted checks that an encoding can still be changed. Manifests can always be.
func (s *Simulator) checkUnstarted(owner string) error {
	enc := s.encodings.find(owner)
	if enc != nil && (enc.template != nil || enc.status != Created && enc.status != Error) {
		return wrongState(enc, "changed")
	}
	return nil
}

func createPart(k *partKind) handler {
	return onOwner(k, func(s *Simulator, c *call, owner, at string) (any, error) {
		if err := s.checkUnstarted(owner); err != nil {
			return nil, err
		}
		fields, err := c.object()
		if err != nil {
			return nil, err
		}
		p, err := newPart(s, k, owner, at, fields)
		if err != nil {
			return nil, err
		}
		s.parts.insert(owner, p)
		return p.render(), nil
	})
}

// newPart checks the fields of a new part and returns the part without storing it.
func newPart(s *Simulator, k *partKind, owner, at string, fields map[string]json.RawMessage) (*part, error) {
	r, err := newResource(s, &k.kind, s.encodings.byID[owner], fields, false)
	if err != nil {
		return nil, err
	}
	r.id = s.ids.newID()
	return &part{r, k, at}, nil
}

// checkPart checks the references of a part, wherever they are in it.
func checkPart(c *checker) {
	c.checkOutputs()
	if c.kind.class.what == "thumbnail" || c.kind.class.what == "sprite" {
		for _, name := range sortedKeys(pictureFields) {
			c.checkEnum(name, pictureFields[name])
		}
	}
	c.texts("inputPath", "pattern", "spriteName", "fileName", "filename", "segmentPath", "filePath", "uri")
	var encodingID string
	if c.read("encodingId", &encodingID) && c.s.encodings.byID[encodingID] == nil {
		c.addMissingReference("encodingId", "encoding", encodingID)
	}
	for _, name := range sortedKeys(c.fields) {
		var value any
		if json.Unmarshal(c.fields[name], &value) == nil {
			c.checkReferences(name, name, value, encodingID)
		}
	}
}

// checkReferences checks the ids in a value. encodingID is the encoding that the part names, if it
// is not one of an encoding.
func (c *checker) checkReferences(at, name string, value any, encodingID string) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(value) {
			c.checkReferences(at+"."+key, key, value[key], encodingID)
		}
	case []any:
		for i, element := range value {
			c.checkReferences(fmt.Sprintf("%s[%d]", at, i), name, element, encodingID)
		}
	case string:
		if what := c.findMissing(name, value, encodingID); what != "" {
			c.addMissingReference(at, what, value)
		}
	}
}

// findMissing returns what an id should name if it names nothing; "" if it is no id or names
// something.
func (c *checker) findMissing(name, id, encodingID string) string {
	owner := c.s.encodings.byID[encodingID]
	if owner == nil {
		owner = c.enc
	}
	switch name {
	case "inputId":
		if !c.s.exists(c.s.known.inputs, id) {
			return "input"
		}
	case "inputStreamId", "metadataInputStreamId":
		if !c.isPart(owner, id, "/input-streams/") {
			return "input stream"
		}
	case "streamId":
		if owner == nil || findChild(owner.allStreams(), id) == nil {
			return "stream"
		}
	case "muxingId":
		if owner == nil || findChild(owner.allMuxings(), id) == nil {
			return "muxing"
		}
	case "drmId":
		if !c.isPart(owner, id, "/drm/") {
			return "DRM configuration"
		}
	case "spriteId":
		if !c.isPart(owner, id, "/sprites") {
			return "sprite"
		}
	case "keyframeId", "startKeyframeId", "endKeyframeId":
		if !c.isPart(owner, id, "/keyframes") {
			return "keyframe"
		}
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// isPart reports whether an id is that of a part of the encoding, in a collection. owner is nil for a
// part of a manifest that does not name an encoding: then any encoding will do.
func (c *checker) isPart(owner *encoding, id, collection string) bool {
	var p *part
	if owner != nil {
		p = c.s.parts.find(owner.id, id)
	}
	for of := range c.s.parts {
		if owner == nil && p == nil {
			p = c.s.parts.find(of, id)
		}
	}
	return p != nil && strings.Contains(p.collection+"/", collection)
}

// allStreams returns the streams of an encoding, including those that its template makes later.
func (enc *encoding) allStreams() []*resource {
	if enc.template != nil {
		return enc.template.streams
	}
	return enc.streams
}

// allMuxings returns the muxings of an encoding, including those that its template makes later.
func (enc *encoding) allMuxings() []*resource {
	if enc.template != nil {
		return enc.template.muxings
	}
	return enc.muxings
}

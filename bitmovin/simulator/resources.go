package simulator

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// object reads the body as a JSON object.
func (c *call) object() (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(c.body, &fields); err != nil {
		return nil, invalid("the body is not a JSON object: %v", err)
	}
	if fields == nil {
		return nil, invalid("the body is null, not a JSON object")
	}
	return fields, nil
}

// newResource checks the fields of a new resource and returns the resource without an id and
// without storing it. enc is the encoding that a stream or muxing belongs to. If named, the
// resource must have a name.
func newResource(s *Simulator, k *kind, enc *encoding, fields map[string]json.RawMessage, named bool) (*resource, error) {
	check := &checker{s: s, enc: enc, kind: k, fields: fields}
	check.checkCommon()
	if named {
		check.require("name")
	}
	k.check(check)
	if err := check.err(); err != nil {
		return nil, err
	}
	r := &resource{kind: k, created: s.schedule.moment, custom: fields["customData"]}
	kept := make(map[string]json.RawMessage, len(fields))
	for name, value := range fields {
		if !isSecret(name) && !isLeftOut(name) && !bytes.Equal(value, []byte("null")) {
			kept[name] = value
		}
	}
	r.fields = mustMarshal(kept)
	r.order = s.ids.nextOrder()
	if k.class == s.known.manifests {
		r.status = Created
	}
	return r, nil
}

// isLeftOut reports whether the stored object leaves out a field that the client sent: the
// simulator decides the field, or keeps it apart as customData.
func isLeftOut(field string) bool {
	switch field {
	case "id", "type", "createdAt", "modifiedAt", "customData", "status", "signature", "servicePrincipal":
		return true
	}
	return false
}

// resourceRoutes are the routes of inputs, outputs, codec configurations and default
// manifests, by kind and for all kinds of a class.
func resourceRoutes(known *catalog) []route {
	var routes []route
	for _, k := range known.kinds {
		if k.class == known.manifests {
			continue // see manifestRoutes
		}
		group := k.class.group
		routes = append(routes,
			postRoute(k.path, group, createResource(k)),
			getRoute(k.path, group, listKinds(k)),
			getRoute(k.path+"/{id}", group, getResource(k)),
			deleteRoute(k.path+"/{id}", group, removeResource(k)),
		)
		if !k.noCustom {
			routes = append(routes, getRoute(k.path+"/{id}/customData", group, getCustomData(k)))
		}
	}
	for _, cl := range []*class{known.inputs, known.outputs, known.configurations, known.filters, known.manifests} {
		var kinds []*kind
		for _, k := range known.kinds {
			if k.class == cl {
				kinds = append(kinds, k)
			}
		}
		routes = append(routes,
			getRoute(cl.base, cl.group, listKinds(kinds...)),
			getRoute(cl.base+"/{id}/type", cl.group, func(s *Simulator, c *call) (any, error) {
				r, err := s.resources.findOfClass(cl, c.params["id"])
				if err != nil {
					return nil, err
				}
				return map[string]string{"type": r.kind.typ}, nil
			}),
		)
		if cl == known.manifests {
			continue // the API has no path for a manifest of any format
		}
		routes = append(routes, getRoute(cl.base+"/{id}", cl.group, func(s *Simulator, c *call) (any, error) {
			r, err := s.resources.findOfClass(cl, c.params["id"])
			if err != nil {
				return nil, err
			}
			return r.render(), nil
		}))
	}
	return append(routes, permissionRoute(known))
}

func createResource(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		fields, err := c.object()
		if err != nil {
			return nil, err
		}
		r, err := newResource(s, k, nil, fields, k.named)
		if err != nil {
			return nil, err
		}
		r.id = s.ids.newID()
		s.resources.insert(r)
		return r.render(), nil
	}
}

func getResource(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		r, err := s.resources.findOfKind(k, c.params["id"])
		if err != nil {
			return nil, err
		}
		return r.render(), nil
	}
}

func getCustomData(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		r, err := s.resources.findOfKind(k, c.params["id"])
		if err != nil {
			return nil, err
		}
		return renderCustomData(r.custom, r.created), nil
	}
}

func renderCustomData(custom json.RawMessage, created time.Time) any {
	if custom == nil {
		custom = json.RawMessage("{}")
	}
	return map[string]any{"customData": custom, "createdAt": timestamp(created)}
}

func removeResource(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		r, err := s.resources.findOfKind(k, c.params["id"])
		if err != nil {
			return nil, err
		}
		s.resources.remove(r)
		return idOnly(r.id), nil
	}
}

func idOnly(id string) any { return map[string]string{"id": id} }

// listKinds lists the resources of the kinds, filtered by name and type.
func listKinds(kinds ...*kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		page, err := c.parsePage()
		if err != nil {
			return nil, err
		}
		query := c.r.URL.Query()
		name, typ := query.Get("name"), query.Get("type")
		var found []*resource
		for _, k := range kinds {
			if typ != "" && !strings.EqualFold(typ, k.typ) {
				continue
			}
			for _, r := range s.resources.byKind[k] {
				if name == "" || r.name() == name {
					found = append(found, r)
				}
			}
		}
		if len(kinds) > 1 {
			slices.SortFunc(found, byCreation)
		}
		return paginate(page, found, func(r *resource) any { return r.render() }), nil
	}
}

// optional decodes a body that may be empty.
func (c *call) optional(into any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return invalid("the body is not as documented: %v", err)
	}
	return nil
}

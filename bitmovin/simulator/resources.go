package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

func byCreation(a, b *resource) int { return cmp.Compare(a.order, b.order) }

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

// make checks the fields of a new resource and returns it, not yet stored.
func (s *Simulator) make(k *kind, enc *encoding, fields map[string]json.RawMessage, named bool) (*resource, error) {
	check := &checker{s: s, enc: enc, kind: k, fields: fields}
	check.common()
	if named {
		check.require("name")
	}
	k.check(check)
	if err := check.err(); err != nil {
		return nil, err
	}
	r := &resource{kind: k, created: s.moment, custom: fields["customData"]}
	kept := make(map[string]json.RawMessage, len(fields))
	for name, value := range fields {
		if !secret(name) && !serverSide(name) && !bytes.Equal(value, []byte("null")) {
			kept[name] = value
		}
	}
	r.fields = mustMarshal(kept)
	r.order = s.nextOrder()
	if k.class == s.known.manifests {
		r.status = Created
	}
	return r, nil
}

// serverSide are the fields a client may send but not decide, and customData,
// which is kept but not echoed. Unknown fields are kept and echoed.
func serverSide(field string) bool {
	switch field {
	case "id", "type", "createdAt", "modifiedAt", "customData", "status", "signature", "servicePrincipal":
		return true
	}
	return false
}

func (s *Simulator) store(r *resource) {
	s.resources[r.id] = r
	s.byKind[r.kind] = append(s.byKind[r.kind], r)
}

// render returns the resource as the API shows it.
func (r *resource) render() json.RawMessage {
	var b bytes.Buffer
	b.WriteString(`{"id":"` + r.id + `"`)
	if r.kind.typ != "" {
		b.WriteString(`,"type":"` + r.kind.typ + `"`)
	}
	at := timestamp(r.created)
	b.WriteString(`,"createdAt":"` + at + `","modifiedAt":"` + at + `"`)
	if r.status != "" {
		b.WriteString(`,"status":"` + string(r.status) + `"`)
	}
	if len(r.fields) > 2 {
		b.WriteByte(',')
		b.Write(r.fields[1 : len(r.fields)-1])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// resourceRoutes are the routes of inputs, outputs, codec configurations and
// default manifests, and of the generic endpoints above them.
func resourceRoutes(known *catalog) []route {
	var routes []route
	for _, k := range known.kinds {
		group := k.class.group
		routes = append(routes,
			post(k.path, group, createOf(k)),
			get(k.path, group, listOf(k)),
			get(k.path+"/{id}", group, getOf(k)),
			get(k.path+"/{id}/customData", group, customDataOf(k)),
			remove(k.path+"/{id}", group, removeOf(k)),
		)
	}
	for _, cl := range []*class{known.inputs, known.outputs, known.configurations, known.manifests} {
		var kinds []*kind
		for _, k := range known.kinds {
			if k.class == cl {
				kinds = append(kinds, k)
			}
		}
		routes = append(routes,
			get(cl.base, cl.group, listOf(kinds...)),
			get(cl.base+"/{id}", cl.group, func(s *Simulator, c *call) (any, error) {
				r, err := s.lookUp(cl, c.params["id"])
				if err != nil {
					return nil, err
				}
				return r.render(), nil
			}),
			get(cl.base+"/{id}/type", cl.group, func(s *Simulator, c *call) (any, error) {
				r, err := s.lookUp(cl, c.params["id"])
				if err != nil {
					return nil, err
				}
				return map[string]string{"type": r.kind.typ}, nil
			}),
		)
	}
	check := post(known.outputs.base+"/{id}/check-permissions", known.outputs.group, checkPermissions)
	check.status, check.pure = http.StatusOK, true
	return append(routes, check)
}

func (s *Simulator) lookUp(cl *class, id string) (*resource, error) {
	r := s.resources[id]
	if r == nil || r.kind.class != cl {
		return nil, notFound(cl.what, id)
	}
	return r, nil
}

func createOf(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		fields, err := c.object()
		if err != nil {
			return nil, err
		}
		r, err := s.make(k, nil, fields, k.named)
		if err != nil {
			return nil, err
		}
		r.id = s.newID()
		s.store(r)
		return r.render(), nil
	}
}

func (s *Simulator) ofKind(k *kind, c *call) (*resource, error) {
	r := s.resources[c.params["id"]]
	if r == nil || r.kind != k {
		return nil, notFound(k.class.what, c.params["id"])
	}
	return r, nil
}

func getOf(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		r, err := s.ofKind(k, c)
		if err != nil {
			return nil, err
		}
		return r.render(), nil
	}
}

func customDataOf(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		r, err := s.ofKind(k, c)
		if err != nil {
			return nil, err
		}
		return customData(r.custom, r.created), nil
	}
}

func customData(custom json.RawMessage, created time.Time) any {
	if custom == nil {
		custom = json.RawMessage("{}")
	}
	return map[string]any{"customData": custom, "createdAt": timestamp(created)}
}

func removeOf(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		r, err := s.ofKind(k, c)
		if err != nil {
			return nil, err
		}
		delete(s.resources, r.id)
		at := slices.Index(s.byKind[k], r)
		s.byKind[k] = slices.Delete(s.byKind[k], at, at+1)
		return idOnly(r.id), nil
	}
}

func idOnly(id string) any { return map[string]string{"id": id} }

// listOf lists the resources of some kinds, filtered by name and type.
func listOf(kinds ...*kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		page, err := c.page()
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
			for _, r := range s.byKind[k] {
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

func (r *resource) name() string {
	var named struct {
		Name string `json:"name"`
	}
	peek(r.fields, &named)
	return named.Name
}

func checkPermissions(s *Simulator, c *call) (any, error) {
	r, err := s.lookUp(s.known.outputs, c.params["id"])
	if err != nil {
		return nil, err
	}
	var body struct {
		Path string `json:"path"`
	}
	if err := c.optional(&body); err != nil {
		return nil, err
	}
	return map[string]any{"outputId": r.id, "outputType": r.kind.typ, "path": body.Path, "passed": true}, nil
}

// optional decodes a body that may be empty, null or {}.
func (c *call) optional(into any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return invalid("the body is not as documented: %v", err)
	}
	return nil
}

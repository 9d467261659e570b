package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// resource is an input, output, codec configuration, manifest, stream or muxing.
type resource struct {
	id      string
	kind    *kind
	created time.Time
	fields  json.RawMessage // the object without id, type, times and secrets
	custom  json.RawMessage // customData
	status  Status          // of manifests
	order   int64
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

func (r *resource) name() string {
	var named struct {
		Name string `json:"name"`
	}
	decodeStored(r.fields, &named)
	return named.Name
}

// resourceTable holds inputs, outputs, codec configurations and manifests. Streams and
// muxings belong to their encodings.
type resourceTable struct {
	byID    map[string]*resource
	byKind  map[*kind][]*resource // in order of creation
	deleted map[string]bool       // ids
}

func newResourceTable() *resourceTable {
	return &resourceTable{byID: make(map[string]*resource), byKind: make(map[*kind][]*resource), deleted: make(map[string]bool)}
}

func (t *resourceTable) insert(r *resource) {
	t.byID[r.id] = r
	t.byKind[r.kind] = append(t.byKind[r.kind], r)
}

func (t *resourceTable) remove(r *resource) {
	delete(t.byID, r.id)
	t.deleted[r.id] = true
	t.byKind[r.kind] = slices.DeleteFunc(t.byKind[r.kind], func(other *resource) bool { return other == r })
}

// findOfClass returns the resource with an id and of a class, or a 404.
func (t *resourceTable) findOfClass(of *class, id string) (*resource, error) {
	r := t.byID[id]
	if r == nil || r.kind.class != of {
		return nil, notFound(of.what, id)
	}
	return r, nil
}

// findOfKind returns the resource with an id and of a kind, or a 404.
func (t *resourceTable) findOfKind(k *kind, id string) (*resource, error) {
	r := t.byID[id]
	if r == nil || r.kind != k {
		return nil, notFound(k.class.what, id)
	}
	return r, nil
}

// all returns all resources in order of creation.
func (t *resourceTable) all() []*resource {
	return slices.SortedFunc(maps.Values(t.byID), byCreation)
}

func byCreation(a, b *resource) int { return cmp.Compare(a.order, b.order) }

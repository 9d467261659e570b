package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// template is what an encoding started from a template will become.
type template struct {
	streams, muxings []*resource
	request          startRequest
	startBody        json.RawMessage
}

func templateRoutes() []route {
	start := post("/encoding/templates/start", groupTemplates, startTemplate)
	start.status = http.StatusOK
	return []route{start}
}

// startTemplate creates all that a template declares and answers at once with
// the id of its encoding, which is set up and queued TemplateDelay later. Of
// a template with mistakes nothing is created.
func startTemplate(s *Simulator, c *call) (any, error) {
	doc, err := parseTemplate(c.body)
	if err != nil {
		return nil, err
	}
	if s.queueIsFull() {
		return nil, s.queueFull()
	}
	b := &builder{s: s, refs: make(map[string]reference)}
	if err := b.build(doc); err != nil {
		b.undo()
		return nil, err
	}
	enc := b.enc
	enc.key, enc.fromTemplate, enc.template = shortKey(c.key), true, b.result
	s.storeEncoding(enc)
	s.pendingTemplates++
	s.after(max(0, s.TemplateDelay), enc, func(s *Simulator, enc *encoding) {
		t := enc.template
		s.pendingTemplates--
		enc.template, enc.streams, enc.muxings = nil, t.streams, t.muxings
		s.applyStart(enc, t.request, t.startBody)
	})
	c.encodingID = enc.id
	return map[string]string{"encodingId": enc.id}, nil
}

// reference is what a $/ path stands for.
type reference struct {
	id      string
	section int // position of the declaring section in the document
}

// builder turns a template into resources.
type builder struct {
	s       *Simulator
	refs    map[string]reference // by path, "$/inputs/https/in"
	section int                  // being built
	created []*resource
	enc     *encoding
	result  *template
}

// declared is one resource of a template.
type declared struct {
	path       string // "$/inputs/https/in"
	kind       *kind
	properties ordered
}

func (b *builder) build(doc ordered) error {
	if doc.child("metadata") == nil {
		return invalid("metadata is required")
	}
	if typ := doc.child("metadata").text("type"); typ != "VOD" {
		return invalid("metadata.type must be VOD, not %q", typ)
	}
	for _, section := range []string{"infrastructure", "notifications", "live"} {
		if doc.child(section) != nil {
			return invalid("%s is not possible in a template here", section)
		}
	}
	encodings := doc.child("encodings")
	if len(encodings) != 1 {
		return invalid("encodings must contain exactly one encoding, not %d", len(encodings))
	}
	b.declare(doc)
	for i, item := range doc {
		b.section = i
		name := fmt.Sprint(item.Key)
		switch name {
		case "inputs", "outputs", "configurations", "manifests":
			if err := b.resources(name, asOrdered(item.Value)); err != nil {
				return err
			}
		case "encodings":
			if err := b.encoding(fmt.Sprint(encodings[0].Key), asOrdered(encodings[0].Value)); err != nil {
				return err
			}
		}
	}
	return b.start(encodings)
}

// declare gives everything that can be referred to its id.
func (b *builder) declare(doc ordered) {
	for i, item := range doc {
		name := fmt.Sprint(item.Key)
		for _, d := range b.declarations(name, asOrdered(item.Value)) {
			b.refs[d.path] = reference{b.s.newID(), i}
		}
		if name != "encodings" {
			continue
		}
		for _, enc := range asOrdered(item.Value) {
			path := "$/encodings/" + fmt.Sprint(enc.Key)
			b.refs[path] = reference{b.s.newID(), i}
			for _, stream := range asOrdered(enc.Value).child("streams") {
				b.refs[path+"/streams/"+fmt.Sprint(stream.Key)] = reference{b.s.newID(), i}
			}
		}
	}
}

// declarations lists the resources of a section that the simulator knows.
// Others are dropped without a word, as by the platform.
func (b *builder) declarations(section string, body ordered) []declared {
	var all []declared
	for _, k := range b.s.known.kinds {
		if strings.TrimPrefix(k.class.base, "/encoding/") != section {
			continue
		}
		group := body
		for part := range strings.SplitSeq(k.template, "/") {
			group = group.child(part)
		}
		for _, item := range group {
			path := "$/" + section + "/" + k.template + "/" + fmt.Sprint(item.Key)
			all = append(all, declared{path, k, asOrdered(item.Value).child("properties")})
		}
	}
	return all
}

func (b *builder) resources(section string, body ordered) error {
	for _, d := range b.declarations(section, body) {
		r, err := b.make(d, nil)
		if err != nil {
			return err
		}
		b.s.store(r)
		b.created = append(b.created, r)
	}
	return nil
}

// make builds one resource with its references resolved.
func (b *builder) make(d declared, enc *encoding) (*resource, error) {
	fields, err := b.fields(d.path, d.properties, false)
	if err != nil {
		return nil, err
	}
	r, err := b.s.make(d.kind, enc, fields, false)
	if err != nil {
		return nil, within(d.path, err)
	}
	if ref, ok := b.refs[d.path]; ok {
		r.id = ref.id
	} else {
		r.id = b.s.newID()
	}
	return r, nil
}

func within(path string, err error) error {
	e, _ := errors.AsType[*apiError](err) // handlers return nothing else
	e.message = path + ": " + e.message
	return e
}

// fields resolves references in properties. forward allows those to sections
// that come later, which only a start may use, for its manifests.
func (b *builder) fields(path string, properties ordered, forward bool) (map[string]json.RawMessage, error) {
	resolved, err := b.resolve(path, properties.plain(), forward)
	if err != nil {
		return nil, err
	}
	object, _ := resolved.(map[string]any)
	fields := make(map[string]json.RawMessage, len(object))
	for name, value := range object {
		fields[name] = mustMarshal(value)
	}
	return fields, nil
}

func (b *builder) resolve(path string, value any, forward bool) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		if !strings.HasPrefix(v, "$/") {
			return v, nil
		}
		ref, ok := b.refs[v]
		switch {
		case !ok:
			return nil, &apiError{
				status: http.StatusBadRequest, code: CodeReference,
				message: fmt.Sprintf("%s: %s is not declared", path, v),
			}
		case ref.section > b.section && !forward:
			return nil, invalid("%s: %s is declared later; sections must come before their users", path, v)
		}
		return ref.id, nil
	case map[string]any:
		for name := range v {
			if v[name], err = b.resolve(path, v[name], forward); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = b.resolve(path, v[i], forward); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// encoding builds the encoding and its children; start comes last, when the
// manifests exist that it may name.
func (b *builder) encoding(key string, body ordered) error {
	path := "$/encodings/" + key
	fields, err := b.fields(path, body.child("properties"), false)
	if err != nil {
		return err
	}
	if b.enc, err = b.s.makeEncoding(fields, false); err != nil {
		return within(path, err)
	}
	b.enc.id, b.result = b.refs[path].id, new(template)
	b.s.encodings[b.enc.id] = b.enc // manifests refer to it
	if body.child("live") != nil || !body.has("start") {
		return invalid("%s must have start, and not live", path)
	}
	for _, item := range body.child("streams") {
		d := declared{path + "/streams/" + fmt.Sprint(item.Key), b.s.known.stream, asOrdered(item.Value).child("properties")}
		r, err := b.make(d, b.enc)
		if err != nil {
			return err
		}
		b.result.streams = append(b.result.streams, r)
	}
	return b.muxings(path, body.child("muxings"))
}

func (b *builder) muxings(path string, body ordered) error {
	parent := *b.enc // as it will be, for the check of stream ids
	parent.streams = b.result.streams
	for _, group := range body {
		name := fmt.Sprint(group.Key)
		k := b.s.known.muxing(name)
		if k == nil {
			continue
		}
		for _, item := range asOrdered(group.Value) {
			at := path + "/muxings/" + name + "/" + fmt.Sprint(item.Key)
			r, err := b.make(declared{at, k, asOrdered(item.Value).child("properties")}, &parent)
			if err != nil {
				return err
			}
			b.result.muxings = append(b.result.muxings, r)
		}
	}
	if len(b.result.streams) == 0 || len(b.result.muxings) == 0 {
		return invalid("%s needs at least one stream and one muxing", path)
	}
	return nil
}

func (b *builder) start(encodings ordered) error {
	path := "$/encodings/" + fmt.Sprint(encodings[0].Key) + "/start"
	fields, err := b.fields(path, asOrdered(encodings[0].Value).child("start").child("properties"), true)
	if err != nil {
		return err
	}
	body := mustMarshal(fields)
	if err := json.Unmarshal(body, &b.result.request); err != nil {
		return invalid("%s: %v", path, err)
	}
	if err := b.s.checkStart(b.result.request); err != nil {
		return within(path, err)
	}
	if !bytes.Equal(body, []byte("{}")) {
		b.result.startBody = body
	}
	return nil
}

// undo forgets what a template with a mistake has created so far.
func (b *builder) undo() {
	for _, r := range b.created {
		delete(b.s.resources, r.id)
		b.s.byKind[r.kind] = slices.DeleteFunc(b.s.byKind[r.kind], func(other *resource) bool { return other == r })
	}
	if b.enc != nil {
		delete(b.s.encodings, b.enc.id)
	}
}

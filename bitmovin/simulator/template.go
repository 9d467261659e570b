package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// template holds what the encoding of a template gets after [Simulator.TemplateDelay].
type template struct {
	streams, muxings []*resource
	request          startRequest
	startBody        json.RawMessage
}

func templateRoutes() []route {
	start := postRoute("/encoding/templates/start", groupTemplates, startTemplate)
	start.status = http.StatusOK
	return []route{start}
}

// startTemplate creates the resources of a template and answers with the id of the encoding.
// The encoding gets its streams and muxings and is queued TemplateDelay later. A template with
// mistakes creates nothing.
func startTemplate(s *Simulator, c *call) (any, error) {
	doc, err := parseTemplate(c.body)
	if err != nil {
		return nil, err
	}
	if s.queueIsFull() {
		return nil, s.refuseFullQueue()
	}
	b := &builder{s: s, refs: make(map[string]reference)}
	if err := b.build(doc); err != nil {
		b.undo()
		return nil, err
	}
	enc := b.enc
	enc.key, enc.fromTemplate, enc.template = shortKey(c.key), true, b.result
	s.schedule.create(enc)
	s.schedule.pendingTemplates++
	s.schedule.after(max(0, s.TemplateDelay), enc, func(enc *encoding) {
		t := enc.template
		s.schedule.pendingTemplates--
		enc.template, enc.streams, enc.muxings = nil, t.streams, t.muxings
		applyStart(s, enc, t.request, t.startBody)
	})
	c.encodingID = enc.id
	return map[string]string{"encodingId": enc.id}, nil
}

// reference is the resource that a $/ path names.
type reference struct {
	id      string
	section int // position in the document of the section that declares it
}

// builder turns a template into resources.
type builder struct {
	s       *Simulator
	refs    map[string]reference // by path, "$/inputs/https/in"
	section int                  // position of the section that is being built
	created []*resource
	enc     *encoding
	result  *template
}

// declaration is one resource in a template.
type declaration struct {
	path       string // "$/inputs/https/in"
	kind       *kind
	properties orderedMap
}

func (b *builder) build(doc orderedMap) error {
	if doc.child("metadata") == nil {
		return invalid("metadata is required")
	}
	if typ := doc.child("metadata").text("type"); typ != "VOD" {
		return invalid("metadata.type must be VOD, not %q", typ)
	}
	for _, section := range []string{"infrastructure", "notifications", "live"} {
		if doc.child(section) != nil {
			return invalid("the simulator does not support %s in a template", section)
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
			if err := b.buildResources(name, asOrderedMap(item.Value)); err != nil {
				return err
			}
		case "encodings":
			if err := b.buildEncoding(fmt.Sprint(encodings[0].Key), asOrderedMap(encodings[0].Value)); err != nil {
				return err
			}
		}
	}
	return b.readStart(encodings)
}

// declare gives an id to everything that a $/ path can name.
func (b *builder) declare(doc orderedMap) {
	for i, item := range doc {
		name := fmt.Sprint(item.Key)
		for _, d := range b.declarations(name, asOrderedMap(item.Value)) {
			b.refs[d.path] = reference{b.s.ids.newID(), i}
		}
		if name != "encodings" {
			continue
		}
		for _, enc := range asOrderedMap(item.Value) {
			path := "$/encodings/" + fmt.Sprint(enc.Key)
			b.refs[path] = reference{b.s.ids.newID(), i}
			for _, stream := range asOrderedMap(enc.Value).child("streams") {
				b.refs[path+"/streams/"+fmt.Sprint(stream.Key)] = reference{b.s.ids.newID(), i}
			}
		}
	}
}

// declarations returns the resources of a section whose kinds the simulator knows. Others are
// ignored, as on the platform.
func (b *builder) declarations(section string, body orderedMap) []declaration {
	var all []declaration
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
			all = append(all, declaration{path, k, asOrderedMap(item.Value).child("properties")})
		}
	}
	return all
}

func (b *builder) buildResources(section string, body orderedMap) error {
	for _, d := range b.declarations(section, body) {
		r, err := b.buildResource(d, nil)
		if err != nil {
			return err
		}
		b.s.resources.insert(r)
		b.created = append(b.created, r)
	}
	return nil
}

// buildResource builds one resource with its references resolved.
func (b *builder) buildResource(d declaration, enc *encoding) (*resource, error) {
	fields, err := b.resolveFields(d.path, d.properties, false)
	if err != nil {
		return nil, err
	}
	r, err := newResource(b.s, d.kind, enc, fields, false)
	if err != nil {
		return nil, atPath(d.path, err)
	}
	if ref, ok := b.refs[d.path]; ok {
		r.id = ref.id
	} else {
		r.id = b.s.ids.newID()
	}
	return r, nil
}

func atPath(path string, err error) error {
	e, _ := errors.AsType[*apiError](err) // handlers return nothing else
	e.message = path + ": " + e.message
	return e
}

// resolveFields replaces the references in properties by ids. If forward, it accepts references
// to later sections: a start may name manifests that are declared later.
func (b *builder) resolveFields(path string, properties orderedMap, forward bool) (map[string]json.RawMessage, error) {
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
			return nil, invalid("%s: %s is declared later; a section must come before the sections that refer to it", path, v)
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

// buildEncoding builds the encoding and its streams and muxings. readStart reads the start
// later, when the manifests exist that the start may name.
func (b *builder) buildEncoding(key string, body orderedMap) error {
	path := "$/encodings/" + key
	fields, err := b.resolveFields(path, body.child("properties"), false)
	if err != nil {
		return err
	}
	if b.enc, err = newEncoding(b.s, fields, false); err != nil {
		return atPath(path, err)
	}
	b.enc.id, b.result = b.refs[path].id, new(template)
	b.s.encodings.byID[b.enc.id] = b.enc // for manifests, which refer to it
	if body.child("live") != nil || !body.has("start") {
		return invalid("%s must have start, and not live", path)
	}
	for _, item := range body.child("streams") {
		d := declaration{path + "/streams/" + fmt.Sprint(item.Key), b.s.known.stream, asOrderedMap(item.Value).child("properties")}
		r, err := b.buildResource(d, b.enc)
		if err != nil {
			return err
		}
		b.result.streams = append(b.result.streams, r)
	}
	return b.buildMuxings(path, body.child("muxings"))
}

func (b *builder) buildMuxings(path string, body orderedMap) error {
	parent := *b.enc // the encoding as it will be, for the check of stream ids
	parent.streams = b.result.streams
	for _, group := range body {
		name := fmt.Sprint(group.Key)
		k := b.s.known.muxingKind(name)
		if k == nil {
			continue
		}
		for _, item := range asOrderedMap(group.Value) {
			at := path + "/muxings/" + name + "/" + fmt.Sprint(item.Key)
			r, err := b.buildResource(declaration{at, k, asOrderedMap(item.Value).child("properties")}, &parent)
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

func (b *builder) readStart(encodings orderedMap) error {
	path := "$/encodings/" + fmt.Sprint(encodings[0].Key) + "/start"
	fields, err := b.resolveFields(path, asOrderedMap(encodings[0].Value).child("start").child("properties"), true)
	if err != nil {
		return err
	}
	body := mustMarshal(fields)
	if err := json.Unmarshal(body, &b.result.request); err != nil {
		return invalid("%s: %v", path, err)
	}
	if err := checkStart(b.s, b.result.request); err != nil {
		return atPath(path, err)
	}
	if err := checkPackaging(b.s, b.result.streams, b.result.muxings, b.result.request); err != nil {
		return atPath(path, err)
	}
	if !bytes.Equal(body, []byte("{}")) {
		b.result.startBody = body
	}
	return nil
}

// undo removes what a template with a mistake has created so far.
func (b *builder) undo() {
	for _, r := range b.created {
		b.s.resources.remove(r)
	}
	if b.enc != nil {
		delete(b.s.encodings.byID, b.enc.id)
	}
}

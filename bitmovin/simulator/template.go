package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
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
	within  []ancestor // what is around the resource that is being built, the outermost first
	latest  []ancestor // adaptation sets and media, which a template does not nest
	enc     *encoding
	result  *template
}

// ancestor is a resource with the path below which it is.
type ancestor struct{ collection, id string }

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
		if err := b.walkSection(item, b.buildDeclaration, b.leaveDeclaration); err != nil {
			return err
		}
	}
	return b.readStart(encodings)
}

// walkSection walks the resources of one section.
func (b *builder) walkSection(item yaml.MapItem, visit, leave func(declaration) error) error {
	return b.s.templates.walk("$", orderedMap{item}, visit, leave)
}

// declare gives an id to everything that a $/ path can name.
func (b *builder) declare(doc orderedMap) {
	done := func(declaration) error { return nil }
	for i, item := range doc {
		_ = b.walkSection(item, func(d declaration) error {
			b.refs[d.path] = reference{b.s.ids.newID(), i}
			return nil
		}, done) // neither function fails
	}
}

// buildDeclaration builds a resource. What is in it is built next.
func (b *builder) buildDeclaration(d declaration) error {
	switch k := d.makes; {
	case k.encoding:
		return b.buildEncoding(d)
	case k.stream:
		return b.buildStream(d)
	case k.muxing != nil:
		return b.buildMuxing(d)
	case k.part != nil:
		return b.buildPart(d)
	}
	r, err := b.buildResource(d, d.makes.kind, nil)
	if err != nil {
		return err
	}
	b.s.resources.insert(r)
	b.created = append(b.created, r)
	b.enter(strings.TrimSuffix(r.kind.path, "/default"), r.id)
	return nil
}

func (b *builder) enter(collection, id string) {
	b.within = append(b.within, ancestor{collection, id})
}

func (b *builder) leaveDeclaration(d declaration) error {
	b.within = b.within[:len(b.within)-1]
	if !d.makes.encoding {
		return nil
	}
	if len(b.result.streams) == 0 || len(b.result.muxings) == 0 {
		return invalid("%s needs at least one stream and one muxing", d.path)
	}
	return nil
}

// buildResource builds one resource with its references resolved.
func (b *builder) buildResource(d declaration, k *kind, enc *encoding) (*resource, error) {
	fields, err := b.resolveFields(d.path, d.properties, false)
	if err != nil {
		return nil, err
	}
	r, err := newResource(b.s, k, enc, fields, false)
	if err != nil {
		return nil, atPath(d.path, err)
	}
	r.id = b.refs[d.path].id
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

// buildEncoding builds the encoding. readStart reads the start later, when the manifests exist that
// the start may name.
func (b *builder) buildEncoding(d declaration) error {
	fields, err := b.resolveFields(d.path, d.properties, false)
	if err != nil {
		return err
	}
	if b.enc, err = newEncoding(b.s, fields, false); err != nil {
		return atPath(d.path, err)
	}
	b.enc.id, b.result = b.refs[d.path].id, new(template)
	b.enc.template = b.result            // its streams and muxings are found there, until they appear
	b.s.encodings.byID[b.enc.id] = b.enc // for manifests and parts, which refer to it
	if d.body.child("live") != nil || !d.body.has("start") {
		return invalid("%s must have start, and not live", d.path)
	}
	b.enter("/encoding/encodings", b.enc.id)
	return nil
}

func (b *builder) buildStream(d declaration) error {
	r, err := b.buildResource(d, b.s.known.stream, b.enc)
	if err != nil {
		return err
	}
	b.result.streams = append(b.result.streams, r)
	b.enter("/encoding/encodings/"+b.enc.id+"/streams", r.id)
	return b.buildStreamFilters(d, r)
}

// buildStreamFilters reads the filters of a stream, which a template has as a list.
func (b *builder) buildStreamFilters(d declaration, stream *resource) error {
	value, err := b.resolve(d.path, d.body.child("filters").plain()["properties"], false)
	if err != nil || value == nil {
		return err
	}
	var list []streamFilter
	if json.Unmarshal(mustMarshal(value), &list) != nil {
		return invalid("%s/filters/properties must be a list of filters", d.path)
	}
	if err := b.s.checkStreamFilters(list); err != nil {
		return atPath(d.path, err)
	}
	b.s.filters[stream.id] = list
	return nil
}

func (b *builder) buildMuxing(d declaration) error {
	parent := *b.enc // the encoding as it will be, for the check of stream ids
	parent.streams = b.result.streams
	r, err := b.buildResource(d, d.makes.muxing, &parent)
	if err != nil {
		return err
	}
	b.result.muxings = append(b.result.muxings, r)
	b.enter("/encoding/encodings/"+b.enc.id+"/muxings/"+r.kind.path, r.id)
	return nil
}

// buildPart builds a part below what is around it.
func (b *builder) buildPart(d declaration) error {
	fields, err := b.resolveFields(d.path, d.properties, false)
	if err != nil {
		return err
	}
	at, ok := b.collectionOf(d.makes.part)
	if !ok {
		return invalid("%s has nothing that it belongs to", d.path)
	}
	owner := b.within[0].id
	p, err := newPart(b.s, d.makes.part, owner, at, fields)
	if err != nil {
		return atPath(d.path, err)
	}
	p.id = b.refs[d.path].id
	b.s.parts.insert(owner, p)
	if what := p.of.class.what; what == "adaptation set" || what == "media" {
		b.latest = append(b.latest, ancestor{at[:strings.LastIndexByte(at, '/')], p.id})
	}
	b.enter(at, p.id)
	return nil
}

// collectionOf fills in the ids in the pattern of a part that is being built.
func (b *builder) collectionOf(k *partKind) (string, bool) {
	at := k.pattern
	for strings.Contains(at, "/{}") {
		before, after, _ := strings.Cut(at, "/{}")
		i := slices.IndexFunc(b.within, func(a ancestor) bool { return a.collection == before })
		if i >= 0 {
			at = before + "/" + b.within[i].id + after
			continue
		}
		last := ""
		for _, a := range b.latest {
			if a.collection == before {
				last = a.id
			}
		}
		if last == "" {
			return "", false
		}
		at = before + "/" + last + after
	}
	return at, true
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
		delete(b.s.parts, r.id)
	}
	if b.enc == nil {
		return
	}
	for _, stream := range b.result.streams {
		delete(b.s.filters, stream.id)
	}
	delete(b.s.parts, b.enc.id)
	delete(b.s.encodings.byID, b.enc.id)
}

package bitmovin

import (
	"encoding/json"
	"sync"
	"time"
)

// fieldsInterval is how long after a response of one shape the next one is compared with the
// documented fields. New fields appear with releases of the platform, so one response in an hour
// is enough.
const fieldsInterval = time.Hour

// objectShape describes a documented object: its fields by name.
type objectShape map[string]fieldType

// fieldType describes the value of a field: a JSON type, an object of a shape, or a list of such
// objects.
type fieldType struct {
	json byte // '"', '0', 't', '{' or '[' as returned by [jsonType]; 0: any type
	of   objectShape
	time bool // the text must be a time
}

var (
	text     = fieldType{json: '"'}
	date     = fieldType{json: '"', time: true}
	number   = fieldType{json: '0'}
	anyList  = fieldType{json: '['}
	anything = fieldType{}
)

// documented is implemented by results whose fields are compared.
type documented interface {
	documentedShape() (name string, s objectShape)
}

// The documented fields of the objects on which decisions depend.
var (
	messageShape = objectShape{
		"id": text, "date": date, "type": text, "text": text, "field": text, "links": anyList, "more": anything,
	}
	subtaskShape = objectShape{
		"id": text, "name": text, "status": text, "progress": number, "eta": number, "metadata": anyList,
		"messages":  {json: '[', of: messageShape},
		"createdAt": date, "updatedAt": date, "startedAt": date, "queuedAt": date, "runningAt": date,
		"finishedAt": date, "errorAt": date,
	}
	taskErrorShape = objectShape{"code": number, "category": text, "text": text, "retryHint": text}
	taskShape      = objectShape{
		"id": text, "status": text, "progress": number, "eta": number,
		"subtasks": {json: '[', of: subtaskShape}, "messages": {json: '[', of: messageShape}, "error": {json: '{', of: taskErrorShape},
		"createdAt": date, "updatedAt": date, "startedAt": date, "queuedAt": date, "runningAt": date,
		"finishedAt": date, "errorAt": date,
	}
	encodingShape = objectShape{
		"id": text, "name": text, "description": text, "labels": anyList, "customData": anything, "orgId": text, "userId": text,
		"type": text, "status": text, "progress": number, "encodingMode": text, "selectedEncodingMode": text,
		"cloudRegion": text, "fallbackCloudRegions": anyList, "selectedCloudRegion": text,
		"encoderVersion": text, "selectedEncoderVersion": text,
		"infrastructure": anything, "infrastructureId": text, "staticIpId": text,
		"createdAt": date, "modifiedAt": date, "startedAt": date, "queuedAt": date, "runningAt": date,
		"finishedAt": date, "errorAt": date,
	}
)

func (Task) documentedShape() (string, objectShape)     { return "task", taskShape }
func (Encoding) documentedShape() (string, objectShape) { return "encoding", encodingShape }

func (pageBody[T]) documentedShape() (string, objectShape) {
	var item T
	if s, ok := any(item).(documented); ok {
		name, of := s.documentedShape()
		return "page of " + name, objectShape{
			"items": {json: '[', of: of}, "totalCount": number, "offset": number, "limit": number,
			"previous": text, "next": text, "links": anything, "sort": anything,
		}
	}
	return "", nil
}

// fieldSampler chooses the responses whose fields are compared.
type fieldSampler struct {
	mu   sync.Mutex
	last map[string]time.Time // by the name of the shape
}

// due reports whether the last comparison of a shape is fieldsInterval ago. If so, due records now
// as the time of the last comparison.
func (f *fieldSampler) due(name string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if last, ok := f.last[name]; ok && now.Sub(last) < fieldsInterval {
		return false
	}
	if f.last == nil {
		f.last = map[string]time.Time{}
	}
	f.last[name] = now
	return true
}

// compareFields records the fields of raw that its shape does not have, and those whose type is
// not the documented one. Decoding treats a field of another type as missing.
func compareFields(u *UnknownValues, path string, raw json.RawMessage, s objectShape) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return
	}
	for name, value := range fields {
		want, known := s[name]
		got := jsonType(value)
		switch {
		case !known:
			u.Note(UnknownField, path+"."+name)
		case got == 'n' || want.json == 0:
		case got != want.json:
			u.Note(UnknownField, path+"."+name+" is "+typeNames[got])
		case want.time:
			var at Time
			if _ = json.Unmarshal(value, &at); at.IsZero() && string(value) != `""` {
				u.Note(UnknownField, path+"."+name+" is no time")
			}
		case want.of == nil:
		case got == '{':
			compareFields(u, path+"."+name, value, want.of)
		case got == '[':
			var items []json.RawMessage
			_ = json.Unmarshal(value, &items) // got says that it is a list
			for _, item := range items {
				compareFields(u, path+"."+name, item, want.of)
			}
		}
	}
}

var typeNames = map[byte]string{'"': "a text", '0': "a number", 't': "a boolean", '{': "an object", '[': "a list"}

// jsonType returns the type of a valid JSON value by its first character. It returns 0 for every
// number, t for both booleans and n for null.
func jsonType(raw json.RawMessage) byte {
	switch c := raw[0]; c {
	case '"', '{', '[', 't', 'n':
		return c
	case 'f':
		return 't'
	}
	return '0'
}

package bitmovin

import (
	"encoding/json"
	"sync"
	"time"
)

// fieldsInterval is the time between two answers of a kind whose fields are compared with the
// documented ones. New fields come with releases: there is no need to look at every answer.
const fieldsInterval = time.Hour

// A shape is a documented object: its fields by name.
type shape map[string]fieldType

// fieldType is what a field holds: one of the JSON types, objects of a shape, or lists of them.
type fieldType struct {
	json byte // '"', '0', 't', '{' or '[' as [jsonType] tells; 0: anything
	of   shape
	time bool // a text that is a time
}

var (
	text     = fieldType{json: '"'}
	date     = fieldType{json: '"', time: true}
	number   = fieldType{json: '0'}
	anyList  = fieldType{json: '['}
	anything = fieldType{}
)

// shaped is implemented by results whose fields are compared.
type shaped interface{ shape() (name string, s shape) }

// The documented fields of what decisions are made by.
var (
	messageShape = shape{
		"id": text, "date": date, "type": text, "text": text, "field": text, "links": anyList, "more": anything,
	}
	subtaskShape = shape{
		"id": text, "name": text, "status": text, "progress": number, "eta": number, "metadata": anyList,
		"messages":  {json: '[', of: messageShape},
		"createdAt": date, "updatedAt": date, "startedAt": date, "queuedAt": date, "runningAt": date,
		"finishedAt": date, "errorAt": date,
	}
	taskErrorShape = shape{"code": number, "category": text, "text": text, "retryHint": text}
	taskShape      = shape{
		"id": text, "status": text, "progress": number, "eta": number,
		"subtasks": {json: '[', of: subtaskShape}, "messages": {json: '[', of: messageShape}, "error": {json: '{', of: taskErrorShape},
		"createdAt": date, "updatedAt": date, "startedAt": date, "queuedAt": date, "runningAt": date,
		"finishedAt": date, "errorAt": date,
	}
	encodingShape = shape{
		"id": text, "name": text, "description": text, "labels": anyList, "customData": anything, "orgId": text, "userId": text,
		"type": text, "status": text, "progress": number, "encodingMode": text, "selectedEncodingMode": text,
		"cloudRegion": text, "fallbackCloudRegions": anyList, "selectedCloudRegion": text,
		"encoderVersion": text, "selectedEncoderVersion": text,
		"infrastructure": anything, "infrastructureId": text, "staticIpId": text,
		"createdAt": date, "modifiedAt": date, "startedAt": date, "queuedAt": date, "runningAt": date,
		"finishedAt": date, "errorAt": date,
	}
)

func (Task) shape() (string, shape)     { return "task", taskShape }
func (Encoding) shape() (string, shape) { return "encoding", encodingShape }

func (pageBody[T]) shape() (string, shape) {
	var item T
	if s, ok := any(item).(shaped); ok {
		name, of := s.shape()
		return "page of " + name, shape{
			"items": {json: '[', of: of}, "totalCount": number, "offset": number, "limit": number,
			"previous": text, "next": text, "links": anything, "sort": anything,
		}
	}
	return "", nil
}

// fieldSampler chooses the answers whose fields are compared.
type fieldSampler struct {
	mu   sync.Mutex
	last map[string]time.Time // by the name of the shape
}

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

// compareFields takes note of the fields of raw that its shape does not have, and of those
// that hold another type than documented, which decode as if they were missing.
func compareFields(u *UnknownValues, path string, raw json.RawMessage, s shape) {
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
			_ = json.Unmarshal(value, &items) // it is a list
			for _, item := range items {
				compareFields(u, path+"."+name, item, want.of)
			}
		}
	}
}

var typeNames = map[byte]string{'"': "a text", '0': "a number", 't': "a boolean", '{': "an object", '[': "a list"}

// jsonType is how a valid JSON value begins, with 0 for all numbers, t for both booleans, and n
// for null.
func jsonType(raw json.RawMessage) byte {
	switch c := raw[0]; c {
	case '"', '{', '[', 't', 'n':
		return c
	case 'f':
		return 't'
	}
	return '0'
}

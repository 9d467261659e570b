package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/goccy/go-yaml"
)

// ordered is a mapping of a template, whose order matters: sections must come
// before their users.
type ordered yaml.MapSlice

// parseTemplate reads the body of a template start: a JSON string that holds
// YAML or JSON, or a JSON object.
func parseTemplate(body []byte) (ordered, error) {
	text := body
	if b := bytes.TrimSpace(body); len(b) > 0 && b[0] == '"' {
		var inner string
		if err := json.Unmarshal(b, &inner); err != nil {
			return nil, invalid("the body is not JSON: %v", err)
		}
		text = []byte(inner)
	} else if !json.Valid(body) {
		return nil, invalid("the body is not JSON")
	}
	return parseTemplateText(text)
}

// parseTemplateText reads a template in JSON or YAML.
func parseTemplateText(text []byte) (ordered, error) {
	if json.Valid(text) {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		value, err := orderedJSON(decoder)
		if err != nil {
			return nil, invalid("the template is not JSON: %v", err)
		}
		if doc, ok := value.(yaml.MapSlice); ok {
			return ordered(doc), nil
		}
		return nil, invalid("the template is not a mapping")
	}
	var doc yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(text, &doc, yaml.UseOrderedMap()); err != nil {
		return nil, invalid("the template is not YAML: %v", err)
	}
	return ordered(doc), nil
}

// orderedJSON decodes the next JSON value as go-yaml would, in order.
func orderedJSON(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		object, seen := yaml.MapSlice{}, map[json.Token]bool{}
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			if seen[key] {
				return nil, fmt.Errorf("%v is there twice", key) // which of them counts is anybody's guess
			}
			seen[key] = true
			value, err := orderedJSON(decoder)
			if err != nil {
				return nil, err
			}
			object = append(object, yaml.MapItem{Key: key, Value: value})
		}
		_, err = decoder.Token()
		return object, err
	case json.Delim('['):
		array := []any{}
		for decoder.More() {
			value, err := orderedJSON(decoder)
			if err != nil {
				return nil, err
			}
			array = append(array, value)
		}
		_, err = decoder.Token()
		return array, err
	}
	return token, nil
}

// asOrdered returns a value as a mapping, an empty one if it is none.
func asOrdered(value any) ordered {
	m, _ := value.(yaml.MapSlice)
	return ordered(m)
}

// child returns the mapping under a key, nil if there is none.
func (o ordered) child(key string) ordered {
	for _, item := range o {
		if item.Key == key {
			return asOrdered(item.Value)
		}
	}
	return nil
}

// has reports whether there is anything under a key.
func (o ordered) has(key string) bool {
	for _, item := range o {
		if item.Key == key {
			return true
		}
	}
	return false
}

// text returns the text under a key, or nothing.
func (o ordered) text(key string) string {
	for _, item := range o {
		if text, ok := item.Value.(string); ok && item.Key == key {
			return text
		}
	}
	return ""
}

// plain returns the mapping in the form of encoding/json.
func (o ordered) plain() map[string]any {
	m := make(map[string]any, len(o))
	for _, item := range o {
		m[fmt.Sprint(item.Key)] = plainValue(item.Value)
	}
	return m
}

func plainValue(value any) any {
	switch v := value.(type) {
	case yaml.MapSlice:
		return ordered(v).plain()
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainValue(v[i])
		}
		return list
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v) // which YAML has and JSON has not
		}
	}
	return value
}

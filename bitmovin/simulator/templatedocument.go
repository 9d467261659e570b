package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/goccy/go-yaml"
)

// orderedMap is a mapping in a template. Its order matters: a section must come before the
// sections that refer to it.
type orderedMap yaml.MapSlice

// parseTemplate reads the body of a template start: a JSON string that holds YAML or JSON, or
// a JSON object.
func parseTemplate(body []byte) (orderedMap, error) {
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
func parseTemplateText(text []byte) (orderedMap, error) {
	if json.Valid(text) {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		value, err := orderedJSON(decoder)
		if err != nil {
			return nil, invalid("the template is not JSON: %v", err)
		}
		if doc, ok := value.(yaml.MapSlice); ok {
			return orderedMap(doc), nil
		}
		return nil, invalid("the template is not a mapping")
	}
	var doc yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(text, &doc, yaml.UseOrderedMap()); err != nil {
		return nil, invalid("the template is not YAML: %v", err)
	}
	return orderedMap(doc), nil
}

// orderedJSON decodes the next JSON value, and keeps the order of mappings as go-yaml does.
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
				return nil, fmt.Errorf("%v is there twice", key) // JSON does not define which one counts
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

// asOrderedMap returns a value as a mapping. A value that is none becomes an empty mapping.
func asOrderedMap(value any) orderedMap {
	m, _ := value.(yaml.MapSlice)
	return orderedMap(m)
}

// child returns the mapping under a key, nil if there is none.
func (o orderedMap) child(key string) orderedMap {
	for _, item := range o {
		if item.Key == key {
			return asOrderedMap(item.Value)
		}
	}
	return nil
}

// has reports whether there is anything under a key.
func (o orderedMap) has(key string) bool {
	for _, item := range o {
		if item.Key == key {
			return true
		}
	}
	return false
}

// text returns the text under a key, empty if there is none.
func (o orderedMap) text(key string) string {
	for _, item := range o {
		if text, ok := item.Value.(string); ok && item.Key == key {
			return text
		}
	}
	return ""
}

// plain returns the mapping and all mappings in it as map[string]any, without their order.
func (o orderedMap) plain() map[string]any {
	m := make(map[string]any, len(o))
	for _, item := range o {
		m[fmt.Sprint(item.Key)] = plainValue(item.Value)
	}
	return m
}

func plainValue(value any) any {
	switch v := value.(type) {
	case yaml.MapSlice:
		return orderedMap(v).plain()
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainValue(v[i])
		}
		return list
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v) // JSON cannot hold it
		}
	}
	return value
}

package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/stokerd/stoker/job"
)

// Values are what [Template.Render] fills into a template and adds to it.
type Values struct {
	ID  job.ID
	Job job.Spec
	// InputPath and OutputPath are the paths of the job with the base paths of their storages.
	InputPath, OutputPath string
	InputID, OutputID     string // the ids of the storages at the platform

	// Secrets are the values of the secrets that the template uses, by name.
	Secrets map[string]string

	EncodingName string
	Labels       []string // added to those of the template
	Priority     int
	Region       string // replaces the region of the template; empty: that of the template
}

// valueOf is the value of a variable.
func (v Values) valueOf(variable variable) string {
	switch {
	case variable.kind == secretKind:
		return v.Secrets[variable.name]
	case variable.kind != "":
		return v.Job.Variables[variable.name]
	case variable.name == inputID:
		return v.InputID
	case variable.name == inputPath:
		return v.InputPath
	case variable.name == outputID:
		return v.OutputID
	case variable.name == outputPath:
		return v.OutputPath
	case variable.name == name:
		return v.Job.Title()
	case variable.name == key:
		return v.Job.Key
	case variable.name == jobID:
		return v.ID.String()
	}
	return v.ID.Batch
}

// Render fills in the template and returns it as JSON. The keys keep their order, because the
// platform creates the resources in that order. An error says that a value cannot be filled in;
// [Template.Check] finds these errors beforehand.
func (t *Template) Render(v Values) (string, error) {
	v.Job.Variables = t.withDefaults(v.Job.Variables)
	filled, err := fill(t.doc, v)
	if err != nil {
		return "", err
	}
	doc, _ := filled.(yaml.MapSlice)
	if metadata, _ := childOf(doc, "metadata").(yaml.MapSlice); childOf(metadata, "name") == nil {
		doc = setPath(doc, v.EncodingName, "metadata", "name") // which the platform's schema requires
	}
	doc = setPath(doc, v.EncodingName, "encodings", t.encoding, "properties", "name")
	doc = setPath(doc, t.withLabels(doc, v.Labels), "encodings", t.encoding, "properties", "labels")
	doc = setPath(doc, v.Priority, "encodings", t.encoding, "start", "properties", "scheduling", "priority")
	if v.Region != "" {
		doc = setPath(doc, v.Region, "encodings", t.encoding, "properties", "cloudRegion")
	}
	var b bytes.Buffer
	if err := writeJSON(&b, doc); err != nil {
		return "", err
	}
	return b.String(), nil
}

// withLabels returns the labels in a filled-in template, followed by more.
func (t *Template) withLabels(doc yaml.MapSlice, more []string) []any {
	var at any = doc
	for _, step := range []string{"encodings", t.encoding, "properties", "labels"} {
		m, _ := at.(yaml.MapSlice)
		at = childOf(m, step)
	}
	own, _ := at.([]any)
	all := slices.Clone(own)
	for _, l := range more {
		all = append(all, l)
	}
	return all
}

// fill returns a copy of a value of the template with the variables filled in.
func fill(value any, v Values) (any, error) {
	switch value := value.(type) {
	case yaml.MapSlice:
		filled := make(yaml.MapSlice, len(value))
		for i, item := range value {
			element, err := fill(item.Value, v)
			if err != nil {
				return nil, err
			}
			filled[i] = yaml.MapItem{Key: item.Key, Value: element}
		}
		return filled, nil
	case []any:
		filled := make([]any, len(value))
		for i, element := range value {
			var err error
			if filled[i], err = fill(element, v); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case string:
		return fillText(value, v)
	}
	return value, nil
}

// fillText returns a text with the variables filled in. A text that is a number or boolean variable
// becomes a number or boolean.
func fillText(s string, v Values) (any, error) {
	t, err := parseText(s)
	if err != nil {
		return nil, err
	}
	if variable, ok := t.soleVariable(); ok && variable.kind != "" {
		own := v.valueOf(variable)
		if err := variable.checkValue(own); err != nil {
			return nil, fmt.Errorf("variable %s: %w", variable.name, err)
		}
		switch variable.kind {
		case numberKind:
			return json.Number(own), nil
		case boolKind:
			return own == "true", nil
		}
	}
	filled, err := t.expand(v.valueOf)
	if err != nil {
		return nil, fmt.Errorf("%q %w", s, err)
	}
	return filled, nil
}

// setPath sets the value at a path of keys, creates the mappings that are missing there, and returns m.
func setPath(m yaml.MapSlice, value any, path ...string) yaml.MapSlice {
	i := slices.IndexFunc(m, func(item yaml.MapItem) bool { return fmt.Sprint(item.Key) == path[0] })
	if i < 0 {
		i = len(m)
		m = append(m, yaml.MapItem{Key: path[0]})
	}
	if len(path) > 1 {
		below, _ := m[i].Value.(yaml.MapSlice)
		value = setPath(below, value, path[1:]...)
	}
	m[i].Value = value
	return m
}

// writeJSON writes a value as JSON. The keys keep their order, which encoding/json would not.
func writeJSON(b *bytes.Buffer, value any) error {
	switch value := value.(type) {
	case yaml.MapSlice:
		b.WriteByte('{')
		for i, item := range value {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, fmt.Sprint(item.Key)); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeJSON(b, item.Value); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case []any:
		b.WriteByte('[')
		for i, element := range value {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, element); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	text, err := json.Marshal(value)
	b.Write(text)
	return err
}

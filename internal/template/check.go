package template

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/stokerd/stoker/internal/spelling"
)

// declaringSections lists the sections with resources that other sections refer to. The platform
// needs them before the sections that refer to them.
func declaringSections() []string { return []string{"inputs", "outputs", "configurations", "filters"} }

// checkSections checks the sections of a template. The platform ignores unknown sections: without
// the check, a misspelt section would only be missed in the result.
func (r *reader) checkSections() {
	known := append([]string{"metadata", "encodings", "manifests"}, declaringSections()...)
	slices.Sort(known)
	for _, item := range r.doc {
		section := fmt.Sprint(item.Key)
		switch {
		case section == "live":
			r.addMistake("$.live", "a live encoding has no end and cannot be a job")
		case section == "infrastructure", section == "notifications":
			r.addMistake("$."+section, "the platform does not allow this in a template")
		case !slices.Contains(known, section):
			r.addMistake("$."+section, "unknown section%s", cmp.Or(spelling.Hint(section, known), "; the sections are "+strings.Join(known, ", ")))
		}
	}
	metadata, ok := childOf(r.doc, "metadata").(yaml.MapSlice)
	switch {
	case !ok:
		r.addMistake("$", "metadata is missing: metadata: {type: VOD}")
	case childOf(metadata, "type") == "LIVE":
		r.addMistake("$.metadata.type", "want VOD, not LIVE: live encodings are not for batches")
	case childOf(metadata, "type") != "VOD":
		r.addMistake("$.metadata.type", "want VOD")
	}
	r.checkEncoding()
}

// checkEncoding checks that the template has one encoding, with streams and a start.
func (r *reader) checkEncoding() {
	encodings, _ := childOf(r.doc, "encodings").(yaml.MapSlice)
	if len(encodings) != 1 {
		r.addMistake("$.encodings", "want one encoding, not %d: a job is one encoding", len(encodings))
		return
	}
	r.encoding = fmt.Sprint(encodings[0].Key)
	path := "$.encodings." + r.encoding
	encoding, ok := encodings[0].Value.(yaml.MapSlice)
	if !ok {
		r.addMistake(path, "want a mapping with properties, streams, muxings and start")
		return
	}
	if hasKey(encoding, "live") {
		r.addMistake(path+".live", "a live encoding has no end and cannot be a job")
	}
	if !hasKey(encoding, "start") {
		r.addMistake(path, "start is missing, without which the encoding never leaves CREATED; write start: {} for a start without properties")
	}
	if streams, _ := childOf(encoding, "streams").(yaml.MapSlice); len(streams) == 0 {
		r.addMistake(path, "streams are missing")
	}
	for _, part := range []string{"properties", "start"} {
		r.checkMapping(childOf(encoding, part), path+"."+part)
	}
	start, _ := childOf(encoding, "start").(yaml.MapSlice)
	properties, _ := childOf(start, "properties").(yaml.MapSlice)
	r.checkMapping(childOf(start, "properties"), path+".start.properties")
	r.checkMapping(childOf(properties, "scheduling"), path+".start.properties.scheduling")
	properties, _ = childOf(encoding, "properties").(yaml.MapSlice)
	switch childOf(properties, "labels").(type) {
	case nil, []any:
	default:
		r.addMistake(path+".properties.labels", "want a list")
	}
}

// noteSharedOutput notes an output path that is the same for all jobs.
func (r *reader) noteSharedOutput(s, path string) {
	if !variesByJob(s) {
		r.shared = append(r.shared, Mistake{r.line(path), strings.TrimPrefix(path, "$.") +
			" is the same for all jobs, which would overwrite each other; put ${output_path} or another variable of the job into it"})
	}
}

// variesByJob reports whether a value has a variable in it that differs between jobs.
func variesByJob(v any) bool {
	switch v := v.(type) {
	case yaml.MapSlice:
		return slices.ContainsFunc(v, func(item yaml.MapItem) bool { return variesByJob(item.Value) })
	case []any:
		return slices.ContainsFunc(v, variesByJob)
	case string:
		t, err := parseText(v)
		return err != nil || slices.ContainsFunc(t.variables(), variable.variesByJob) // readText reports the error
	}
	return false
}

// checkMapping checks that a value is missing or a mapping, so that [Template.Render] can add keys.
func (r *reader) checkMapping(v any, path string) {
	switch v.(type) {
	case nil, yaml.MapSlice:
	default:
		r.addMistake(path, "want a mapping")
	}
}

// sectionIndex is the index of a section in the template.
func (r *reader) sectionIndex(section string) int {
	return slices.IndexFunc(r.doc, func(item yaml.MapItem) bool { return fmt.Sprint(item.Key) == section })
}

// childOf is the value of a key in a mapping; nil if the mapping does not have the key.
func childOf(m yaml.MapSlice, key string) any {
	for _, item := range m {
		if item.Key == key { // every key is a text
			return item.Value
		}
	}
	return nil
}

// hasKey reports whether a mapping has a key, even one without a value.
func hasKey(m yaml.MapSlice, key string) bool {
	return slices.ContainsFunc(m, func(item yaml.MapItem) bool { return item.Key == key })
}

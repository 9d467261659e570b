package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// declaring lists the sections whose resources others refer to. They have to come
// before whatever uses them.
func declaring() []string { return []string{"inputs", "outputs", "configurations", "filters"} }

// sections checks what a template consists of. The platform drops what it does not know
// without a word, so that a misspelt section would be missed only in the result.
func (r *reader) sections() {
	known := append([]string{"metadata", "encodings", "manifests"}, declaring()...)
	slices.Sort(known)
	for _, item := range r.doc {
		section := fmt.Sprint(item.Key)
		switch {
		case section == "live":
			r.mistake("$.live", "a live encoding has no end, so that it cannot be a job")
		case section == "infrastructure", section == "notifications":
			r.mistake("$."+section, "the platform does not take this in a template")
		case !slices.Contains(known, section):
			r.mistake("$."+section, "unknown section; known are %s", strings.Join(known, ", "))
		}
	}
	metadata, ok := child(r.doc, "metadata").(yaml.MapSlice)
	switch {
	case !ok:
		r.mistake("$", "metadata is missing: metadata: {type: VOD}")
	case child(metadata, "type") != "VOD":
		r.mistake("$.metadata.type", "want VOD")
	}
	r.oneEncoding()
	r.secrets()
}

// oneEncoding checks that there is one encoding that is started.
func (r *reader) oneEncoding() {
	encodings, _ := child(r.doc, "encodings").(yaml.MapSlice)
	if len(encodings) != 1 {
		r.mistake("$.encodings", "want one encoding, not %d: a job is one encoding", len(encodings))
		return
	}
	r.encoding = fmt.Sprint(encodings[0].Key)
	path := "$.encodings." + r.encoding
	encoding, ok := encodings[0].Value.(yaml.MapSlice)
	if !ok {
		r.mistake(path, "want a mapping with properties, streams, muxings and start")
		return
	}
	if has(encoding, "live") {
		r.mistake(path+".live", "a live encoding has no end, so that it cannot be a job")
	}
	if !has(encoding, "start") {
		r.mistake(path, "start is missing; without properties of its own it is written start: {}")
	}
	if streams, _ := child(encoding, "streams").(yaml.MapSlice); len(streams) == 0 {
		r.mistake(path, "streams are missing")
	}
	for _, part := range []string{"properties", "start"} {
		r.mapping(child(encoding, part), path+"."+part)
	}
	start, _ := child(encoding, "start").(yaml.MapSlice)
	properties, _ := child(start, "properties").(yaml.MapSlice)
	r.mapping(child(start, "properties"), path+".start.properties")
	r.mapping(child(properties, "scheduling"), path+".start.properties.scheduling")
	properties, _ = child(encoding, "properties").(yaml.MapSlice)
	switch child(properties, "labels").(type) {
	case nil, []any:
	default:
		r.mistake(path+".properties.labels", "want a list")
	}
}

// destination notes an output path that is the same for all jobs.
func (r *reader) destination(s, path string) {
	if !perJob(s) {
		r.shared = append(r.shared, Mistake{r.line(path), strings.TrimPrefix(path, "$.") +
			" is the same for all jobs, which would overwrite each other; put ${output_path} or another variable of the job into it"})
	}
}

// perJob reports whether a variable of the job is in a value.
func perJob(v any) bool {
	switch v := v.(type) {
	case yaml.MapSlice:
		return slices.ContainsFunc(v, func(item yaml.MapItem) bool { return perJob(item.Value) })
	case []any:
		return slices.ContainsFunc(v, perJob)
	case string:
		t, err := parseText(v)
		return err != nil || slices.ContainsFunc(t.variables(), variable.perJob) // a mistake is told elsewhere
	}
	return false
}

// mapping checks that what is filled in at a path has a place there.
func (r *reader) mapping(v any, path string) {
	switch v.(type) {
	case nil, yaml.MapSlice:
	default:
		r.mistake(path, "want a mapping")
	}
}

// secrets checks that no credentials stand in the template: it is kept with every
// batch. Storages of the server's configuration keep them apart.
func (r *reader) secrets() {
	secret := []string{"password", "accessKey", "secretKey", "accountKey", "serviceAccountCredentials"}
	for _, section := range []string{"inputs", "outputs"} {
		types, _ := child(r.doc, section).(yaml.MapSlice)
		for _, of := range types {
			resources, _ := of.Value.(yaml.MapSlice)
			for _, resource := range resources {
				body, _ := resource.Value.(yaml.MapSlice)
				properties, _ := child(body, "properties").(yaml.MapSlice)
				for _, p := range properties {
					if name := fmt.Sprint(p.Key); slices.Contains(secret, name) {
						r.mistake(fmt.Sprintf("$.%s.%v.%v.properties.%s", section, of.Key, resource.Key, name),
							"a secret must not stand in a template; configure a storage and refer to it by ${%s_id}", strings.TrimSuffix(section, "s"))
					}
				}
			}
		}
	}
}

// reference checks that what a value refers to is declared, and declared before it.
// Only sections are checked of which it is certain how they are referred to.
func (r *reader) reference(s, path string) {
	target, ok := strings.CutPrefix(s, "$/")
	if !ok {
		return
	}
	steps := strings.Split(target, "/")
	streams := len(steps) == 4 && steps[0] == "encodings" && steps[2] == "streams"
	if !streams && !slices.Contains(declaring(), steps[0]) {
		return
	}
	var at any = r.doc
	for _, step := range steps {
		m, _ := at.(yaml.MapSlice)
		if !has(m, step) {
			r.mistake(path, "%s is not declared in this template", s)
			return
		}
		at = child(m, step)
	}
	section, _, _ := strings.Cut(strings.TrimPrefix(path, "$."), ".")
	if r.position(steps[0]) > r.position(section) {
		r.mistake(path, "%s is declared later; sections have to come before what uses them", s)
	}
}

// position is where a section stands in the template.
func (r *reader) position(section string) int {
	return slices.IndexFunc(r.doc, func(item yaml.MapItem) bool { return fmt.Sprint(item.Key) == section })
}

// child is what a mapping has under a key, nil if nothing.
func child(m yaml.MapSlice, key string) any {
	for _, item := range m {
		if fmt.Sprint(item.Key) == key {
			return item.Value
		}
	}
	return nil
}

// has reports whether a mapping has a key, even if nothing is under it.
func has(m yaml.MapSlice, key string) bool {
	return slices.ContainsFunc(m, func(item yaml.MapItem) bool { return fmt.Sprint(item.Key) == key })
}

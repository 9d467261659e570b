package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/stokerd/stoker/internal/spelling"
)

// reference is a value that begins with $/, which names a resource of the template.
type reference struct {
	path string // of the value
	text string
}

// checkReferences checks that every reference names a resource of the template that is declared
// before it, and that is of the kind that the value stands for.
func (r *reader) checkReferences() {
	for _, ref := range r.references {
		r.checkReference(ref)
	}
}

func (r *reader) checkReference(ref reference) {
	steps := strings.Split(strings.TrimPrefix(ref.text, "$/"), "/")
	if !r.resolve(ref, steps) {
		return
	}
	own := strings.Split(strings.TrimPrefix(ref.path, "$."), ".")
	if want := wantedResource(own); want != nil && !want.matches(steps) {
		r.refuse(ref.path, "%s is no %s", ref.text, want.what)
		return
	}
	start := len(own) > 2 && own[0] == "encodings" && own[2] == "start"
	switch {
	case start: // made after everything else
	case r.sectionIndex(steps[0]) > r.sectionIndex(own[0]):
		r.addMistake(ref.path, "%s is declared later; a section has to come before the sections that use it", ref.text)
	case steps[0] == own[0] && !strings.HasPrefix(ref.path, r.pathOf(steps)) && r.line(r.pathOf(steps)) > r.line(ref.path):
		r.warn(ref.path, "%s is declared further down; the platform creates resources in the order of the template", ref.text)
	}
}

// pathOf is the path of the resource that the steps of a reference name.
func (r *reader) pathOf(steps []string) string { return "$." + strings.Join(steps, ".") }

// resolve reports whether a reference names a resource of the template, and refuses it otherwise.
func (r *reader) resolve(ref reference, steps []string) bool {
	var at any = r.doc
	s, isName := outline(), false
	for i, step := range steps {
		m, _ := at.(yaml.MapSlice)
		if !hasKey(m, step) {
			r.undeclared(ref, steps[:i], step, m)
			return false
		}
		at = childOf(m, step)
		var f *rule
		if f, isName = s.find(step); f == nil {
			return true // a key that the outline does not know, which is refused there
		}
		s = f.below
	}
	if !isName {
		r.refuse(ref.path, "%s is no resource; a reference ends with the name of one", ref.text)
	}
	return isName
}

// undeclared refuses a reference to something that the template does not declare.
func (r *reader) undeclared(ref reference, before []string, step string, m yaml.MapSlice) {
	var names []string
	if r.compared <= maxCompared {
		for _, item := range m {
			names = append(names, fmt.Sprint(item.Key))
		}
	}
	hint := ""
	if !r.mayCompare(step, names) {
		names = nil
	}
	if closest := spelling.Closest(step, names); closest != "" {
		hint = fmt.Sprintf("; did you mean %q?", "$/"+strings.Join(append(slices.Clone(before), closest), "/"))
	}
	text := ref.text + " is not declared in this template" + hint
	if slices.Contains(declaringSections(), strings.Split(ref.text, "/")[1]) {
		r.addMistake(ref.path, "%s", text)
		return
	}
	r.refuse(ref.path, "%s", text)
}

// resourceKind is the kind of resource that a value can name.
type resourceKind struct {
	what    string
	pattern []string // the first steps of a reference; * stands for any
}

func (k *resourceKind) matches(steps []string) bool {
	return len(steps) > len(k.pattern) && slices.EqualFunc(k.pattern, steps[:len(k.pattern)], func(want, got string) bool {
		return want == "*" || want == got
	}) || len(steps) == len(k.pattern) && k.pattern[len(k.pattern)-1] == "*" && k.pattern[0] == steps[0]
}

// resourceKinds are the kinds of resources that the keys of a template name.
func resourceKinds() map[string]*resourceKind {
	return map[string]*resourceKind{
		"inputId":               {"input", []string{"inputs"}},
		"outputId":              {"output", []string{"outputs"}},
		"codecConfigId":         {"codec configuration", []string{"configurations"}},
		"encodingId":            {"encoding", []string{"encodings", "*"}},
		"streamId":              {"stream", []string{"encodings", "*", "streams"}},
		"muxingId":              {"muxing", []string{"encodings", "*", "muxings"}},
		"inputStreamId":         {"input stream", []string{"encodings", "*", "inputStreams"}},
		"metadataInputStreamId": {"input stream", []string{"encodings", "*", "inputStreams"}},
		"keyframeId":            {"keyframe", []string{"encodings", "*", "keyframes"}},
		"startKeyframeId":       {"keyframe", []string{"encodings", "*", "keyframes"}},
		"endKeyframeId":         {"keyframe", []string{"encodings", "*", "keyframes"}},
	}
}

// wantedResource is the kind of resource that a value at a path names; nil if it is not certain.
func wantedResource(path []string) *resourceKind {
	key := path[len(path)-1]
	list := path[max(0, len(path)-2)]
	switch {
	case key == "manifestId" && strings.HasPrefix(list, "vodDashManifests["), key == "manifestId" && strings.HasPrefix(list, "previewDashManifests["):
		return &resourceKind{"DASH manifest", []string{"manifests", "dash"}}
	case key == "manifestId" && strings.HasPrefix(list, "vodHlsManifests["), key == "manifestId" && strings.HasPrefix(list, "previewHlsManifests["):
		return &resourceKind{"HLS manifest", []string{"manifests", "hls"}}
	case key == "manifestId" && strings.HasPrefix(list, "vodSmoothManifests["):
		return &resourceKind{"Smooth manifest", []string{"manifests", "smooth"}}
	case key == "id" && strings.HasPrefix(list, "properties[") && slices.Contains(path, "filters"):
		return &resourceKind{"filter", []string{"filters"}}
	}
	return resourceKinds()[key]
}

// isResourceID reports whether a key takes the id of a resource, or a reference to one.
func isResourceID(key string) bool {
	return resourceKinds()[key] != nil || key == "manifestId"
}

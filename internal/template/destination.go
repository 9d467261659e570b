package template

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/stokerd/stoker/job"
)

// destination says where files of a job are written: an outputPath, and the file names that the
// template has beside it.
type destination struct {
	path  templateText
	files []templateText
}

// fileNames lists the properties that name files of a muxing, manifest, sprite or thumbnail.
func fileNames() []string {
	return []string{
		"filename", "fileName", "segmentNaming", "segmentNamingTemplate", "initSegmentName", "initSegmentNameTemplate",
		"manifestName", "pattern", "spriteName", "vttName", "segmentsVttName", "uri",
	}
}

// isPath reports whether a property has a path or a file name as its value.
func isPath(name string) bool {
	return name == "inputPath" || name == "outputPath" || slices.Contains(fileNames(), name)
}

// checkText checks the text of a key for what the key says about it: invisible characters in paths,
// outputs that are the same for all jobs, and ids that are none.
func (r *reader) checkText(key, text, path string) {
	at := path + "." + key
	if isPath(key) {
		if place, what := job.FindHidden(text); place > 0 {
			r.addMistake(at, "%s at character %d of %q: leave it out", what, place, text)
		}
	}
	if key == "outputPath" {
		r.noteSharedOutput(text, at)
	}
	if isResourceID(key) && strings.Contains(text, "/") && !strings.HasPrefix(text, "$/") && !strings.Contains(text, "${") {
		r.refuse(at, "%q is no id of the platform; a reference to a resource of this template begins with $/", text)
	}
}

// noteDestinations notes the destinations of a mapping that has an output or outputs, such as a
// muxing.
func (r *reader) noteDestinations(m yaml.MapSlice) {
	var files []templateText
	for _, item := range m {
		if s, ok := item.Value.(string); ok && slices.Contains(fileNames(), fmt.Sprint(item.Key)) {
			if t, err := parseText(s); err == nil { // readText reports the error
				files = append(files, t)
			}
		}
	}
	outputs, _ := childOf(m, "outputs").([]any)
	for _, output := range append([]any{childOf(m, "output")}, outputs...) {
		o, _ := output.(yaml.MapSlice)
		if s, ok := childOf(o, "outputPath").(string); ok {
			if t, err := parseText(s); err == nil {
				r.writesTo = append(r.writesTo, destination{t, files})
			}
		}
	}
}

// variables lists the variables in a destination that differ between jobs.
func (d destination) variables() []variable {
	all := d.path.variables()
	for _, f := range d.files {
		all = append(all, f.variables()...)
	}
	return slices.DeleteFunc(all, func(v variable) bool { return !v.variesByJob() })
}

// DistinctByOutputPath reports whether two jobs with the same output path would overwrite some of
// each other's files: whether ${output_path} is all that differs between jobs in some destination.
func (t *Template) DistinctByOutputPath() bool {
	return !t.ownOutputs && slices.ContainsFunc(t.writesTo, func(d destination) bool {
		own := d.variables()
		return len(own) > 0 && !slices.ContainsFunc(own, func(v variable) bool { return v.kind != "" || v.name != outputPath })
	})
}

// LongestFile returns the length of the longest path of a job's files, in bytes, and the field of the
// job that most likely makes the path so long, named as in the API. Values that cannot be filled in
// do not count.
func (t *Template) LongestFile(v Values) (length int, field string) {
	v.Job.Variables = t.withDefaults(v.Job.Variables)
	for _, d := range t.writesTo {
		directory, err := d.path.expand(v.valueOf)
		if err != nil {
			continue // [Template.Check] reports the error
		}
		n := len(strings.Trim(directory, "/")) + len("/") + d.longestName(v)
		if n <= length {
			continue
		}
		length, field = n, outputPath
		if own := d.variables(); len(own) > 0 && !slices.ContainsFunc(own, func(v variable) bool { return v.name == outputPath }) {
			field = cmp.Or(own[0].field(), outputPath)
		}
	}
	return length, field
}

// longestName is the length of the longest file name, in bytes; without file names, that of a name
// that the platform chooses.
func (d destination) longestName(v Values) int {
	if len(d.files) == 0 {
		return job.SegmentName
	}
	longest := 0
	for _, f := range d.files {
		if name, err := f.expand(v.valueOf); err == nil {
			longest = max(longest, len(name))
		}
	}
	return longest
}

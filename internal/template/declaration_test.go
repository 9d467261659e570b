package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

func TestCheckDeclarations(t *testing.T) {
	parsed := parse(t, small) // uses team as text, rate as a number, trim as a boolean
	for _, tt := range []struct {
		name     string
		declared map[string]job.TemplateVariable
		want     []string
	}{
		{"nothing", nil, nil},
		{"as they are used", map[string]job.TemplateVariable{
			"team": {Type: job.TextVariable}, "rate": {Type: job.NumberVariable, Default: new("25")}, "trim": {Type: job.BoolVariable, Required: true},
		}, nil},
		{"a number as text", map[string]job.TemplateVariable{"team": {Type: job.NumberVariable, Required: true}}, nil},
		{"not used", map[string]job.TemplateVariable{"tema": {Type: job.TextVariable}}, []string{`t.variables.tema: the template has no variable "tema"; did you mean "team"?`}},
		{"unknown types", map[string]job.TemplateVariable{"team": {Type: "string"}, "trim": {Type: "txet"}}, []string{
			`t.variables.team.type: "string": want text, number or bool; did you mean "text"?`,
			`t.variables.trim.type: "txet": want text, number or bool; did you mean "text"?`,
		}},
		{"used as something else", map[string]job.TemplateVariable{"rate": {Type: job.TextVariable}, "trim": {Type: job.NumberVariable, Required: true}}, []string{
			"t.variables.rate.type: the template uses it as ${number:rate}",
			"t.variables.trim.type: the template uses it as ${bool:trim}",
		}},
		{"defaults", map[string]job.TemplateVariable{
			"rate": {Type: job.NumberVariable, Default: new("fast")}, "team": {Type: job.TextVariable, Required: true, Default: new("vod")}, "trim": {Type: job.BoolVariable},
		}, []string{
			`t.variables.rate.default: "fast": the template needs a number`,
			"t.variables.team.default: a required variable has no default; leave out one of the two",
			"t.variables.trim: a bool needs a default, or required: true",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range template.CheckDeclarations("t", tt.declared, parsed) {
				got = append(got, v.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// A job gets the default of what it leaves out, and may not leave out what is required.
func TestDeclaredVariables(t *testing.T) {
	declared, mistakes := template.Parse(job.Template{Text: small, Variables: map[string]job.TemplateVariable{
		"team": {Type: job.NumberVariable, Default: new("7")},
		"rate": {Type: job.NumberVariable, Default: new("25")},
		"trim": {Type: job.BoolVariable, Required: true, Description: "whether to measure the quality"},
	}})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	s := values().Job
	s.Variables = map[string]string{"team": "vod"}
	var got []string
	for _, v := range declared.Check(s) {
		got = append(got, v.String())
	}
	want := []string{
		`variables.team: "vod": the template needs a number`,
		"variables.trim: is required: whether to measure the quality",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	v := values()
	v.Job.Variables = map[string]string{"trim": "false"}
	if wrong := declared.Check(v.Job); len(wrong) > 0 {
		t.Error(wrong)
	}
	rendered, err := declared.Render(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"labels":["ladder","7","stoker"]`, `"codecMaxBitrateFactor":25}`, `"createQualityMetaData":false`} {
		if !strings.Contains(rendered, part) {
			t.Errorf("%s\nlacks %s", rendered, part)
		}
	}
	if len(v.Job.Variables) != 1 {
		t.Errorf("the defaults are in the job: %v", v.Job.Variables)
	}
}

// What a job puts into a template has to be what the schema knows.
func TestLimitedVariables(t *testing.T) {
	source := strings.NewReplacer("AWS_EU_WEST_1", "${var:region}", "height: 1080", `height: ${number:height}`+"\n          bframes: ${number:b}").Replace(ordinary)
	parsed := parse(t, source)
	for _, tt := range []struct {
		region, height, b string
		want              []string
	}{
		{"AWS_EU_WEST_1", "1080", "2", nil},
		{"eu-west-1", "1080.5", "99", []string{
			`variables.height: configurations.video.h264.full.properties.height: want a whole number, not 1080.5`,
			`variables.b: configurations.video.h264.full.properties.bframes: want 0 to 16, not 99`,
			`variables.region: encodings.film.properties.cloudRegion: unknown value "eu-west-1"; did you mean "AWS_EU_WEST_1"?`,
		}},
	} {
		s := values().Job
		s.Variables = map[string]string{"region": tt.region, "height": tt.height, "b": tt.b}
		var got []string
		for _, v := range parsed.Check(s) {
			got = append(got, v.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("violations (-want +got):\n%s", diff)
		}
	}
	// What the template may have itself with AllowUnknown, jobs may put into it.
	parsed, mistakes := template.Parse(job.Template{Text: source, AllowUnknown: true})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	s := values().Job
	s.Variables = map[string]string{"region": "AWS_MARS_1", "height": "1080.5", "b": "99"}
	want := []job.Violation{{Field: "variables.height", Message: "configurations.video.h264.full.properties.height: want a whole number, not 1080.5"}}
	if diff := cmp.Diff(want, parsed.Check(s)); diff != "" {
		t.Errorf("violations with AllowUnknown (-want +got):\n%s", diff)
	}
}

package provision

import (
	"errors"
	"strings"
	"testing"

	"github.com/stokerd/stoker/job"
)

const withSecret = `
metadata: {type: VOD}
encodings:
  main:
    properties: {description: "key ${secret:drm}"}
    streams: {video: {properties: {codecConfigId: c, inputStreams: [{inputPath: "${input_path}"}]}}}
    start: {properties: {perTitle: {h264Configuration: {}}}}
`

// A secret is filled in as it is at that moment, only into templates of the configuration, and no text of a job is
// taken for one.
func TestSecretsOfTemplates(t *testing.T) {
	value, missing := "first", error(nil)
	p := New(Config{Store: &fakeStore{}, Sources: Sources{Secret: func(name string) (string, error) {
		if name != "drm" {
			t.Errorf("secret %q was asked for", name)
		}
		return value, missing
	}}})
	b := &job.Batch{Template: &job.Template{Name: "drm", Text: withSecret}}
	parsed, err := ParseTemplate(b.Template)
	if err != nil {
		t.Fatal(err)
	}
	j := &job.Job{Spec: job.Spec{InputPath: "a ${secret:drm}.mov", OutputPath: "a"}}
	for _, want := range []string{"first", `sec"ond`} {
		value = want
		secrets, err := p.Secrets(parsed, b)
		if err != nil {
			t.Fatal(err)
		}
		text, err := p.RenderTemplate(parsed, b, j, Shared{}, secrets)
		if err != nil || !strings.Contains(text, `"description":"key `+strings.ReplaceAll(want, `"`, `\"`)+`"`) || !strings.Contains(text, "a ${secret:drm}.mov") {
			t.Errorf("%s, %v; want the secret %s in its place alone", text, err, want)
		}
	}
	missing = errors.New("file /run/secrets/drm: no such file")
	if _, err := p.Secrets(parsed, b); !errors.Is(err, missing) {
		t.Errorf("a secret that is not there: %v", err)
	}
	own := &job.Batch{Template: &job.Template{Text: withSecret}}
	if _, err := p.Secrets(parsed, own); err == nil {
		t.Error("a template of a batch's own got a secret")
	}
}

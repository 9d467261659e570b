package store

import (
	"encoding/hex"
	"testing"

	"github.com/stokerd/stoker/job"
)

// Results are remembered for ever. If the key of a job is another one after an upgrade, a list that is run again is
// paid for again: a test that fails here asks for another way, not for another key.
func TestResultKeysStay(t *testing.T) {
	ladder := job.DefaultRecipe()
	title := job.Spec{Key: "k", Name: "a title", InputPath: "in/k.mp4", OutputPath: "out/k"}
	variables := title
	variables.Variables = map[string]string{"b": "2", "a": "1"}
	def := "eng"
	for _, tt := range []struct {
		name  string
		batch job.Batch
		spec  job.Spec
		want  string
	}{
		{"profile", job.Batch{AccountID: "default", Recipe: &ladder, Input: job.StorageRef{Name: "in"}, Output: job.StorageRef{ID: "o"}}, title, "a13d195ee3ac30f061e6c3123831b674"},
		{"template", job.Batch{AccountID: "default", Template: &job.Template{
			Name: "ladder", Text: "metadata: {}\n", FallbackRegions: []string{"AWS_EU_CENTRAL_1"},
			Variables: map[string]job.TemplateVariable{"language": {Type: job.TextVariable, Default: &def}, "title": {Type: job.TextVariable, Required: true}},
		}}, variables, "47b3e3d8a02121a480e020bac42f6dad"},
	} {
		key := resultKeys(tt.batch)(tt.spec)
		if got := hex.EncodeToString(key[:]); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Jobs that differ in anything that decides about their output have keys of their own, also if their parts look
// alike when they are put together.
func TestResultKeysDiffer(t *testing.T) {
	ladder := job.DefaultRecipe()
	smaller := job.DefaultRecipe()
	smaller.Videos = smaller.Videos[:1]
	specs := []job.Spec{
		{Key: "k", InputPath: "in", OutputPath: "out"}, {Key: "ki", InputPath: "n", OutputPath: "out"}, {Key: "k", InputPath: "ino", OutputPath: "ut"},
		{Key: "k", InputPath: "in", OutputPath: "out", Variables: map[string]string{"a": "b"}},
		{Key: "k", InputPath: "in", OutputPath: `out{"a":"b"}`},
	}
	batches := []job.Batch{
		{AccountID: "a", Recipe: &ladder}, {AccountID: "b", Recipe: &ladder}, {AccountID: "a", Recipe: &smaller},
		{AccountID: "a", Recipe: &ladder, Input: job.StorageRef{Name: "x"}}, {AccountID: "a", Recipe: &ladder, Output: job.StorageRef{Name: "x"}},
		{AccountID: "a", Template: &job.Template{Text: "x: 1"}},
	}
	seen := map[ResultKey]bool{}
	for _, b := range batches {
		keyOf := resultKeys(b)
		for _, s := range specs {
			seen[keyOf(s)] = true
		}
	}
	if want := len(specs) * len(batches); len(seen) != want {
		t.Errorf("%d jobs have %d keys", want, len(seen))
	}
	b := batches[0]
	b.Profile, b.Priority, b.DisplayName, b.Labels = "web", 7, "name", map[string]string{"a": "b"}
	named := specs[0]
	named.Name = "another name"
	if resultKeys(b)(named) != resultKeys(batches[0])(specs[0]) {
		t.Error("what does not decide about the output changes the key")
	}
}

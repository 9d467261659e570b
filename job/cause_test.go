package job

import (
	"strings"
	"testing"
)

func TestCauseOf(t *testing.T) {
	j := Job{EncodingID: "enc-1", Spec: Spec{InputPath: "in/a.mp4", OutputPath: "in/a.mp4/out"}}
	base := Failure{Kind: FailedEncoding, Code: 1001, Category: "DOWNLOAD", Text: "enc-1: no in/a.mp4 for …/out"}
	for _, tt := range []struct {
		name   string
		change func(*Job, *Failure)
		same   bool
	}{
		{"nothing", func(*Job, *Failure) {}, true},
		{"its own encoding and paths", func(j *Job, f *Failure) {
			j.EncodingID, j.InputPath, j.OutputPath = "enc-2", "in/b.mp4", "out/b"
			f.Text = "enc-2: no in/b.mp4 for in/b.mp4/out"
		}, true},
		{"what a failure of another time has as well", func(_ *Job, f *Failure) {
			f.Hint, f.RequestID, f.Permanent, f.Cause = HintRetry, "r", true, "another"
		}, true},
		{"more text", func(_ *Job, f *Failure) { f.Text += strings.Repeat("é", 1000) }, false},
		{"kind", func(_ *Job, f *Failure) { f.Kind = FailedStart }, false},
		{"code", func(_ *Job, f *Failure) { f.Code = 1 }, false},
		{"status", func(_ *Job, f *Failure) { f.HTTPStatus = 400 }, false},
		{"category", func(_ *Job, f *Failure) { f.Category = "UPLOAD" }, false},
		{"text", func(_ *Job, f *Failure) { f.Text = "enc-1: no in/b.mp4 for …/out" }, false},
		{"message", func(_ *Job, f *Failure) { f.Messages = []string{"gone"} }, false},
		{"encoding of another job", func(_ *Job, f *Failure) { f.Text = "enc-2: no in/a.mp4 for …/out" }, false},
	} {
		other, failure := j, base
		tt.change(&other, &failure)
		if same := other.CauseOf(&failure) == j.CauseOf(&base); same != tt.same {
			t.Errorf("%s: the same cause: %t, want %t", tt.name, same, tt.same)
		}
	}
}

// A path that may be an ordinary word stays in the text. What comes after the first thousand characters
// does not count, nor do messages after the first.
func TestCauseOfWordsAndLongTexts(t *testing.T) {
	word := Job{Spec: Spec{InputPath: "audio", OutputPath: "video"}}
	if word.CauseOf(&Failure{Text: "no audio"}) == word.CauseOf(&Failure{Text: "no …"}) {
		t.Error("a path without a directory was taken for the path of the job")
	}
	long := strings.Repeat("é", 1000)
	if word.CauseOf(&Failure{Text: long + "a"}) != word.CauseOf(&Failure{Text: long + "b", Messages: []string{"c"}}) {
		t.Error("the end of a long text counts")
	}
	if word.CauseOf(&Failure{Messages: []string{"a", "b"}}) != word.CauseOf(&Failure{Messages: []string{"a", "c"}}) {
		t.Error("the second message counts")
	}
}

package provision

import (
	"testing"

	"github.com/stokerd/stoker/job"
)

func TestParseName(t *testing.T) {
	id := job.ID{Batch: "b", Number: 12}
	for _, tt := range []struct {
		title   string
		attempt int // 0: not from a template
	}{
		{"a film", 0}, {"a film", 1}, {"a film", 12}, {"[x/1] #2", 0}, {"[x/1] #2", 3}, {"#7", 0}, {"", 0}, {"", 2},
	} {
		j := &job.Job{ID: id, Spec: job.Spec{Name: tt.title}, Attempt: tt.attempt}
		name := EncodingName(j)
		if tt.attempt > 0 {
			name = AttemptName(j)
		}
		if got, attempt, ok := ParseName(name); !ok || got != id || attempt != tt.attempt {
			t.Errorf("%q is of job %v, attempt %d, %v; want %v, attempt %d", name, got, attempt, ok, id, tt.attempt)
		}
	}
	for _, name := range []string{"", "film", "film #3", "film [b/x]", "film [b/1] #", "film [b/1] #x", "film [b/1] #99999999999999999999", "film [b/1] #2 (copy)"} {
		if got, attempt, ok := ParseName(name); ok && attempt != 0 {
			t.Errorf("%q is of job %v, attempt %d; want nobody's", name, got, attempt)
		}
	}
	j := &job.Job{ID: id, Spec: job.Spec{Name: " a \n\t film "}}
	if got := EncodingName(j); got != "a film [b/12]" {
		t.Errorf("encoding is called %q", got)
	}
}

package spelling_test

import (
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/spelling"
)

func TestClosest(t *testing.T) {
	known := []string{"key", "name", "input_path", "output_path"}
	for _, tt := range []struct{ word, want string }{
		{"input_path", "input_path"},
		{"input-path", "input_path"},
		{"Input_Path", "input_path"},
		{"inputpath", "input_path"},
		{"naem", "name"},
		{"keys", "key"},
		{"outpt_path", "output_path"},
		{"output", "output_path"},
		{"keyframe", "key"},
		{"bitrate", ""},
		{"", ""},
		{"key" + strings.Repeat("s", 1<<20), ""}, // whose comparison would take some hundred megabytes
	} {
		if got := spelling.Closest(tt.word, known); got != tt.want {
			t.Errorf("Closest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestHint(t *testing.T) {
	if got, want := spelling.Hint("stae", []string{"state"}), `; did you mean "state"?`; got != want {
		t.Errorf("Hint = %q, want %q", got, want)
	}
	if got := spelling.Hint("colour", []string{"state"}); got != "" {
		t.Errorf("Hint = %q, want none", got)
	}
}

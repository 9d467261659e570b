package job

import (
	"testing"
	"time"
)

func TestTargetAdvice(t *testing.T) {
	for _, tt := range []struct {
		advice TargetAdvice
		want   string
	}{
		{TargetAdvice{}, ""},
		{TargetAdvice{3, 100, 251 * time.Millisecond, 12}, "a queue target of 3 cannot keep 100 encoders busy at 250 ms a call; auto would choose 12"},
		{TargetAdvice{1, 1, 4 * time.Millisecond, 2}, "a queue target of 1 cannot keep 1 encoder busy at 4 ms a call; auto would choose 2"},
		{TargetAdvice{3, 5, 1250 * time.Millisecond, 4}, "a queue target of 3 cannot keep 5 encoders busy at 1.2 s a call; auto would choose 4"},
	} {
		if got := tt.advice.String(); got != tt.want || tt.advice.Given() != (tt.want != "") {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

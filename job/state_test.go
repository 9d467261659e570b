package job

import (
	"errors"
	"testing"
)

func TestTransitions(t *testing.T) {
	t.Run("every state is reached and known", func(t *testing.T) {
		reached := map[State]bool{Waiting: true}
		for _, tr := range transitions {
			if !tr.From.Valid() || !tr.To.Valid() || tr.Why == "" {
				t.Errorf("transition %+v names an unknown state or no reason", tr)
			}
			reached[tr.To] = true
		}
		for _, s := range States() {
			if !reached[s] {
				t.Errorf("no transition leads to %s", s)
			}
		}
	})
	t.Run("a terminal state is left only to wait again", func(t *testing.T) {
		for _, tr := range transitions {
			if tr.From.Terminal() && tr.To != Waiting {
				t.Errorf("%s leads to %s", tr.From, tr.To)
			}
			if tr.From == Succeeded {
				t.Errorf("a job that succeeded would be encoded, and paid, again")
			}
		}
	})
	t.Run("what the table does not allow is refused", func(t *testing.T) {
		if err := Waiting.To(Running); !errors.Is(err, ErrIllegalTransition) {
			t.Errorf("WAITING to RUNNING: got %v, want ErrIllegalTransition", err)
		}
		if err := Waiting.To(Starting); err != nil {
			t.Errorf("WAITING to STARTING: got %v", err)
		}
	})
}

func TestParseID(t *testing.T) {
	id := ID{Batch: "0192", Number: 17}
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Errorf("ParseID(%q) = %v, %v", id, got, err)
	}
	for _, bad := range []string{"", "0192", "/1", "0192/", "0192/0", "0192/-1", "0192/x", "0192/1/2"} {
		if got, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) = %v, want an error", bad, got)
		}
	}
}

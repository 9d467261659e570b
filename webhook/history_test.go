package webhook

import (
	"strconv"
	"testing"
)

func TestHistoryIsBounded(t *testing.T) {
	var h history
	for i := range 3 * remembered {
		if !h.first(strconv.Itoa(i)) {
			t.Fatalf("event %d is not new", i)
		}
	}
	if len(h.seen) != remembered || len(h.order) != remembered {
		t.Errorf("remembers %d and %d, want %d", len(h.seen), len(h.order), remembered)
	}
	for i := 2 * remembered; i < 3*remembered; i++ {
		if h.first(strconv.Itoa(i)) {
			t.Fatalf("event %d was forgotten", i)
		}
	}
	if !h.first("0") {
		t.Error("the oldest event was not forgotten")
	}
}

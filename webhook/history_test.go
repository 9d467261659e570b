package webhook

import (
	"strconv"
	"testing"
)

func TestHistoryIsBounded(t *testing.T) {
	var h history
	for i := range 3 * historySize {
		if !h.add(strconv.Itoa(i)) {
			t.Fatalf("event %d is not new", i)
		}
	}
	if len(h.seen) != historySize || len(h.order) != historySize {
		t.Errorf("remembers %d and %d, want %d", len(h.seen), len(h.order), historySize)
	}
	for i := 2 * historySize; i < 3*historySize; i++ {
		if h.add(strconv.Itoa(i)) {
			t.Fatalf("event %d was forgotten", i)
		}
	}
	if !h.add("0") {
		t.Error("the oldest event was not forgotten")
	}
}

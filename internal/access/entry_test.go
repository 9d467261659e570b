package access_test

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/access"
)

// Whoever asks for entries since a time long ago, or in a far future, gets those since then.
func TestFirstEntryID(t *testing.T) {
	before := int64(-1)
	for year := -100; year <= 10_000; year++ {
		id := access.FirstEntryID(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		if id < before {
			t.Fatalf("the first id of %d is %d, less than %d of the year before", year, id, before)
		}
		before = id
	}
	if now := access.NewEntryID(time.Now()); now <= access.FirstEntryID(time.Now().Add(-time.Second)) || now >= access.FirstEntryID(time.Now().Add(time.Second)) {
		t.Errorf("the id %d is not between those of a second ago and in a second", now)
	}
}

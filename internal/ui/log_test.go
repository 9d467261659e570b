package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/output"

	"github.com/google/go-cmp/cmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestLogLinesAreAtMostOneInTenSeconds(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out strings.Builder
		l := NewLogRenderer(&out, output.Look{Zone: time.UTC})
		active := stokerv1.BatchState_BATCH_STATE_ACTIVE
		for n := range int64(9) { // a change every 3 s
			if err := l.Render(message(withCounts(active, &stokerv1.JobCounts{Waiting: 9 - n, Succeeded: n}))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
		}
		end := withCounts(stokerv1.BatchState_BATCH_STATE_SUCCEEDED, &stokerv1.JobCounts{Succeeded: 9})
		if err := l.Render(message(end)); err != nil {
			t.Fatal(err)
		}
		if err := l.Render(message(end)); err != nil { // nothing new
			t.Fatal(err)
		}
		want := `2000-01-01 00:00:00 9 active 0 of 9
2000-01-01 00:00:12 9 active 4 of 9
2000-01-01 00:00:24 9 active 8 of 9
2000-01-01 00:00:27 9 succeeded: 9 succeeded
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestLogLinesAreAtMostOnePerSecond(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out strings.Builder
		l := NewLogRenderer(&out)
		active := stokerv1.BatchState_BATCH_STATE_ACTIVE
		for n := range int64(9) { // a change every 300 ms
			if err := l.Render(message(withCounts(active, &stokerv1.JobCounts{Waiting: 9 - n, Succeeded: n}))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		end := withCounts(stokerv1.BatchState_BATCH_STATE_SUCCEEDED, &stokerv1.JobCounts{Succeeded: 9})
		if err := l.Render(message(end)); err != nil {
			t.Fatal(err)
		}
		if err := l.Render(message(end)); err != nil { // nothing new
			t.Fatal(err)
		}
		want := `ACTIVE: 0 of 9 jobs done, 9 waiting
ACTIVE: 4 of 9 jobs done, 5 waiting, 4 succeeded
ACTIVE: 8 of 9 jobs done, 1 waiting, 8 succeeded
SUCCEEDED: 9 of 9 jobs done, 9 succeeded
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

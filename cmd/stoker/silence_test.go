package main

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestSilenceIsNoted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var notes []string
		l := newListener(newLines(io.Discard), func(format string, args ...any) {
			notes = append(notes, fmt.Sprintf(format, args...))
		}, func() string { return "HTTP status 502 (Bad Gateway)" })
		told := func() []string {
			l.mu.Lock() // as notes are made
			defer l.mu.Unlock()
			return slices.Clone(notes)
		}
		hear := func() {
			if err := l.show(&stokerv1.WatchBatchResponse{}); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // heartbeats
			time.Sleep(15 * time.Second)
			hear()
		}
		synctest.Wait()
		if got := told(); len(got) > 0 {
			t.Errorf("with heartbeats there are notes: %q", got)
		}
		time.Sleep(90 * time.Second)
		hear()
		hear()
		l.close()
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []string{
			"Nothing heard from the server for 20s (HTTP status 502 (Bad Gateway)); the watch goes on when it is back.",
			"The server is back after 1m30s.",
		}
		if diff := cmp.Diff(want, told()); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
	})
}

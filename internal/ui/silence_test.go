package ui

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestNotifySilence(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var notes []string
		s := newSilenceNotifier(NewLogRenderer(io.Discard, output.Look{}), func(format string, args ...any) {
			notes = append(notes, fmt.Sprintf(format, args...))
		}, func() string { return "HTTP status 502 (Bad Gateway)" })
		noted := func() []string {
			s.mu.Lock() // as notes are made
			defer s.mu.Unlock()
			return slices.Clone(notes)
		}
		message := func() {
			if err := s.Render(&stokerv1.WatchBatchResponse{}); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // heartbeats
			time.Sleep(15 * time.Second)
			message()
		}
		synctest.Wait()
		if got := noted(); len(got) > 0 {
			t.Errorf("with heartbeats there are notes: %q", got)
		}
		time.Sleep(90 * time.Second)
		message()
		message()
		s.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []string{
			"Nothing heard from the server for 20 s (HTTP status 502 (Bad Gateway)); the watch goes on when it is back.",
			"The server is back after 1:30.",
		}
		if diff := cmp.Diff(want, noted()); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
	})
}

package dispatcher

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// lateStarts keeps the first start of a template that a world sends, to send it once more: as a process does that
// stood still between its last look at its term and the call.
type lateStarts struct {
	network http.RoundTripper
	mu      sync.Mutex
	first   *http.Request
	body    []byte
}

func (s *lateStarts) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/encoding/templates/start") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		if s.first == nil {
			s.first, s.body = r.Clone(r.Context()), body
		}
		s.mu.Unlock()
	}
	return s.network.RoundTrip(r)
}

// again sends the start once more.
func (s *lateStarts) again(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	r := s.first.Clone(t.Context())
	r.Body = io.NopCloser(bytes.NewReader(s.body))
	s.mu.Unlock()
	response, err := s.network.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		t.Fatalf("the late start: %s", response.Status)
	}
}

// Two encodings of one attempt are noticed and counted once, and the one that the job does not know is stopped.
func TestDuplicateAttempts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		late    time.Duration // after the first start
		takenAt time.Duration // a second process takes the account over; 0: none does
		want    bitmovin.Status
		count   int64
	}{
		{"while the encoding runs", time.Minute, 0, bitmovin.StatusCanceled, 1},
		{"after the encoding has ended", time.Hour, 0, bitmovin.StatusCanceled, 1},
		{"before another process takes over", time.Minute, 2 * time.Minute, bitmovin.StatusCanceled, 1},
		{"after another process has taken over", 3 * time.Minute, 2 * time.Minute, bitmovin.StatusCanceled, 1},
		{"not at all", 0, 2 * time.Minute, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := &simulator.Simulator{Encoders: 4, Duration: 30 * time.Minute}
			inWorld(t, sim, func(w *world) {
				starts := &lateStarts{network: sim.Client().Transport}
				var count atomic.Int64
				w.network, w.onDuplicate = starts.RoundTrip, func(string) { count.Add(1) }
				w.court, w.mortal = &court{}, newMortal(0)
				w.run()
				b := w.submitLadder(3, nil)
				w.await(b.ID, time.Hour, "a start", func(b job.Batch) bool { return b.Counts.Running == 3 })
				started := time.Now()
				at := func(d time.Duration, do func()) {
					if d > 0 {
						time.Sleep(time.Until(started.Add(d)))
						do()
					}
				}
				takeOver := func() {
					w.halt()
					w.mortal, w.governor = newMortal(0), bitmovin.NewGovernor(nil)
					w.run()
				}
				if tt.late < tt.takenAt {
					at(tt.late, func() { starts.again(t) })
					at(tt.takenAt, takeOver)
				} else {
					at(tt.takenAt, takeOver)
					at(tt.late, func() { starts.again(t) })
				}
				time.Sleep(2 * time.Hour) // some sweeps
				b = w.awaitEnd(b.ID, time.Hour)
				if b.Counts.Succeeded != 3 || count.Load() != tt.count {
					t.Errorf("%d duplicates, want %d; batch %+v", count.Load(), tt.count, b.Counts)
				}
				known := map[string]bool{}
				for _, j := range w.jobs(b.ID) {
					known[j.EncodingID] = true
				}
				var duplicates int64
				for _, e := range sim.Encodings() {
					if known[e.ID] {
						continue
					}
					if duplicates++; string(e.Status) != string(tt.want) {
						t.Errorf("the duplicate is %s, want %s", e.Status, tt.want)
					}
				}
				if duplicates != tt.count {
					t.Errorf("%d encodings that no job knows, want %d", duplicates, tt.count)
				}
			})
		})
	}
}

package server_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// changingStore has a history that a test changes.
type changingStore struct {
	server.Store
	word atomic.Pointer[string]
}

func (c *changingStore) History() string { return *c.word.Load() }

// A job table that goes on from another history has the same revisions with another content: every watcher gets a new
// snapshot, on the stream that it has and with a cursor from before.
func TestWatchHistoryChanges(t *testing.T) {
	changing := &changingStore{}
	changing.word.Store(new("aaaa"))
	use := func(c *server.Config) {
		changing.Store = c.Store
		c.Store = changing
	}
	within(t, use, func(t *testing.T, w *world) {
		b := w.submit(1)
		for _, jobs := range []bool{true, false} {
			request := &stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: jobs}
			s := w.watch(request)
			cursor := s.next().GetCursor()
			synctest.Wait() // the server looks for changes once more after the snapshot
			again := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: jobs, Cursor: cursor})
			synctest.Wait()
			again.hangUp(errHungUp)

			changing.word.Store(new(map[bool]string{true: "bbbb", false: "cccc"}[jobs]))
			w.server.Changed([]job.Change{{Everything: true, Dispatch: true}})
			m := s.next()
			if !m.GetSnapshot() || m.GetCursor() == cursor {
				t.Errorf("on the stream: %v, want a snapshot with another cursor", m)
			}
			s.hangUp(errHungUp)
			s = w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: jobs, Cursor: cursor})
			if m := s.next(); !m.GetSnapshot() {
				t.Errorf("with a cursor from before: %v, want a snapshot", m)
			}
			s.hangUp(errHungUp)
		}
	})
}

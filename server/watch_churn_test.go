package server_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// TestWatchersComeAndGo holds that a thousand watchers, who come and go in ten waves while a batch changes, leave
// no goroutine behind, and little memory: those who stay until the end are not slowed down by those who left.
func TestWatchersComeAndGo(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		rests, changes := w.submit(50), w.submit(50)
		stays := w.watch(&stokerv1.WatchBatchRequest{BatchId: changes.GetId(), IncludeJobs: true})
		stays.next()
		var early, late int // bytes
		goroutines := 0
		for wave := range 10 {
			var all []*stream
			for n := range 100 {
				id := []string{rests.GetId(), changes.GetId()}[n%2]
				s := w.watch(&stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: n%3 == 0})
				s.next()
				all = append(all, s)
			}
			for number := range int64(5) {
				w.update(changes.GetId(), int64(wave)*5+number+1, goOn)
			}
			for n, s := range all {
				if n%4 != 0 {
					s.hangUp(errHungUp)
					continue
				}
				time.Sleep(10 * time.Millisecond) // some read on for a moment
				s.hangUp(errHungUp)
			}
			synctest.Wait()
			time.Sleep(time.Minute)
			synctest.Wait()
			switch wave {
			case 1:
				early, goroutines = heap(), runtime.NumGoroutine()
			case 9:
				late = heap()
			}
		}
		if now := runtime.NumGoroutine(); now > goroutines {
			t.Errorf("%d goroutines after ten waves, %d after two", now, goroutines)
		}
		if late > early+1<<20 {
			t.Errorf("%d kB after ten waves, %d kB after two", late>>10, early>>10)
		}
		w.start(changes.GetId(), 50)
		stays.until(func(m *stokerv1.WatchBatchResponse) bool { return m.GetBatch().GetCounts().GetQueued() > 0 })
	})
}

// heap is how much memory is in use, in bytes.
func heap() int {
	var m runtime.MemStats
	for range 3 { // finalizers and pools need more than one
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

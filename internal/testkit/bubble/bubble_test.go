package bubble_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// Without its care, the race detector dies in this test, nearly always, wherever
// there are two processors.
func TestTimersSideBySide(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	for _, name := range []string{"one bubble", "beside another"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() {
						for range 10_000 {
							fired := make(chan struct{})
							time.AfterFunc(0, func() { close(fired) })
							<-fired
						}
					})
				}
				all.Wait()
				synctest.Wait()
			})
		})
	}
	t.Cleanup(func() {
		if got := runtime.GOMAXPROCS(0); got != before {
			t.Errorf("%d processors after the bubbles, want the %d from before", got, before)
		}
	})
}

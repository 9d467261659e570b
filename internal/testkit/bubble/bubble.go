// Package bubble runs tests in bubbles of testing/synctest. Unlike synctest.Test, it is safe under the
// race detector.
package bubble

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// Test is [synctest.Test]. Under the race detector it sets GOMAXPROCS to 1 for the whole process while a
// bubble exists.
//
// To the race detector, all timers of a bubble are one thread. If two goroutines set timers at the same
// moment, they corrupt the detector's state, and the process dies of a segmentation fault or of a failed
// check: https://go.dev/issue/78156. With GOMAXPROCS=1 that cannot happen. The detector still finds races,
// because it compares the order of synchronisation, not what runs at the same time.
func Test(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if raceDetector {
		processors.take()
		defer processors.giveBack()
	}
	synctest.Test(t, f)
}

// processors keeps GOMAXPROCS at 1 while there are bubbles.
var processors processorLimit

type processorLimit struct {
	mu      sync.Mutex
	bubbles int
	before  int // GOMAXPROCS without bubbles
}

func (k *processorLimit) take() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bubbles == 0 {
		k.before = runtime.GOMAXPROCS(1)
	}
	k.bubbles++
}

func (k *processorLimit) giveBack() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bubbles--
	if k.bubbles == 0 {
		runtime.GOMAXPROCS(k.before)
	}
}

// Package bubble runs tests in bubbles of testing/synctest, under the race detector too.
package bubble

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// Test is [synctest.Test]. Under the race detector the process has one processor
// while a bubble exists.
//
// All timers of a bubble report to the race detector as one thread. Two goroutines that set
// timers at the same moment corrupt the detector's state, and the process dies of a
// segmentation fault or of a failed check: https://go.dev/issue/78156. One processor does
// one thing at a time. The detector finds races there as well, because it compares the order
// of synchronisation, not what happens to run at once.
func Test(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if raceDetector {
		processors.take()
		defer processors.giveBack()
	}
	synctest.Test(t, f)
}

// processors holds back all processors but one while there are bubbles.
var processors keeper

type keeper struct {
	mu      sync.Mutex
	bubbles int
	before  int // GOMAXPROCS without bubbles
}

func (k *keeper) take() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bubbles == 0 {
		k.before = runtime.GOMAXPROCS(1)
	}
	k.bubbles++
}

func (k *keeper) giveBack() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bubbles--
	if k.bubbles == 0 {
		runtime.GOMAXPROCS(k.before)
	}
}

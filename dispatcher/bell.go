package dispatcher

// wakeup wakes a loop. A ring is a hint that something may have changed: rings
// coalesce, and whoever wakes looks for itself.
type wakeup chan struct{}

func newWakeup() wakeup { return make(wakeup, 1) }

func (b wakeup) notify() {
	select {
	case b <- struct{}{}:
	default:
	}
}

package dispatcher

// bell wakes a loop. A ring is a hint that something may have changed: rings
// coalesce, and whoever wakes looks for itself.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

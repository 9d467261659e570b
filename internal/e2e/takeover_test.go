package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/internal/testkit/relay"
)

// takeover is a way in which a driver ends, and how soon the next one has to go on.
type takeover struct {
	name   string
	end    func(t *testing.T, d *replica) time.Time // returns when the driver was ended
	mend   func(t *testing.T, d *replica)           // has the replica work again
	drives time.Duration                            // until the next one drives the account
	starts time.Duration                            // until it has started an encoding
}

// preparedBefore is how many encodings the driver has configured, and not started, when it ends.
const preparedBefore = 16

func takeovers() []takeover {
	again := func(_ *testing.T, d *replica) {
		<-d.life.exited
		d.life = d.run()
	}
	return []takeover{
		{"stopped by SIGTERM", func(_ *testing.T, d *replica) time.Time {
			began := time.Now()
			d.life.signal(syscall.SIGTERM)
			return began
		}, again, time.Second, time.Second},
		{"kill -9", func(_ *testing.T, d *replica) time.Time {
			began := time.Now()
			d.life.kill()
			return began
		}, again, 4 * time.Second, 6 * time.Second},
		{"frozen in a transaction", func(t *testing.T, d *replica) time.Time {
			freezeInTransaction(t, d) // that takes until a transaction begins
			return time.Now()
		}, func(_ *testing.T, d *replica) { d.eachPath((*relay.Relay).Thaw) }, 5 * time.Second, 6 * time.Second},
	}
}

// TestTakeoverTimes measures how soon the next replica drives an account whose driver has ended, and how soon it
// starts an encoding, with prepared encodings to look at first. It prints the figures of the documentation, and needs
// a machine without other work. TestReplicas holds what comes of a takeover, however long it takes.
func TestTakeoverTimes(t *testing.T) {
	if os.Getenv("STOKER_FIGURES") == "" {
		t.Skip("make bench runs it")
	}
	const rounds, jobs = 5, 4000
	r := newReplicas(t, "STOKER_QUEUE_TARGET="+strconv.Itoa(preparedBefore/2))
	inputs := make([]string, jobs)
	for i := range inputs {
		inputs[i] = fmt.Sprintf("any/%d.mov", i)
	}
	r.all[1].submit(inputs, 0)
	var table strings.Builder
	for _, way := range takeovers() {
		var drives, starts time.Duration
		for range rounds {
			d, s := r.takeOver(way)
			drives, starts = max(drives, d), max(starts, s)
		}
		if drives > way.drives || starts > way.starts {
			t.Errorf("%s: the next replica drove after %v, want %v at most; it started after %v, want %v at most", way.name, drives, way.drives, starts, way.starts)
		}
		fmt.Fprintf(&table, "\n%-24s drives after %.2f s (goal %.0f s), starts after %.2f s (goal %.0f s)", way.name, drives.Seconds(), way.drives.Seconds(), starts.Seconds(), way.starts.Seconds())
	}
	t.Logf("takeovers with %d prepared encodings, the longest of %d:%s", preparedBefore, rounds, table.String())
}

// takeOver ends the driver, and returns how long it then took until the other replica drove, and until it started an
// encoding.
func (r *replicas) takeOver(way takeover) (drives, starts time.Duration) {
	r.t.Helper()
	driver, database := r.driver(), r.primary.URL(r.database)
	pgserver.Await(r.t, database, fmt.Sprintf(`SELECT count(*) >= %d FROM jobs WHERE state = 'WAITING' AND encoding_id <> ''`, preparedBefore))
	before := pgserver.Read(r.t.Context(), database, `SELECT epoch::text FROM leases WHERE name = 'default'`)
	began := way.end(r.t, driver)
	pgserver.Await(r.t, database, `SELECT expires >= clock_timestamp() AND epoch > `+before+` FROM leases WHERE name = 'default'`)
	text := pgserver.Read(r.t.Context(), database, `SELECT (extract(epoch FROM since) * 1000000)::bigint::text FROM leases WHERE name = 'default'`)
	microseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.t.Fatalf("when the account was gained: %v", err)
	}
	gained := time.UnixMicro(microseconds)
	started := r.firstStart(gained)
	way.mend(r.t, driver)
	return gained.Sub(began), started.Sub(began)
}

// firstStart is when the platform accepted the first start after a time. It waits for it.
func (r *replicas) firstStart(after time.Time) time.Time {
	r.t.Helper()
	for began := time.Now(); time.Since(began) < processTimeout; wait(20 * time.Millisecond) {
		for _, call := range r.sim.Ledger() {
			if call.Route == startRoute && call.Effect && call.Time.After(after) {
				return call.Time
			}
		}
	}
	r.t.Fatal("nothing was started any more")
	return time.Time{}
}

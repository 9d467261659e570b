package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/internal/testkit/platform"
	"github.com/stokerd/stoker/internal/testkit/relay"
	"github.com/stokerd/stoker/store/postgres"
)

// replicas are two services on one database, with a synchronous standby of it.
type replicas struct {
	t                *testing.T
	sim              *simulator.Simulator
	primary, standby *pgserver.Host
	between          *relay.Relay // what the standby follows the primary through
	database         string
	all              [2]*replica
	killed           *pgserver.Host // the primary before the failover
}

// replica is one of the services. It reaches the database through relays of its own.
type replica struct {
	*service
	life  *process
	paths []*relay.Relay // to the primary and to the standby
}

// newReplicas starts the database, and both services, of which the first one drives the account. They get further
// settings.
func newReplicas(t *testing.T, settings ...string) *replicas {
	t.Helper()
	r := &replicas{t: t, sim: &simulator.Simulator{Encoders: 3, Duration: 400 * time.Millisecond, Unlimited: true}}
	r.primary = pgserver.StartHost(t, "fsync=off")
	r.between = relay.Start(t, r.primary.Address)
	r.standby = r.primary.Standby(t, "standby", r.between.Address)
	r.primary.RequireStandby(t, "standby")
	r.database = r.primary.NewDatabase(t)
	if _, _, err := postgres.Migrate(t.Context(), r.primary.URL(r.database)); err != nil {
		t.Fatal(err)
	}
	url := platform.Serve(t, r.sim)
	for i := range r.all {
		paths := []*relay.Relay{relay.Start(t, r.primary.Address), relay.Start(t, r.standby.Address)}
		db := fmt.Sprintf("postgres://postgres@%s,%s/%s?target_session_attrs=read-write&connect_timeout=2", paths[0].Address, paths[1].Address, r.database)
		r.all[i] = &replica{service: newService(t, url, append([]string{"STOKER_DB=" + db, "STOKER_QUEUE_TARGET=6", "STOKER_POLL_INTERVAL=500ms"}, settings...)...), paths: paths}
		r.all[i].life = r.all[i].run()
		if i == 0 {
			pgserver.Await(t, r.primary.URL(r.database), `SELECT count(*) > 0 FROM leases WHERE name = 'default' AND expires >= clock_timestamp()`)
		}
	}
	return r
}

// disturbance is a fault of replicas: what is done, to the driver of the account where it is about one of them.
type disturbance struct {
	name string
	do   func(r *replicas, driver *replica)
	gap  time.Duration // how long no start may be made because of it, on a machine that has time for it
}

// wait lets time pass while something is broken, or under way.
func wait(d time.Duration) { time.Sleep(d) }

// disturbances are all of them.
func disturbances() []disturbance {
	return []disturbance{
		{"stopped by SIGTERM", func(r *replicas, d *replica) {
			d.life.signal(syscall.SIGTERM)
			if code := d.life.wait(processTimeout); code != 0 {
				r.t.Errorf("stopped with exit code %d", code)
			}
		}, time.Second},
		{"kill -9", func(_ *replicas, d *replica) { d.life.kill() }, 6 * time.Second},
		{"frozen for less than the lease", func(_ *replicas, d *replica) { freeze(d, 1500*time.Millisecond) }, 4 * time.Second},
		{"frozen for longer than the lease", func(_ *replicas, d *replica) { freeze(d, 8*time.Second) }, 6 * time.Second},
		{"frozen in a transaction", func(r *replicas, d *replica) {
			freezeInTransaction(r.t, d)
			wait(8 * time.Second)
			d.eachPath((*relay.Relay).Thaw)
		}, 6 * time.Second},
		{"database cut off from the driver", func(_ *replicas, d *replica) {
			d.eachPath((*relay.Relay).Freeze)
			wait(8 * time.Second)
			d.eachPath((*relay.Relay).Thaw)
		}, 6 * time.Second},
		{"connections of both cut", func(r *replicas, _ *replica) {
			for _, one := range r.all {
				one.eachPath((*relay.Relay).Cut)
			}
		}, 2 * time.Second},
		{"database restarted", func(r *replicas, _ *replica) {
			r.primary.Stop(r.t)
			r.primary.Start(r.t)
		}, 6 * time.Second},
		{"standby away for a moment", func(r *replicas, _ *replica) {
			r.standby.Kill(r.t)
			wait(3 * time.Second)
			r.standby.Start(r.t)
		}, 10 * time.Second},
		{"failover of the database", func(r *replicas, _ *replica) {
			if r.killed != nil {
				return // there is one standby
			}
			r.primary.Kill(r.t)
			r.standby.Exec(r.t, `ALTER SYSTEM SET synchronous_standby_names = ''`)
			r.standby.Promote(r.t)
			r.killed, r.primary = r.primary, r.standby
		}, 10 * time.Second},
	}
}

// freeze stops a process for a while, as a virtual machine that is paused.
func freeze(d *replica, length time.Duration) {
	d.life.signal(syscall.SIGSTOP)
	wait(length)
	d.life.signal(syscall.SIGCONT)
}

// freezeInTransaction cuts a replica off from the database as soon as it has begun a transaction.
func freezeInTransaction(t *testing.T, d *replica) {
	t.Helper()
	// The parameters of the statement that begins a transaction: after how long an idle one ends, and how long it
	// waits for a lock.
	begins := []byte("\x00\x00\x00\x021s\x00\x00\x00\x025s")
	frozen := make(chan struct{})
	freezes := sync.OnceFunc(func() { close(frozen) })
	d.eachPath(func(p *relay.Relay) {
		p.FreezeAfter(func(fromServer bool, data []byte) bool {
			is := !fromServer && bytes.Contains(data, begins)
			if is {
				freezes()
			}
			return is
		})
	})
	select {
	case <-frozen:
	case <-time.After(processTimeout):
		t.Error("the driver has begun no transaction")
	}
}

func (d *replica) eachPath(do func(*relay.Relay)) {
	for _, p := range d.paths {
		do(p)
	}
}

// driver is the replica that drives the account. It waits until there is one.
func (r *replicas) driver() *replica {
	r.t.Helper()
	const query = `SELECT address FROM leases WHERE name = 'default' AND expires >= clock_timestamp()`
	var address string
	for began := time.Now(); time.Since(began) < processTimeout; wait(20 * time.Millisecond) {
		address = pgserver.Read(r.t.Context(), r.primary.URL(r.database), query)
		for _, one := range r.all {
			if strings.HasSuffix(address, fmt.Sprintf(", process %d, %s", one.life.cmd.Process.Pid, one.address)) {
				return one // and not what it was before it was started again
			}
		}
	}
	r.t.Fatalf("nobody that runs drives the account; %q did last", address)
	return nil
}

// alive is a replica whose process runs.
func (r *replicas) alive() *replica {
	for _, one := range r.all {
		select {
		case <-one.life.exited:
		default:
			return one
		}
	}
	r.t.Fatal("no replica runs")
	return nil
}

// outcome is what came of disturbances.
type outcome struct {
	name    string
	allowed time.Duration
	gap     time.Duration // the longest time without a start between the first one and the last one
	starts  int
	left    int // encodings that were never started, and are left for a sweep
}

// settling is how many starts may be made late: those of which it had to be found out first whether they were made.
// Others do not wait for them.
const settling = 6

// longestGap is the longest time between two starts that the platform accepted, without the last ones.
func longestGap(ledger []simulator.Entry) (gap time.Duration, starts int) {
	var times []time.Time
	for _, call := range ledger {
		if call.Route == startRoute && call.Effect {
			times = append(times, call.Time)
		}
	}
	for i := 1; i < len(times)-settling; i++ {
		gap = max(gap, times[i].Sub(times[i-1]))
	}
	return gap, len(times)
}

// TestReplicas has two services work on one database while something goes wrong. Nothing that was acknowledged is
// lost, no job is paid for twice, and watchers on both see every job end, in order. It prints what came of each fault,
// and beside its goal for how long no start was made: how long that is depends on what else the machine does, the other
// faults included. TestTakeoverTimes measures the times of a takeover by themselves.
func TestReplicas(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var outcomes []outcome
	t.Run("faults", func(t *testing.T) {
		for _, d := range disturbances() {
			t.Run(d.name, func(t *testing.T) {
				t.Parallel()
				o := disturb(t, 60, func(r *replicas) {
					d.do(r, r.driver())
				})
				o.name, o.allowed = d.name, d.gap
				mu.Lock()
				defer mu.Unlock()
				outcomes = append(outcomes, o)
			})
		}
	})
	slices.SortFunc(outcomes, func(a, b outcome) int { return cmp.Compare(a.name, b.name) })
	var table strings.Builder
	for _, o := range outcomes {
		fmt.Fprintf(&table, "\n%-36s longest time without a start %5.1f s (goal %4.1f s), %d starts; lost 0, paid twice 0, watchers complete, %d left for a sweep", o.name, o.gap.Seconds(), o.allowed.Seconds(), o.starts, o.left)
	}
	if !t.Failed() {
		t.Logf("faults of two replicas:%s", table.String())
	}
}

// disturb has two replicas work on a batch, does something to them meanwhile, and judges what came of it.
func disturb(t *testing.T, jobs int, do func(*replicas)) outcome {
	t.Helper()
	r := newReplicas(t)
	inputs := make([]string, jobs)
	for i := range inputs {
		inputs[i] = fmt.Sprintf("any/%d.mov", i)
	}
	batch := r.all[1].submit(inputs, 0)
	var watchers []*history
	for _, one := range r.all {
		watchers = append(watchers, one.follow(batch))
	}
	if err := r.sim.AwaitStats(t.Context(), func(s simulator.Stats) bool { return s.Busy > 2*time.Second }); err != nil {
		t.Fatal(err)
	}
	do(r)
	survivor := r.alive()
	for _, one := range r.all { // the watch of one that was ended goes on where it is started again
		select {
		case <-one.life.exited:
			one.life = one.run()
		default:
		}
	}
	var ended *stokerv1.Batch
	for i, h := range watchers {
		if b := h.end(5 * processTimeout); r.all[i] == survivor {
			ended = b // the address of the page in it is that of the replica
		}
	}
	if running := leftAt(t, r.sim, processTimeout, func(e simulator.Encoding) bool { return !e.Status.Ended() && e.Status != simulator.Created }); len(running) > 0 {
		t.Errorf("running at the platform: %q", running)
	}
	survivor.verdict(r.sim, ended, inputs, retries, func(string) want { return want{stokerv1.JobState_JOB_STATE_SUCCEEDED, 1} })
	var o outcome
	o.gap, o.starts = longestGap(r.sim.Ledger())
	// A driver that stands still in the middle of a call creates an encoding after its term. Nobody pays for it, and a
	// sweep deletes it 20 minutes later at most: TestTakeovers waits for that, in simulated time.
	o.left = len(leftAt(t, r.sim, 30*time.Second, unended))
	return o
}

// TestTortureReplicas does faults to two replicas one after the other, as STOKER_TORTURE_REPLICAS=1h says how long. Each
// round follows from its own seed.
func TestTortureReplicas(t *testing.T) {
	text := os.Getenv("STOKER_TORTURE_REPLICAS")
	if text == "" {
		t.Skip("make torture-replicas runs it")
	}
	limit, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("STOKER_TORTURE_REPLICAS: %v", err)
	}
	for end := time.Now().Add(limit); time.Now().Before(end) && !t.Failed(); {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			disturb(t, 300, func(r *replicas) {
				all := disturbances()
				for range 6 {
					driver := r.driver()
					d := all[random.IntN(len(all))]
					t.Logf("%s", d.name)
					d.do(r, driver)
					for _, one := range r.all {
						select {
						case <-one.life.exited:
							one.life = one.run()
						default:
						}
					}
					wait(time.Duration(random.IntN(3000)) * time.Millisecond)
				}
			})
		})
	}
}

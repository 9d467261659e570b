package server_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/store/postgres"
)

// audience is a batch under watch by many: what happens to it, and who looks on.
type audience struct {
	Watchers int
	Rate     int           // changes each second
	Interval time.Duration // between two messages, at least; 0: the server's default
	Slow     bool          // one more watcher reads one message a second
	Apart    bool          // each watcher has a connection of its own
	Bare     bool          // the server is the bare one
	Brief    bool          // the batch changes for a second, and not for [playTime]
	// Elsewhere has another replica make the changes, in Database; the server that is watched hears of them.
	Elsewhere bool
	Database  string
}

// playTime is how long a batch changes for a figure.
const playTime = 12 * time.Second

// stepsOfJob is how many changes [goOn] takes a job through.
const stepsOfJob = 6

func (a audience) playTime() time.Duration {
	if a.Brief {
		return time.Second
	}
	return playTime
}

func (a audience) changes() int {
	return a.Rate * int(a.playTime()/time.Second) / stepsOfJob * stepsOfJob
}

func (a audience) String() string {
	s := fmt.Sprintf("%d watchers, %d changes a second", a.Watchers, a.Rate)
	switch {
	case a.Slow:
		s += ", a slow one beside them"
	case a.Interval > 0:
		s += fmt.Sprintf(", min_interval %v", a.Interval)
	case a.Apart:
		s += ", each on a connection of its own"
	case a.Elsewhere:
		s += " on another replica"
	}
	return s
}

// reach is what an audience saw of a batch, and what that took.
type reach struct {
	changes       float64 // made each second
	messages      float64 // received each second, by all together
	p50, p99, max time.Duration
	cpu           float64 // seconds each second, of server, job table and watchers together
	others        float64 // the same of everything else on the machine
	memory, peak  int64   // of the server, in bytes resident: when the batch ended, and the most
	lost          int     // watchers who do not know how every job ended
	slow          int     // messages that the slow watcher read
}

// TestFigures prints the figures of watching in the documentation. That takes minutes: `make bench` does it.
// Otherwise the test holds that a small audience loses nothing, and that the figures can still be taken.
func TestFigures(t *testing.T) {
	if os.Getenv("STOKER_FIGURES") == "" {
		for _, a := range []audience{
			{Watchers: 10, Rate: 60, Brief: true}, {Watchers: 10, Rate: 60, Brief: true, Bare: true}, {Watchers: 10, Rate: 60, Brief: true, Elsewhere: true},
		} {
			t.Run(a.String(), func(t *testing.T) {
				if r := a.watch(t); r.messages == 0 || r.memory == 0 || r.peak < r.memory || r.lost > 0 && !a.Bare {
					t.Errorf("no figures: %+v", r)
				}
			})
		}
		return
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| audience | server | changes/s | messages/s | p50 | p99 | max | CPU s/s | others' CPU s/s | server's memory at the end, highest | lost |")
	fmt.Fprintln(&table, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, a := range []audience{
		{Watchers: 1_000, Rate: 500},
		{Watchers: 1_000, Rate: 500, Bare: true},
		{Watchers: 1_000, Rate: 500, Interval: 100 * time.Millisecond},
		{Watchers: 1_000, Rate: 500, Slow: true},
		{Watchers: 5_000, Rate: 500},
		{Watchers: 5_000, Rate: 500, Apart: true},
		{Watchers: 5_000, Rate: 500, Bare: true},
		{Watchers: 10_000, Rate: 50},
		{Watchers: 1, Rate: 500, Elsewhere: true},
		{Watchers: 100, Rate: 500, Elsewhere: true},
		{Watchers: 1_000, Rate: 500, Elsewhere: true},
	} {
		server := "Stoker"
		if a.Bare {
			server = "bare fan-out"
		}
		t.Run(a.String()+", "+server, func(t *testing.T) {
			r := a.watch(t)
			if r.slow > 0 {
				server += fmt.Sprintf(" (the slow one read %d messages)", r.slow)
			}
			fmt.Fprintf(&table, "| %v | %s | %.0f | %.0f | %v | %v | %v | %.2f | %.2f | %d MB, %d MB | %d |\n", a, server, r.changes, r.messages,
				r.p50.Round(time.Millisecond), r.p99.Round(time.Millisecond), r.max.Round(time.Millisecond), r.cpu, r.others, r.memory/1e6, r.peak/1e6, r.lost)
		})
	}
	t.Logf("server and job table (synchronous=FULL) in one process, watchers in another, over TCP, %d watches on a connection:\n%s", perConnection, table.String())
}

// watch has the audience watch a batch of a server in a process of its own: Stoker, or the bare one.
func (a audience) watch(t *testing.T) reach {
	if a.Elsewhere {
		a.Database = pgserver.Start(t).URL(t)
		if _, _, err := postgres.Migrate(t.Context(), a.Database); err != nil {
			t.Fatal(err)
		}
	}
	stage := openStage(t, a)
	crowd := stage.admit(t, a)
	begin := usage(t)
	stage.tell("play")
	crowd.watching.Wait()
	end := usage(t)
	var p played
	stage.hear(&p)
	crowd.dawdling.Wait() // it has yet to read what is on its way
	return crowd.reach(t, begin, end, p)
}

// play takes jobs through their lives, at the audience's rate, and returns how long that
// took. Jobs begin in order, and some sixty are under way at a time. change is called
// with the time at which the change was due.
func (a audience) play(ctx context.Context, change func(ctx context.Context, number int64, due time.Time)) time.Duration {
	ticks := make(chan time.Time, a.changes())
	begin := time.Now()
	var working sync.WaitGroup
	next := make(chan int64, a.changes())
	for n := range a.changes() / stepsOfJob {
		next <- int64(n + 1)
	}
	close(next)
	for range 64 {
		working.Go(func() {
			for number := range next {
				for range stepsOfJob {
					change(ctx, number, <-ticks)
				}
			}
		})
	}
	for n := range a.changes() {
		at := begin.Add(time.Duration(n) * time.Second / time.Duration(a.Rate))
		time.Sleep(time.Until(at))
		ticks <- at
	}
	working.Wait()
	return time.Since(begin)
}

// used is what a process has used of its machine.
type used struct {
	At      time.Time
	CPU     time.Duration
	Machine time.Duration // processor time of everything that runs
	Memory  int64         // bytes resident
	Peak    int64         // the most bytes resident
}

func usage(t *testing.T) used {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	u := used{At: time.Now(), CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano())}
	var size, pages, user, nice, system int64
	proc(t, "self/statm", &size, &pages)
	proc(t, "stat", new(string), &user, &nice, &system)
	u.Memory, u.Peak = pages*int64(os.Getpagesize()), peakMemory(t)
	u.Machine = time.Duration(user+nice+system) * (time.Second / 100)
	return u
}

// peakMemory is the most memory that the process has had resident, in bytes. What getrusage says of a process
// begins with what the one that started it had.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	var kilobytes int64
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(after, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// proc reads the first values of a file of the kernel.
func proc(t *testing.T, name string, values ...any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", name))
	if err != nil {
		t.Skipf("what a process uses can be told on Linux only: %v", err)
	}
	if _, err := fmt.Sscan(string(text), values...); err != nil {
		t.Fatal(err)
	}
}

// reach adds up what the watchers saw, and what their process and the server's used from begin to end. The
// slow one is not among them.
func (c *crowd) reach(t *testing.T, begin, end used, p played) reach {
	elapsed := end.At.Sub(begin.At).Seconds()
	r := reach{
		cpu:    (end.CPU - begin.CPU + p.End.CPU - p.Begin.CPU).Seconds() / elapsed,
		memory: p.End.Memory, peak: p.End.Peak, lost: c.lost(t, p.Jobs),
	}
	r.others = max(0, (end.Machine-begin.Machine).Seconds()/elapsed-r.cpu)
	for _, at := range p.Due {
		if !at.IsZero() {
			r.changes += 1 / p.Took.Seconds()
		}
	}
	var all []time.Duration
	for _, w := range c.watchers {
		if w.slow {
			r.slow = len(w.arrivals)
			continue
		}
		after := int64(0)
		for _, m := range w.arrivals {
			for _, at := range p.Due[min(after+1, int64(len(p.Due))):min(m.revision+1, int64(len(p.Due)))] {
				if !at.IsZero() {
					all = append(all, m.at.Sub(at))
				}
			}
			after = m.revision
		}
		r.messages += float64(len(w.arrivals)) / elapsed
	}
	if len(all) == 0 {
		return r
	}
	slices.SortFunc(all, cmp.Compare)
	r.p50, r.p99, r.max = all[len(all)/2], all[len(all)*99/100], all[len(all)-1]
	return r
}

package server_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// audience is a batch under watch by many: what happens to it, and who looks on.
type audience struct {
	watchers int
	rate     int           // changes each second
	interval time.Duration // between two messages, at least; 0: the server's default
	slow     bool          // one more watcher reads one message a second
}

// playTime is how long a batch changes.
const playTime = 12 * time.Second

// stepsOfJob is how many changes [goOn] takes a job through.
const stepsOfJob = 6

func (a audience) changes() int { return a.rate * int(playTime/time.Second) / stepsOfJob * stepsOfJob }

func (a audience) String() string {
	s := fmt.Sprintf("%d watchers, %d changes a second", a.watchers, a.rate)
	switch {
	case a.slow:
		s += ", a slow one beside them"
	case a.interval > 0:
		s += fmt.Sprintf(", min_interval %v", a.interval)
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
	memory        int64   // bytes resident when the batch ended
	lost          int     // watchers who do not know how every job ended
	slow          int     // messages that the slow watcher read
}

// TestFigures prints the figures of watching in the documentation. It takes minutes and
// proves nothing that other tests do not: `make bench` runs it.
func TestFigures(t *testing.T) {
	if os.Getenv("STOKER_FIGURES") == "" {
		t.Skip("prints figures; make bench runs it")
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| audience | server | changes/s | messages/s | p50 | p99 | max | CPU s/s | others' CPU s/s | memory | lost |")
	fmt.Fprintln(&table, "|---|---|---|---|---|---|---|---|---|---|---|")
	row := func(a audience, server string, r reach) {
		if r.slow > 0 {
			server += fmt.Sprintf(" (the slow one read %d messages)", r.slow)
		}
		fmt.Fprintf(&table, "| %v | %s | %.0f | %.0f | %v | %v | %v | %.2f | %.2f | %d MB | %d |\n", a, server, r.changes, r.messages,
			r.p50.Round(time.Millisecond), r.p99.Round(time.Millisecond), r.max.Round(time.Millisecond), r.cpu, r.others, r.memory>>20, r.lost)
	}
	for _, a := range []audience{
		{watchers: 1_000, rate: 500},
		{watchers: 1_000, rate: 500, interval: 100 * time.Millisecond},
		{watchers: 1_000, rate: 500, slow: true},
		{watchers: 5_000, rate: 500},
		{watchers: 10_000, rate: 50},
	} {
		t.Run(a.String(), func(t *testing.T) {
			row(a, "Stoker", a.watch(t))
			if a.interval == 0 && !a.slow {
				row(a, "bare fan-out", a.watchBare(t))
			}
		})
	}
	t.Logf("server, job table (synchronous=FULL) and watchers in one process, over TCP, %d watches on a connection:\n%s", perConnection, table.String())
}

// watch has the audience watch a batch of a real server over a durable job table.
func (a audience) watch(t *testing.T) reach {
	table, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "stoker.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = table.Close() }() // nothing is read from it any more
	s, err := server.New(server.Config{
		Store: table, Access: store.NewAccessTable(table), Catalog: catalog(), Logger: slog.New(slog.DiscardHandler),
		Limits: server.Limits{WatchesPerCaller: a.watchers + 1, Watches: a.watchers + 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	newAccounts(table)
	table.SetOnChange(s.Changed)
	house := openHouse(t, s.Options(), s.Register)
	defer house.close(func() { s.Stop(house.grpc, 0) })

	resp, err := house.client(t, 0).SubmitBatch(t.Context(), submission(a.changes()/stepsOfJob))
	if err != nil {
		t.Fatal(err)
	}
	id := resp.GetBatch().GetId()
	crowd := house.admit(t, a, id)
	begin := usage(t)
	due := make([]time.Time, a.changes()+2) // by revision
	var mu sync.Mutex
	made := a.play(t.Context(), func(ctx context.Context, number int64, at time.Time) {
		j, err := table.UpdateJob(ctx, job.ID{Batch: id, Number: number}, time.Now(), func(u *job.Update) error { return goOn(u, time.Now()) })
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		due[j.Revision] = at
	})
	crowd.watching.Wait()
	end := usage(t)
	crowd.dawdling.Wait() // it has yet to read what is on its way
	r := crowd.reach(begin, end, made, due)
	jobs, err := table.Jobs(t.Context(), job.Filter{BatchID: id})
	if err != nil {
		t.Fatal(err)
	}
	last := make([]glance, len(jobs)+1)
	for _, j := range jobs {
		last[j.ID.Number] = glance{stateMessage(j.State), uint8(j.Progress)}
	}
	r.lost = crowd.lost(t, last)
	return r
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
		at := begin.Add(time.Duration(n) * time.Second / time.Duration(a.rate))
		time.Sleep(time.Until(at))
		ticks <- at
	}
	working.Wait()
	return time.Since(begin)
}

// used is what a process has used of its machine.
type used struct {
	at      time.Time
	cpu     time.Duration
	machine time.Duration // processor time of everything that runs
	memory  int64
}

func usage(t *testing.T) used {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	u := used{at: time.Now(), cpu: time.Duration(r.Utime.Nano() + r.Stime.Nano())}
	var size, pages, user, nice, system int64
	proc(t, "self/statm", &size, &pages)
	proc(t, "stat", new(string), &user, &nice, &system)
	u.memory = pages * int64(os.Getpagesize())
	u.machine = time.Duration(user+nice+system) * (time.Second / 100)
	return u
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

// reach adds up what the watchers saw of changes that were due at some times, by
// revision. The slow one is not among them.
func (c *crowd) reach(begin, end used, took time.Duration, due []time.Time) reach {
	elapsed := end.at.Sub(begin.at).Seconds()
	r := reach{cpu: (end.cpu - begin.cpu).Seconds() / elapsed, memory: end.memory}
	r.others = max(0, (end.machine-begin.machine).Seconds()/elapsed-r.cpu)
	for _, at := range due {
		if !at.IsZero() {
			r.changes += 1 / took.Seconds()
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
			for _, at := range due[min(after+1, int64(len(due))):min(m.revision+1, int64(len(due)))] {
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

package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

const (
	// yearJobs is how many jobs a year has in the usual run; STOKER_YEAR says another number.
	yearJobs = 36_000
	// yearPeriods is how often the table is measured, and opened anew.
	yearPeriods = 24
)

// TestYear runs a year of batches through the methods of the store, with every change of their jobs: 95 of a
// hundred succeed, four fail, one is cancelled. Batches are kept for a month, and successes for three. When these
// months are over, the table stays as large and as fast as it is.
//
// With STOKER_YEAR=10000000 it is the year of make year.
func TestYear(t *testing.T) {
	total, jobsOfBatch := yearJobs, 500
	if testing.Short() {
		total, jobsOfBatch = yearJobs/4, 250
	}
	if text := os.Getenv("STOKER_YEAR"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("STOKER_YEAR: %v", err)
		}
		total = n
	}
	y := newYear(t, total, jobsOfBatch)
	var list []yearSample
	t.Logf("%5s %10s %9s %9s %10s %9s %9s %9s %9s %9s", "day", "jobs", "MiB", "unused", "results", "heap MiB", "RSS MiB", "p50 ms", "p99 ms", "start ms")
	for period := range yearPeriods {
		for range y.batches/yearPeriods + min(1, max(0, y.batches%yearPeriods-period)) {
			y.runBatch()
		}
		s := y.measure()
		list = append(list, s)
		t.Logf("%5d %10d %9.1f %9.1f %10d %9.1f %9.1f %9.2f %9.2f %9.1f",
			(period+1)*365/yearPeriods, s.jobs, s.size, s.unused, s.results, s.heap, s.memory, s.median, s.slow, s.start)
	}
	// Three months fill the table, in the fourth it is as it stays.
	early, late := list[yearPeriods/3:yearPeriods/2], list[yearPeriods*5/6:]
	for _, figure := range []struct {
		name string
		of   func(yearSample) float64
		most float64
	}{
		{"jobs", func(s yearSample) float64 { return float64(s.jobs) }, 1.1},
		{"size", func(s yearSample) float64 { return s.size }, 1.1},
		{"results", func(s yearSample) float64 { return float64(s.results) }, 1.1},
		{"heap", func(s yearSample) float64 { return s.heap + 4 }, 1.3},
		{"a change", func(s yearSample) float64 { return s.median + 1 }, 3}, // whatever else the machine does
		{"a start", func(s yearSample) float64 { return s.start + 50 }, 3},
	} {
		before, after := medianOf(early, figure.of), medianOf(late, figure.of)
		if after > figure.most*before {
			t.Errorf("%s has grown from %.2f in the fifth and sixth month to %.2f in the last two", figure.name, before, after)
		}
	}
}

// yearSample is how the table is at one moment.
type yearSample struct {
	jobs, results              int64
	size, unused, heap, memory float64 // MiB; memory is that of the process, 0 where the system does not tell it
	median, slow, start        float64 // milliseconds, of a change and of opening the table
}

func medianOf(list []yearSample, of func(yearSample) float64) float64 {
	var values []float64
	for _, s := range list {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// year is a job table with a clock of its own.
type year struct {
	t       *testing.T
	path    string
	s       *table
	now     time.Time
	batches int           // of the whole year
	jobs    int           // of a batch
	pause   time.Duration // between two batches
	random  *rand.Rand
	next    int // job

	forgotRequests, forgotResults time.Time
}

func newYear(t *testing.T, jobs, jobsOfBatch int) *year {
	y := &year{t: t, path: filepath.Join(t.TempDir(), "stoker.db"), now: testTime, batches: jobs / jobsOfBatch, jobs: jobsOfBatch, random: rand.New(rand.NewPCG(1, 2))}
	y.pause = 365 * 24 * time.Hour / time.Duration(y.batches)
	y.open()
	t.Cleanup(func() { _ = y.s.Close() })
	return y
}

func (y *year) open() {
	y.t.Helper()
	s, err := openTable(y.t.Context(), y.path, store.Options{})
	if err != nil {
		y.t.Fatal(err)
	}
	y.s = s
}

func (y *year) ok(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

// runBatch submits a batch, takes its jobs through their states, and deletes what is kept no longer.
func (y *year) runBatch() {
	y.t.Helper()
	specs := make([]job.Spec, y.jobs)
	for i := range specs {
		y.next++
		specs[i] = job.Spec{
			Key: fmt.Sprintf("title-%08d", y.next), InputPath: fmt.Sprintf("masters/2026/title-%08d.mp4", y.next), OutputPath: fmt.Sprintf("vod/title-%08d", y.next),
		}
	}
	b, _, err := y.s.Submit(y.t.Context(), job.Submission{
		Batch: job.Batch{AccountID: "default", Priority: 50}, Jobs: specs, RequestID: fmt.Sprint("request-", y.next),
	}, y.now)
	y.ok(err)
	step := y.pause / 8
	for _, fact := range []func(*job.Update) error{
		func(u *job.Update) error { return u.Configured(y.encoding(), nil, y.now) },
		func(u *job.Update) error { return u.BeginStart(y.now) },
		func(u *job.Update) error { return u.StartAccepted(y.now) },
		func(u *job.Update) error { return y.observe(u, job.RemoteRunning) },
		y.end,
		func(u *job.Update) error { return y.observe(u, job.RemoteCanceled) },
	} {
		y.now = y.now.Add(step)
		y.update(b.ID, fact)
	}
	if b := mustBatch(y.t, y.s, b.ID); !b.State.Terminal() {
		y.t.Fatalf("batch %d has not ended: %+v", b.Seq, b.Counts)
	}
	y.now = y.now.Add(y.pause - 6*step)
	y.keep()
}

// update does the same to all jobs of a batch, in parts that are handed in side by side and share their commits.
func (y *year) update(batchID string, fact func(*job.Update) error) {
	y.t.Helper()
	const part = 250
	var parts errgroup.Group
	for after := 0; after < y.jobs; after += part {
		parts.Go(func() error {
			numbers := make([]int64, part)
			for i := range numbers {
				numbers[i] = int64(after + i + 1)
			}
			_, err := y.s.UpdateJobsByNumber(y.t.Context(), batchID, numbers, y.now, fact)
			return err
		})
	}
	y.ok(parts.Wait())
}

// keep does what a service does in the background meanwhile.
func (y *year) keep() {
	y.t.Helper()
	const day = 24 * time.Hour
	k, r := store.NewKeeper(y.s.Store), store.Retention{Succeeded: 30 * day, Failed: 30 * day, Cancelled: 7 * day, Results: 91 * day}
	_, err := k.Retain(y.t.Context(), r, y.now)
	y.ok(err)
	y.ok(k.Remove(y.t.Context()))
	if y.now.Sub(y.forgotRequests) >= day {
		y.ok(k.ForgetRequests(y.t.Context(), y.now))
		y.forgotRequests = y.now
	}
	if y.now.Sub(y.forgotResults) >= r.ForgetEvery() {
		y.ok(k.ForgetResults(y.t.Context(), r, y.now))
		y.forgotResults = y.now
	}
}

// encoding is a new id as the platform makes them.
func (y *year) encoding() string {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(y.random.Uint32())
	}
	return id.String()
}

func (y *year) observe(u *job.Update, status job.Remote) error {
	if u.Job.State.Terminal() {
		return nil
	}
	return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: status}, job.Rules{}, y.now)
}

// end has a job succeed or fail, or has somebody cancel it.
func (y *year) end(u *job.Update) error {
	switch u.Job.ID.Number % 100 {
	case 3, 23, 43, 63:
		return y.observe(u, job.RemoteError)
	case 77:
		return u.Cancel("not needed", y.now)
	}
	return y.observe(u, job.RemoteFinished)
}

// measure opens the table anew and says how it is.
func (y *year) measure() (s yearSample) {
	y.t.Helper()
	s.median, s.slow = y.timeChanges()
	y.ok(y.s.Close())
	began := time.Now()
	y.open()
	_, err := y.s.NextJobs(y.t.Context(), "default", y.now, 10, job.Except{})
	y.ok(err)
	s.start = milliseconds(time.Since(began))
	space, err := store.NewKeeper(y.s.Store).ReadSpace(y.t.Context())
	y.ok(err)
	const mebibyte = 1 << 20
	s.size, s.unused = float64(space.Table)/mebibyte, float64(space.Unused)/mebibyte
	s.jobs, err = y.s.db.CountAllJobs(y.t.Context())
	y.ok(err)
	s.results, err = one(y.t.Context(), y.s.db.reader, scalar[int64], `SELECT count(*) FROM results`)
	y.ok(err)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.heap, s.memory = float64(m.HeapAlloc)/mebibyte, residentMemory()/mebibyte
	return s
}

// residentMemory is how much memory the process has, in bytes.
func residentMemory() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return float64(resident * os.Getpagesize())
}

// timeChanges times changes of single jobs, each flushed, of a batch that is deleted afterwards.
func (y *year) timeChanges() (median, slow float64) {
	y.t.Helper()
	const changes = 200
	b, _, err := y.s.Submit(y.t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: make([]job.Spec, changes)}, y.now)
	y.ok(err)
	var times []time.Duration
	for n := range int64(changes) {
		began := time.Now()
		_, err := y.s.UpdateJob(y.t.Context(), job.ID{Batch: b.ID, Number: n + 1}, y.now, func(u *job.Update) error { return u.Cancel("measured", y.now) })
		times = append(times, time.Since(began))
		y.ok(err)
	}
	y.ok(y.s.DeleteBatch(y.t.Context(), b.ID, y.now))
	slices.Sort(times)
	return milliseconds(times[changes/2]), milliseconds(times[changes*99/100])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

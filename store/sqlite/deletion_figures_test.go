package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// TestFigures measures what a change of a job takes while a million jobs are deleted, and while nothing is. The
// changes come 500 or 50 a second, whether those before them are done or not, and each is flushed. It says too how many
// jobs are removed a second meanwhile, and when nobody else writes. It takes seven minutes, and does not wait until all
// jobs are removed.
func TestFigures(t *testing.T) {
	if os.Getenv("STOKER_FIGURES") == "" {
		t.Skip("set STOKER_FIGURES=1 to measure")
	}
	s, err := openTable(t.Context(), filepath.Join(t.TempDir(), "stoker.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	old := makeEnded(t, s, 1_000_000)
	live, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: make([]job.Spec, 200_000)}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	c := &changes{s: s, batch: live.ID}
	c.run(t, 500, 5*time.Second) // warms up
	quiet := map[int]latencies{500: c.run(t, 500, 40*time.Second), 50: c.run(t, 50, 40*time.Second)}
	if err := s.DeleteBatch(t.Context(), old.ID, testTime); err != nil {
		t.Fatal(err)
	}
	left := func() int64 {
		n, err := one(t.Context(), s.db.reader, scalar[int64], `SELECT coalesce(max(number) - min(number) + 1, 0) FROM jobs WHERE batch = $1`, old.Seq)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, part := range []struct {
		rate int
		time time.Duration
	}{{500, 3 * time.Minute}, {50, time.Minute}} {
		before, began := left(), time.Now()
		busy := c.run(t, part.rate, part.time)
		removed, took := before-left(), time.Since(began)
		t.Logf("%d changes a second, nothing deleted: %s", part.rate, quiet[part.rate])
		t.Logf("%d changes a second, %d jobs removed in %s, %.0f a second: %s", part.rate, removed, took.Round(time.Second), float64(removed)/took.Seconds(), busy)
		t.Logf("p99 over p99: %.2f", float64(busy.at(0.99))/float64(quiet[part.rate].at(0.99)))
	}
	before, began := left(), time.Now()
	for left() > 0 && time.Since(began) < time.Minute {
		time.Sleep(time.Second)
	}
	removed, took := before-left(), time.Since(began)
	t.Logf("no changes, %d jobs removed in %s, %.0f a second", removed, took.Round(time.Second), float64(removed)/took.Seconds())
	space, err := store.NewKeeper(s.Store).ReadSpace(t.Context())
	t.Logf("space %+v, %v", space, err)
}

// makeEnded puts a batch of ended jobs into the table, each with what it leaves behind: four events, an encoding.
func makeEnded(t *testing.T, s *table, jobs int) job.Batch {
	t.Helper()
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
INSERT INTO jobs (batch, number, state, finish_time, key, name, input_path, output_path, variables, version, revision, step, step_time,
       attempt, failures, encoding_id, manifests, regions, stale_mark, progress, next_attempt_time, create_time, update_time, start_time, queued_time, running_time, reason)
SELECT $1, i, 'SUCCEEDED', 1, 'title-' || i, '', 'masters/2026/title-' || i || '.mp4', 'vod/title-' || i, '', 5, i + 1, '', 0,
       1, 0, lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6))),
       '', 0, '', 100, 0, 1, 1, 1, 1, 1, '' FROM n`, `
INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason)
SELECT batch, number, v.value ->> 0, 1, v.value ->> 1, v.value ->> 2, 1, ''
  FROM jobs CROSS JOIN json_each('[[2,"WAITING","STARTING"],[3,"STARTING","QUEUED"],[4,"QUEUED","RUNNING"],[5,"RUNNING","SUCCEEDED"]]') AS v
 WHERE batch = $1 AND $2 > 0`, `
UPDATE batches SET succeeded = $2, revision = $2 + 1 WHERE seq = $1`,
	} {
		if _, err := s.exec(t, statement, b.Seq, jobs); err != nil {
			t.Fatal(err)
		}
	}
	return mustBatch(t, s, b.ID)
}

// changes are changes of the jobs of a batch, one after the other.
type changes struct {
	s     *table
	batch string
	next  int64
}

// latencies are how long changes took, sorted.
type latencies []time.Duration

func (l latencies) at(share float64) time.Duration { return l[int(share*float64(len(l)-1))] }

func (l latencies) String() string {
	ms := func(share float64) float64 { return milliseconds(l.at(share)) }
	return fmt.Sprintf("%d changes, p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, longest %.2f ms", len(l), ms(0.5), ms(0.9), ms(0.99), ms(0.999), ms(1))
}

// run makes rate changes a second until a time has passed.
func (c *changes) run(t *testing.T, rate int, limit time.Duration) latencies {
	t.Helper()
	var mu sync.Mutex
	var list latencies
	var group sync.WaitGroup
	began := time.Now()
	for i := 0; ; i++ {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if due.Sub(began) >= limit {
			break
		}
		time.Sleep(time.Until(due))
		c.next++
		id := job.ID{Batch: c.batch, Number: c.next}
		group.Go(func() {
			_, err := c.s.UpdateJob(t.Context(), id, testTime, func(u *job.Update) error { return u.Cancel("measured", testTime) })
			took := time.Since(due)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			list = append(list, took)
		})
	}
	group.Wait()
	slices.Sort(list)
	return list
}

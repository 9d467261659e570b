package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

const latestRuns = `
SELECT j.number, j.running_time, j.finish_time, j.progress, j.update_time
  FROM batches AS b CROSS JOIN jobs AS j INDEXED BY jobs_state ON j.batch = b.seq
 WHERE b.id = $1 AND b.deleted = 0 AND j.state = $2
 ORDER BY j.number DESC
 LIMIT $3 + 0`

// RecentRuns returns what runs in a batch, and which of its jobs have succeeded: of both those
// with the highest numbers, at most running and ended of them. That costs no more for a
// batch with a million jobs.
func (s *Store) RecentRuns(ctx context.Context, batchID string, running, ended int) ([]job.Run, error) {
	scan := func(r row) (run job.Run, err error) {
		var began, finished, seen stamp
		err = r.Scan(&run.Number, &began, &finished, &run.Progress, &seen)
		run.Began, run.Ended, run.Seen = began.time(), finished.time(), seen.time()
		return run, err
	}
	runs, err := all(ctx, s.reader, scan, latestRuns, batchID, string(job.Running), running)
	if err != nil {
		return nil, fmt.Errorf("runs of batch %s: %w", batchID, err)
	}
	succeeded, err := all(ctx, s.reader, scan, latestRuns, batchID, string(job.Succeeded), ended)
	if err != nil {
		return nil, fmt.Errorf("runs of batch %s: %w", batchID, err)
	}
	return append(runs, succeeded...), nil
}

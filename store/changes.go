package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

const changedJobs = `
SELECT ` + jobColumns + `
  FROM batches AS b CROSS JOIN jobs AS j INDEXED BY jobs_revision ON j.batch = b.seq
 WHERE b.id = $1 AND j.revision <> 1 AND j.revision > $2
   AND ($4 IS NULL OR j.state IN (SELECT value FROM json_each($4)))
 ORDER BY j.revision LIMIT $3 + 0`

// Changes returns a batch and those of its jobs that changed after a revision,
// at most limit, in the order of their revisions, from one view of the table. No
// two of them have the same revision. With states there are only those that are in
// one of them now; what has gone on to another state is left out.
//
// A reader that got fewer jobs than limit has seen everything up to the batch's
// revision and asks next for what came after that; one that got limit jobs asks
// for what came after the last job's. Jobs that have not changed since they were
// submitted have revision 1 and are never among them: a reader starts with all
// jobs, from [Store.JobStore], and with the revision of a batch it read before them.
func (s *Store) Changes(ctx context.Context, batchID string, afterRevision int64, limit int, states ...job.State) (b job.Batch, jobs []job.Job, err error) {
	err = s.reader.snap(ctx, func(q snapshot) error {
		b, err = readBatch(ctx, q, batchID)
		if err != nil {
			return err
		}
		jobs, err = all(ctx, q, scanJob, changedJobs, batchID, afterRevision, limit, encodeList(distinct(states)))
		if err != nil {
			return fmt.Errorf("changes of batch %s: %w", batchID, err)
		}
		return nil
	})
	return b, jobs, err
}

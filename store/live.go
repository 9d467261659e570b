package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// liveJobs repeats the condition of its index word for word: that is how SQLite
// recognises that the index holds all of them.
const liveJobs = `
SELECT ` + jobColumns + `
  FROM jobs AS j INDEXED BY jobs_live CROSS JOIN batches AS b ON b.seq = j.batch
 WHERE (j.state = 'STARTING' OR j.state = 'QUEUED' OR j.state = 'RUNNING' OR j.state = 'CANCELLING' OR j.step <> '' OR (j.state = 'WAITING' AND j.encoding_id <> ''))
   AND b.account = $1 AND b.deleted = 0
 ORDER BY j.batch, j.number`

// JobsInFlight returns the jobs of an account that have, or may have, something at the
// platform: what a restart has to pick up. Those are the jobs in STARTING, QUEUED,
// RUNNING and CANCELLING, those WAITING with an encoding, and all with a step that
// is not resolved, ended ones too. They come in the order of their submission.
func (s *Store) JobsInFlight(ctx context.Context, accountID string) ([]job.Job, error) {
	list, err := all(ctx, s.reader, scanJob, liveJobs, accountID)
	if err != nil {
		return nil, fmt.Errorf("live jobs of account %s: %w", accountID, err)
	}
	return list, nil
}

const cancellingBatches = `
SELECT id FROM batches INDEXED BY batches_cancelling
 WHERE state = 'CANCELLING' AND waiting + starting + queued + running > 0
 ORDER BY seq`

// CancellingBatches returns the ids of batches that are being cancelled and have
// jobs that have not been told yet.
func (s *Store) CancellingBatches(ctx context.Context) ([]string, error) {
	list, err := all(ctx, s.reader, scalar[string], cancellingBatches)
	if err != nil {
		return nil, fmt.Errorf("batches being cancelled: %w", err)
	}
	return list, nil
}

// An encoding may belong to a job, which uses it now, or to one of its ended attempts.
const encodingJobs = `
SELECT e.value, b.id, a.number
  FROM json_each($2) AS e
 CROSS JOIN attempts AS a INDEXED BY attempts_encoding ON a.encoding_id = e.value AND a.encoding_id <> ''
 CROSS JOIN batches AS b ON b.seq = a.batch
 WHERE b.account = $1 AND b.deleted = 0
 UNION
SELECT e.value, b.id, j.number
  FROM json_each($2) AS e
 CROSS JOIN jobs AS j INDEXED BY jobs_encoding ON j.encoding_id = e.value AND j.encoding_id <> ''
 CROSS JOIN batches AS b ON b.seq = j.batch
 WHERE b.account = $1 AND b.deleted = 0`

// EncodingJobs tells which of the given encodings of an account belong, or
// belonged, to a job, and to which. Encodings of nobody are not in the answer.
func (s *Store) EncodingJobs(ctx context.Context, accountID string, encodingIDs []string) (map[string]job.ID, error) {
	owners := map[string]job.ID{}
	if len(encodingIDs) == 0 {
		return owners, nil
	}
	type owner struct {
		encoding string
		job      job.ID
	}
	scan := func(r row) (o owner, err error) {
		err = r.Scan(&o.encoding, &o.job.Batch, &o.job.Number)
		return o, err
	}
	list, err := all(ctx, s.reader, scan, encodingJobs, accountID, encodeList(encodingIDs))
	if err != nil {
		return nil, fmt.Errorf("owners of encodings of account %s: %w", accountID, err)
	}
	for _, o := range list {
		owners[o.encoding] = o.job
	}
	return owners, nil
}

package postgres

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// jobColumns is read by [scanJob]. Statements that use it call jobs j and batches b.
const jobColumns = `b.id, j.number, j.key, j.name, j.input_path, j.output_path, j.variables,
       j.state, j.version, j.revision, j.step, j.step_time, j.attempt, j.failures,
       j.encoding_id, j.manifests, j.regions, j.stale_mark, j.progress, j.next_attempt_time, j.create_time, j.update_time,
       j.start_time, j.queued_time, j.running_time, j.finish_time, j.failure, j.reason,
       j.platform_status, j.platform_status_time`

func scanJob(r row) (job.Job, error) { return scanJobAfter(r) }

// scanJobAfter scans a row that has other columns before those of a job.
func scanJobAfter(r row, before ...any) (j job.Job, err error) {
	var variables, manifests string
	var failure *string
	var step, next, create, update, start, queued, running, finish, status stamp
	err = r.Scan(append(before, &j.ID.Batch, &j.ID.Number, &j.Key, &j.Name, &j.InputPath, &j.OutputPath, &variables,
		(*string)(&j.State), &j.Version, &j.Revision, (*string)(&j.Step), (*int64)(&step), &j.Attempt, &j.Failures,
		&j.EncodingID, &manifests, &j.FallbackRegionIndex, &j.StaleMark, &j.Progress, (*int64)(&next), (*int64)(&create), (*int64)(&update),
		(*int64)(&start), (*int64)(&queued), (*int64)(&running), (*int64)(&finish), &failure, &j.Reason,
		&j.PlatformStatus, (*int64)(&status))...)
	if err != nil {
		return job.Job{}, err
	}
	j.StepTime, j.NextAttemptTime, j.CreateTime, j.UpdateTime = step.time(), next.time(), create.time(), update.time()
	j.StartTime, j.QueuedTime, j.RunningTime, j.FinishTime = start.time(), queued.time(), running.time(), finish.time()
	j.PlatformStatusTime = status.time()
	if failure != nil {
		err = decode(*failure, &j.Failure)
	}
	if err == nil {
		err = decode(variables, &j.Variables)
	}
	if err == nil {
		err = decode(manifests, &j.Manifests)
	}
	if err != nil {
		return job.Job{}, fmt.Errorf("job %s: %w", j.ID, err)
	}
	j.Failure, j.Reason = j.Failure.Shorten(job.MaxFailure), job.Shorten(j.Reason, job.MaxReason)
	return j, nil
}

func (r queries) Job(ctx context.Context, id job.ID) (job.Job, error) {
	const query = `SELECT ` + jobColumns + ` FROM batches AS b JOIN jobs AS j ON j.batch = b.seq WHERE b.id = $1 AND NOT b.deleted AND j.number = $2`
	return one(ctx, r.q, scanJob, query, storable(id.Batch), id.Number)
}

// The conditions of a filter: $1 batch id, $2 after number, $3 states, $4 keys, $5 failure kinds, $6 categories,
// $7 limit.
const (
	failedAs = ` AND ($5::text[] IS NULL OR j.failure ->> 'kind' = ANY ($5::text[]))
   AND ($6::text[] IS NULL OR j.failure ->> 'category' = ANY ($6::text[]))`
	ofFilter = `b.id = $1 AND NOT b.deleted AND j.number > $2` + failedAs

	jobsByNumber = `
SELECT ` + jobColumns + ` FROM batches AS b JOIN jobs AS j ON j.batch = b.seq
 WHERE ` + ofFilter + ` AND $3::text[] IS NULL AND $4::text[] IS NULL ORDER BY j.number LIMIT $7`
	jobsByKey = `
SELECT ` + jobColumns + ` FROM batches AS b JOIN jobs AS j ON j.batch = b.seq AND j.key = ANY ($4::text[]) AND j.key <> ''
 WHERE ` + ofFilter + ` AND ($3::text[] IS NULL OR j.state = ANY ($3::text[])) ORDER BY j.number LIMIT $7`
	jobsByState = `
SELECT ` + jobColumns + `
  FROM (SELECT f.batch, f.number
          FROM unnest($3::text[]) AS s(state) CROSS JOIN batches AS b CROSS JOIN LATERAL (
               SELECT j.batch, j.number FROM jobs AS j
                WHERE j.batch = b.seq AND j.state = s.state AND j.number > $2` + failedAs + `
                ORDER BY j.number LIMIT $7) AS f
         WHERE b.id = $1 AND NOT b.deleted AND $4::text[] IS NULL
         ORDER BY f.number LIMIT $7) AS f
  JOIN batches AS b ON b.seq = f.batch
  JOIN jobs AS j ON j.batch = f.batch AND j.number = f.number
 ORDER BY j.number`
)

// filterQuery returns the statement that fits a filter best, and its arguments.
func filterQuery(f job.Filter) (text string, args []any) {
	args = []any{storable(f.BatchID), f.AfterNumber, array(distinct(f.States)), array(distinct(f.Keys)), array(f.FailureKinds), array(f.Categories), limit(f.Limit)}
	switch {
	case len(f.Keys) > 0:
		return jobsByKey, args
	case len(f.States) > 0:
		return jobsByState, args
	}
	return jobsByNumber, args
}

func (r queries) Jobs(ctx context.Context, f job.Filter) ([]job.Job, error) {
	text, args := filterQuery(f)
	return all(ctx, r.q, scanJob, text, args...)
}

func (r queries) ChangedJobs(ctx context.Context, batchID string, afterRevision int64, limit int, states []job.State) ([]job.Job, error) {
	const query = `
SELECT ` + jobColumns + `
  FROM batches AS b JOIN jobs AS j ON j.batch = b.seq
 WHERE b.id = $1 AND j.revision <> 1 AND j.revision > $2
   AND ($4::text[] IS NULL OR j.state = ANY ($4::text[]))
 ORDER BY j.revision LIMIT $3`
	return all(ctx, r.q, scanJob, query, storable(batchID), afterRevision, limit, array(distinct(states)))
}

func (r queries) JobsInFlight(ctx context.Context, accountID string) ([]job.Job, error) {
	const query = `
SELECT ` + jobColumns + `
  FROM jobs AS j JOIN batches AS b ON b.seq = j.batch
 WHERE (j.state IN ('STARTING', 'QUEUED', 'RUNNING', 'CANCELLING') OR j.step <> '' OR (j.state = 'WAITING' AND j.encoding_id <> ''))
   AND b.account = $1 AND NOT b.deleted
 ORDER BY j.batch, j.number`
	return all(ctx, r.q, scanJob, query, accountID)
}

func (r queries) Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error) {
	const query = `
SELECT a.attempt, a.encoding_id, a.state, a.start_time, a.queued_time, a.running_time, a.finish_time, a.failure, a.regions
  FROM batches AS b JOIN attempts AS a ON a.batch = b.seq
 WHERE b.id = $1 AND NOT b.deleted AND a.number = $2
 ORDER BY a.attempt`
	return all(ctx, r.q, scanAttempt, query, storable(id.Batch), id.Number)
}

func scanAttempt(r row) (job.Attempt, error) {
	var a job.Attempt
	var start, queued, running, finish stamp
	var failure *string
	if err := r.Scan(&a.Number, &a.EncodingID, (*string)(&a.State), (*int64)(&start), (*int64)(&queued), (*int64)(&running), (*int64)(&finish), &failure, &a.FallbackRegionIndex); err != nil {
		return job.Attempt{}, err
	}
	a.StartTime, a.QueuedTime, a.RunningTime, a.FinishTime = start.time(), queued.time(), running.time(), finish.time()
	if failure == nil {
		return a, nil
	}
	if err := decode(*failure, &a.Failure); err != nil {
		return job.Attempt{}, err
	}
	a.Failure = a.Failure.Shorten(job.MaxFailure)
	return a, nil
}

func (r queries) Events(ctx context.Context, id job.ID) ([]job.Event, error) {
	const query = `
SELECT b.id, e.number, e.version, e.time, e.from_state, e.to_state, e.attempt, e.reason
  FROM batches AS b JOIN events AS e ON e.batch = b.seq
 WHERE b.id = $1 AND NOT b.deleted AND e.number = $2
 ORDER BY e.version`
	scan := func(r row) (e job.Event, err error) {
		var at stamp
		err = r.Scan(&e.Job.Batch, &e.Job.Number, &e.Version, (*int64)(&at), (*string)(&e.From), (*string)(&e.To), &e.Attempt, &e.Reason)
		e.Time, e.Reason = at.time(), job.Shorten(e.Reason, job.MaxReason)
		return e, err
	}
	return all(ctx, r.q, scan, query, storable(id.Batch), id.Number)
}

// An encoding may belong to a job, which uses it now, or to one of its ended attempts.
const encodingJobs = `
SELECT a.encoding_id, b.id, a.number
  FROM attempts AS a JOIN batches AS b ON b.seq = a.batch
 WHERE a.encoding_id = ANY ($2::text[]) AND a.encoding_id <> '' AND b.account = $1 AND NOT b.deleted
 UNION
SELECT j.encoding_id, b.id, j.number
  FROM jobs AS j JOIN batches AS b ON b.seq = j.batch
 WHERE j.encoding_id = ANY ($2::text[]) AND j.encoding_id <> '' AND b.account = $1 AND NOT b.deleted`

func (r queries) EncodingJobs(ctx context.Context, accountID string, encodingIDs []string) (map[string]job.ID, error) {
	type owner struct {
		encoding string
		job      job.ID
	}
	scan := func(r row) (o owner, err error) {
		err = r.Scan(&o.encoding, &o.job.Batch, &o.job.Number)
		return o, err
	}
	list, err := all(ctx, r.q, scan, encodingJobs, accountID, array(encodingIDs))
	owners := make(map[string]job.ID, len(list))
	for _, o := range list {
		owners[o.encoding] = o.job
	}
	return owners, err
}

func (r queries) RecentRuns(ctx context.Context, batchID string, state job.State, limit int) ([]job.Run, error) {
	const query = `
SELECT j.number, j.running_time, j.finish_time, j.progress, j.update_time
  FROM batches AS b JOIN jobs AS j ON j.batch = b.seq
 WHERE b.id = $1 AND NOT b.deleted AND j.state = $2
 ORDER BY j.number DESC LIMIT $3`
	scan := func(r row) (run job.Run, err error) {
		var began, finished, seen stamp
		err = r.Scan(&run.Number, (*int64)(&began), (*int64)(&finished), &run.Progress, (*int64)(&seen))
		run.Began, run.Ended, run.Seen = began.time(), finished.time(), seen.time()
		return run, err
	}
	return all(ctx, r.q, scan, query, storable(batchID), string(state), limit)
}

func (r queries) CountJobs(ctx context.Context, batchSeq int64) (job.Counts, error) {
	const query = `SELECT state, count(*) FROM jobs WHERE batch = $1 GROUP BY state`
	var counts job.Counts
	scan := func(r row) (state job.State, err error) {
		var n int64
		err = r.Scan((*string)(&state), &n)
		if of := counts.Of(state); of != nil {
			*of = n
		}
		return state, err
	}
	_, err := all(ctx, r.q, scan, query, batchSeq)
	return counts, err
}

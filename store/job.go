package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// jobColumns is read by scanJob. Statements that use it call jobs j and batches b.
const jobColumns = `b.id, j.number, j.key, j.name, j.input_path, j.output_path, j.variables,
       j.state, j.version, j.revision, j.step, j.step_time, j.attempt, j.failures,
       j.encoding_id, j.manifests, j.regions, j.stale_mark, j.progress, j.next_attempt_time, j.create_time, j.update_time,
       j.start_time, j.queued_time, j.running_time, j.finish_time, j.failure, j.reason,
       j.platform_status, j.platform_status_time`

func scanJob(r row) (job.Job, error) {
	var j job.Job
	var variables, manifests text
	var failure *text
	var step, next, create, update, start, queued, running, finish, status stamp
	err := r.Scan(&j.ID.Batch, &j.ID.Number, &j.Key, &j.Name, &j.InputPath, &j.OutputPath, &variables,
		(*string)(&j.State), &j.Version, &j.Revision, (*string)(&j.Step), &step, &j.Attempt, &j.Failures,
		&j.EncodingID, &manifests, &j.FallbackRegionIndex, &j.StaleMark, &j.Progress, &next, &create, &update,
		&start, &queued, &running, &finish, &failure, &j.Reason,
		&j.PlatformStatus, &status)
	if err != nil {
		return job.Job{}, err
	}
	j.StepTime, j.NextAttemptTime, j.CreateTime, j.UpdateTime = step.time(), next.time(), create.time(), update.time()
	j.StartTime, j.QueuedTime, j.RunningTime, j.FinishTime = start.time(), queued.time(), running.time(), finish.time()
	j.PlatformStatusTime = status.time()
	if err := variables.decode(&j.Variables); err != nil {
		return job.Job{}, fmt.Errorf("job %s: %w", j.ID, err)
	}
	if err := manifests.decode(&j.Manifests); err != nil {
		return job.Job{}, fmt.Errorf("job %s: %w", j.ID, err)
	}
	if failure != nil {
		if err := failure.decode(&j.Failure); err != nil {
			return job.Job{}, fmt.Errorf("job %s: %w", j.ID, err)
		}
	}
	// What an older version has written may be of any length.
	j.Failure, j.Reason = j.Failure.Shorten(job.MaxFailure), job.Shorten(j.Reason, job.MaxReason)
	return j, nil
}

// Job returns a job, or [job.ErrNotFound].
func (s *Store) Job(ctx context.Context, id job.ID) (job.Job, error) {
	return readJob(ctx, s.reader, id)
}

func readJob(ctx context.Context, q querier, id job.ID) (job.Job, error) {
	const query = `
SELECT ` + jobColumns + `
  FROM batches AS b JOIN jobs AS j ON j.batch = b.seq
 WHERE b.id = $1 AND b.deleted = 0 AND j.number = $2`
	j, err := one(ctx, q, scanJob, query, id.Batch, id.Number)
	if err != nil {
		return job.Job{}, fmt.Errorf("job %s: %w", id, err)
	}
	return j, nil
}

// Attempts returns the attempts of a job that ended without success, first
// first. It is empty for a job that does not exist.
func (s *Store) Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error) {
	const query = `
SELECT a.attempt, a.encoding_id, a.state, a.start_time, a.queued_time, a.running_time, a.finish_time, a.failure
  FROM batches AS b JOIN attempts AS a ON a.batch = b.seq
 WHERE b.id = $1 AND b.deleted = 0 AND a.number = $2
 ORDER BY a.attempt`
	list, err := all(ctx, s.reader, scanAttempt, query, id.Batch, id.Number)
	if err != nil {
		return nil, fmt.Errorf("attempts of job %s: %w", id, err)
	}
	return list, nil
}

func scanAttempt(r row) (job.Attempt, error) {
	var a job.Attempt
	var start, queued, running, finish stamp
	var failure *text
	if err := r.Scan(&a.Number, &a.EncodingID, (*string)(&a.State), &start, &queued, &running, &finish, &failure); err != nil {
		return job.Attempt{}, err
	}
	a.StartTime, a.QueuedTime, a.RunningTime, a.FinishTime = start.time(), queued.time(), running.time(), finish.time()
	if failure == nil {
		return a, nil
	}
	if err := failure.decode(&a.Failure); err != nil {
		return job.Attempt{}, err
	}
	a.Failure = a.Failure.Shorten(job.MaxFailure)
	return a, nil
}

// Events returns the changes of a job's state, first first. The submission is not
// among them: the job's CreateTime tells it. It is empty for a job that does
// not exist.
func (s *Store) Events(ctx context.Context, id job.ID) ([]job.Event, error) {
	const query = `
SELECT b.id, e.number, e.version, e.time, e.from_state, e.to_state, e.attempt, e.reason
  FROM batches AS b JOIN events AS e ON e.batch = b.seq
 WHERE b.id = $1 AND b.deleted = 0 AND e.number = $2
 ORDER BY e.version`
	scan := func(r row) (e job.Event, err error) {
		var at stamp
		err = r.Scan(&e.Job.Batch, &e.Job.Number, &e.Version, &at, (*string)(&e.From), (*string)(&e.To), &e.Attempt, &e.Reason)
		e.Time, e.Reason = at.time(), job.Shorten(e.Reason, job.MaxReason)
		return e, err
	}
	list, err := all(ctx, s.reader, scan, query, id.Batch, id.Number)
	if err != nil {
		return nil, fmt.Errorf("events of job %s: %w", id, err)
	}
	return list, nil
}

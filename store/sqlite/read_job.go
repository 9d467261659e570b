package sqlite

import (
	"cmp"
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// jobColumns is read by [jobScan]. Statements that use it call jobs j and batches b.
const jobColumns = `b.id, j.number, j.key, j.name, j.input_path, j.output_path, j.variables,
       j.state, j.version, j.revision, j.step, j.step_time, j.attempt, j.failures,
       j.encoding_id, j.manifests, j.regions, j.stale_mark, j.progress, j.next_attempt_time, j.create_time, j.update_time,
       j.start_time, j.queued_time, j.running_time, j.finish_time, j.failure, j.reason,
       j.platform_status, j.platform_status_time`

// jobScan scans the rows of one query. Lists of jobs are long, so it uses the same room for each row,
// and keeps one copy of a text that row after row repeats.
type jobScan struct {
	values  [30]any // of jobColumns
	targets [30]any // the addresses of values
	batch   string  // id, in the row before
	state   job.State
}

// scanJob returns the scan function for one query.
func scanJob() func(row) (job.Job, error) {
	s := &jobScan{}
	for i := range s.values {
		s.targets[i] = &s.values[i]
	}
	return s.scan
}

func (s *jobScan) scan(r row) (job.Job, error) {
	if err := r.Scan(s.targets[:]...); err != nil {
		return job.Job{}, err
	}
	v := values{rest: s.values[:]}
	if id := v.readText(); id != s.batch {
		s.batch = id
	}
	j := job.Job{ID: job.ID{Batch: s.batch, Number: v.readNumber()}}
	j.Key, j.Name, j.InputPath, j.OutputPath = v.readText(), v.readText(), v.readText(), v.readText()
	variables := text(v.readText())
	if state := job.State(v.readText()); state != s.state {
		s.state = state
	}
	j.State, j.Version, j.Revision = s.state, v.readNumber(), v.readNumber()
	j.Step, j.StepTime, j.Attempt, j.Failures = job.Step(v.readText()), v.readTime(), int(v.readNumber()), int(v.readNumber())
	j.EncodingID = v.readText()
	manifests := text(v.readText())
	j.FallbackRegionIndex, j.StaleMark, j.Progress = int(v.readNumber()), v.readText(), int(v.readNumber())
	j.NextAttemptTime, j.CreateTime, j.UpdateTime = v.readTime(), v.readTime(), v.readTime()
	j.StartTime, j.QueuedTime, j.RunningTime, j.FinishTime = v.readTime(), v.readTime(), v.readTime(), v.readTime()
	failure := text(v.readText())
	j.Reason, j.PlatformStatus, j.PlatformStatusTime = v.readText(), v.readText(), v.readTime()
	var err [3]error
	j.Variables, err[0] = decode[map[string]string](variables)
	j.Manifests, err[1] = decode[[]job.ManifestRef](manifests)
	j.Failure, err[2] = decode[*job.Failure](failure)
	if err := cmp.Or(v.err, err[0], err[1], err[2]); err != nil {
		return job.Job{}, fmt.Errorf("job %s: %w", j.ID, err)
	}
	// Texts that an older version has written may have any length.
	j.Failure, j.Reason = j.Failure.Shorten(job.MaxFailure), job.Shorten(j.Reason, job.MaxReason)
	return j, nil
}

func (r queries) Job(ctx context.Context, id job.ID) (job.Job, error) {
	const query = `
SELECT ` + jobColumns + `
  FROM batches AS b JOIN jobs AS j ON j.batch = b.seq
 WHERE b.id = $1 AND b.deleted = 0 AND j.number = $2`
	return one(ctx, r.q, scanJob(), query, id.Batch, id.Number)
}

const changedJobs = `
SELECT ` + jobColumns + `
  FROM batches AS b CROSS JOIN jobs AS j INDEXED BY jobs_revision ON j.batch = b.seq
 WHERE b.id = $1 AND j.revision <> 1 AND j.revision > $2
   AND ($4 IS NULL OR j.state IN (SELECT value FROM json_each($4)))
 ORDER BY j.revision LIMIT $3 + 0`

func (r queries) ChangedJobs(ctx context.Context, batchID string, afterRevision int64, limit int, states []job.State) ([]job.Job, error) {
	return all(ctx, r.q, scanJob(), changedJobs, batchID, afterRevision, limit, encodeList(distinct(states)))
}

// jobsInFlight repeats the condition of its index word for word: that is how SQLite
// recognises that the index holds all of them.
const jobsInFlight = `
SELECT ` + jobColumns + `
  FROM jobs AS j INDEXED BY jobs_live CROSS JOIN batches AS b ON b.seq = j.batch
 WHERE (j.state = 'STARTING' OR j.state = 'QUEUED' OR j.state = 'RUNNING' OR j.state = 'CANCELLING' OR j.step <> '' OR (j.state = 'WAITING' AND j.encoding_id <> ''))
   AND b.account = $1 AND b.deleted = 0
 ORDER BY j.batch, j.number`

func (r queries) JobsInFlight(ctx context.Context, accountID string) ([]job.Job, error) {
	return all(ctx, r.q, scanJob(), jobsInFlight, accountID)
}

func (r queries) Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error) {
	const query = `
SELECT a.attempt, a.encoding_id, a.state, a.start_time, a.queued_time, a.running_time, a.finish_time, a.failure, a.regions
  FROM batches AS b JOIN attempts AS a ON a.batch = b.seq
 WHERE b.id = $1 AND b.deleted = 0 AND a.number = $2
 ORDER BY a.attempt`
	return all(ctx, r.q, scanAttempt, query, id.Batch, id.Number)
}

func scanAttempt(r row) (job.Attempt, error) {
	var a job.Attempt
	var start, queued, running, finish stamp
	var failure *text
	if err := r.Scan(&a.Number, &a.EncodingID, (*string)(&a.State), &start, &queued, &running, &finish, &failure, &a.FallbackRegionIndex); err != nil {
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

func (r queries) Events(ctx context.Context, id job.ID) ([]job.Event, error) {
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
	return all(ctx, r.q, scan, query, id.Batch, id.Number)
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

func (r queries) EncodingJobs(ctx context.Context, accountID string, encodingIDs []string) (map[string]job.ID, error) {
	type owner struct {
		encoding string
		job      job.ID
	}
	scan := func(r row) (o owner, err error) {
		err = r.Scan(&o.encoding, &o.job.Batch, &o.job.Number)
		return o, err
	}
	list, err := all(ctx, r.q, scan, encodingJobs, accountID, encodeList(encodingIDs))
	owners := make(map[string]job.ID, len(list))
	for _, o := range list {
		owners[o.encoding] = o.job
	}
	return owners, err
}

const recentRuns = `
SELECT j.number, j.running_time, j.finish_time, j.progress, j.update_time
  FROM batches AS b CROSS JOIN jobs AS j INDEXED BY jobs_state ON j.batch = b.seq
 WHERE b.id = $1 AND b.deleted = 0 AND j.state = $2
 ORDER BY j.number DESC
 LIMIT $3 + 0`

func (r queries) RecentRuns(ctx context.Context, batchID string, state job.State, limit int) ([]job.Run, error) {
	scan := func(r row) (run job.Run, err error) {
		var began, finished, seen stamp
		err = r.Scan(&run.Number, &began, &finished, &run.Progress, &seen)
		run.Began, run.Ended, run.Seen = began.time(), finished.time(), seen.time()
		return run, err
	}
	return all(ctx, r.q, scan, recentRuns, batchID, string(state), limit)
}

func (r queries) CountJobs(ctx context.Context, batchSeq int64) (job.Counts, error) {
	const query = `SELECT state, count(*) FROM jobs INDEXED BY jobs_state WHERE batch = $1 GROUP BY state`
	type count struct {
		state job.State
		n     int64
	}
	scan := func(r row) (c count, err error) {
		err = r.Scan((*string)(&c.state), &c.n)
		return c, err
	}
	list, err := all(ctx, r.q, scan, query, batchSeq)
	var counts job.Counts
	for _, c := range list {
		if n := counts.Of(c.state); n != nil {
			*n = c.n
		}
	}
	return counts, err
}

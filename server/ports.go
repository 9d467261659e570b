package server

import (
	"context"
	"time"

	"github.com/stokerd/stoker/job"
)

// Store is the job table as the services use it.
type Store interface {
	BatchStore
	JobStore
	BulkStore
	AccountStore
}

// BatchStore keeps batches. Errors are those of package job.
type BatchStore interface {
	Submit(ctx context.Context, s job.Submission, now time.Time) (b job.Batch, created bool, err error)
	// BatchByRequestID is the batch of an earlier Submit with this request id, or an error
	// matching [job.ErrNotFound], or [job.ErrExists] if the payload was another.
	BatchByRequestID(ctx context.Context, requestID string, payloadHash []byte) (job.Batch, error)
	// CountSucceeded counts the jobs that a batch like b would leave out; see
	// [job.Batch.SkipSucceeded].
	CountSucceeded(ctx context.Context, b job.Batch, jobs []job.Spec) (int64, error)
	// AddJobs adds the jobs whose keys are new, skips the others, and leaves out, of a
	// batch with SkipSucceeded, what is in neither number.
	AddJobs(ctx context.Context, batchID string, jobs []job.Spec, now time.Time) (b job.Batch, added, skipped int64, err error)
	Batch(ctx context.Context, id string) (job.Batch, error)
	Batches(ctx context.Context, f job.BatchFilter) ([]job.Batch, error)
	UpdateBatch(ctx context.Context, id string, now time.Time, f func(*job.Batch) error) (job.Batch, error)
	DeleteBatch(ctx context.Context, id string) error
}

// JobStore keeps the jobs of batches and tells what changed. Errors are those
// of package job.
type JobStore interface {
	Job(ctx context.Context, id job.ID) (job.Job, error)
	Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error)
	Events(ctx context.Context, id job.ID) ([]job.Event, error)
	Jobs(ctx context.Context, f job.Filter) ([]job.Job, error)
	// RecentRuns returns what runs in a batch, at most running of it, and the latest jobs to
	// have succeeded, by number, at most ended of them.
	RecentRuns(ctx context.Context, batchID string, running, ended int) ([]job.Run, error)
	UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error)
	// NextJobOfBatch is the job of a batch, which Seq tells, that is started next; an error matching
	// [job.ErrNotFound] if none is due.
	NextJobOfBatch(ctx context.Context, batchSeq int64, now time.Time) (job.Job, error)
	// JobRanks tells for each of the numbers how many jobs of the batch that are due have smaller ones.
	JobRanks(ctx context.Context, batchSeq int64, now time.Time, numbers []int64) ([]int64, error)
	// AccountLine is the order in which the waiting jobs of an account are started.
	AccountLine(ctx context.Context, accountID string, now time.Time) (*job.Line, error)
	// Changes reads a batch and its jobs whose revision is greater than after,
	// in revision order and at most limit of them, in one snapshot; with states, only
	// those that are in one of them now. No two jobs have the same revision, except
	// for those that never changed.
	Changes(ctx context.Context, batchID string, after int64, limit int, states ...job.State) (job.Batch, []job.Job, error)
}

// BulkStore changes many jobs of a batch. Errors are those of package job.
type BulkStore interface {
	// SelectJobNumbers returns the numbers of the jobs that sel chooses and that are greater
	// than after, in ascending order and at most limit of them.
	SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error)
	CountSelectedJobs(ctx context.Context, sel job.Selection) (int64, error)
	// UpdateJobsByNumber changes the jobs with these numbers in one transaction, and
	// returns how many changed.
	UpdateJobsByNumber(ctx context.Context, batchID string, numbers []int64, now time.Time, f func(*job.Update) error) (int64, error)
	// FailureCauses tells what FAILED jobs failed of, the most frequent cause first.
	FailureCauses(ctx context.Context, batchID string, limit int) ([]job.Cause, error)
}

// AccountStore shows the accounts that batches run on, as they were published last, and
// keeps their settings.
type AccountStore interface {
	// AccountStatus is false for an account that is not configured. It must be cheap: it is
	// asked for with every batch that is shown.
	AccountStatus(id string) (job.AccountStatus, bool)
	// AccountStatuses is sorted by id.
	AccountStatuses() []job.AccountStatus
	// UpdateAccountSettings changes the settings of an account in one transaction.
	UpdateAccountSettings(ctx context.Context, id string, now time.Time, f func(*job.AccountSettings) error) (job.AccountSettings, error)
	// ForgiveStarts has the starts that the account made on the day of now no longer count.
	ForgiveStarts(ctx context.Context, id string, now time.Time) error
}

package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/job"
)

// Store is what the dispatcher needs of the job table.
type Store interface {
	JobStore
	QueueStore
	ResourceStore
	ParameterStore
	OrphanStore
	AccountStore
}

// JobStore changes jobs, one guarded transaction for each.
type JobStore interface {
	Job(ctx context.Context, id job.ID) (job.Job, error)
	// Events are a job's changes of state, the oldest first.
	Events(ctx context.Context, id job.ID) ([]job.Event, error)
	UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error)
	UpdateJobs(ctx context.Context, filter job.Filter, now time.Time, f func(*job.Update) error) (int64, error)
}

// QueueStore tells what there is to do.
type QueueStore interface {
	Batch(ctx context.Context, id string) (job.Batch, error)
	// NextJobs is the next waiting jobs that are due, in dispatch order, without those of
	// the batches with the given sequence numbers.
	NextJobs(ctx context.Context, accountID string, now time.Time, limit int, except ...int64) ([]job.Job, error)
	// NextDueTime is when the next job that waits out a back-off is due; zero if none does.
	NextDueTime(ctx context.Context, accountID string, now time.Time) (time.Time, error)
	// JobsInFlight is every job that has something at the platform, or may have.
	JobsInFlight(ctx context.Context, accountID string) ([]job.Job, error)
	// CancellingBatches are the batches whose jobs are still to be cancelled.
	CancellingBatches(ctx context.Context) ([]string, error)
	// Recount mends batches whose counts disagree with their jobs.
	Recount(ctx context.Context, now time.Time) (mended int, err error)
}

// ResourceStore remembers what was created at the platform once and is used again.
type ResourceStore interface {
	InstanceID() string
	// ReconcileSince is since when the platform may hold encodings of the account that
	// the job table does not know of; zero if it cannot.
	ReconcileSince(ctx context.Context, accountID string) (time.Time, error)
	// MarkReconciled ends that.
	MarkReconciled(ctx context.Context, accountID string) error
	// Resource is one of them, and when it was saved.
	Resource(ctx context.Context, accountID, kind, hash string) (remoteID string, saved time.Time, err error)
	SaveResource(ctx context.Context, accountID, kind, hash, remoteID string, now time.Time) error
	DeleteResource(ctx context.Context, accountID, kind, hash string) error
}

// ParameterStore remembers which query parameters of lists do not work at an account's
// platform.
type ParameterStore interface {
	ListParameters(ctx context.Context, accountID string) ([]job.ListParameter, error)
	SaveListParameter(ctx context.Context, accountID string, p job.ListParameter) error
	DeleteListParameter(ctx context.Context, accountID, name string) error
}

// OrphanStore keeps the encodings that are to be deleted.
type OrphanStore interface {
	Orphans(ctx context.Context, accountID string, limit int) ([]job.Orphan, error)
	AddOrphan(ctx context.Context, o job.Orphan) error
	DeleteOrphan(ctx context.Context, accountID, encodingID string) error
	// EncodingJobs tells which encodings belong to a job.
	EncodingJobs(ctx context.Context, accountID string, encodingIDs []string) (map[string]job.ID, error)
}

// AccountStore keeps what somebody changed of an account, and shows how it stands.
type AccountStore interface {
	AccountSettings(ctx context.Context, id string) (job.AccountSettings, error)
	PublishAccountStatus(a job.AccountStatus)
	// DailyStarts is how many starts an account has made on the day of now.
	DailyStarts(ctx context.Context, id string, now time.Time) (job.DailyStarts, error)
}

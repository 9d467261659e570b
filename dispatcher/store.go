package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/job"
)

// Store is the part of the job table that the dispatcher uses.
type Store interface {
	JobStore
	QueueStore
	ResourceStore
	ParameterStore
	OrphanStore
	AccountStore
	// Trusted returns nil while no other process can be driving the account. A call that costs
	// money, or creates an encoding, must not be made otherwise. It asks nobody.
	Trusted() error
}

// JobStore reads and changes jobs. Each change is one guarded transaction.
type JobStore interface {
	Job(ctx context.Context, id job.ID) (job.Job, error)
	// Events returns a job's changes of state, the oldest first.
	Events(ctx context.Context, id job.ID) ([]job.Event, error)
	// Attempts returns the attempts of a job that have ended without success, the oldest first.
	Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error)
	// UpdateJob applies f to a job, writes it, and returns it as it then is. An error of f
	// changes nothing. f may be called twice.
	UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error)
	// UpdateJobs does so with the jobs that filter chooses, at most its Limit, in one
	// transaction, and returns how many changed.
	UpdateJobs(ctx context.Context, filter job.Filter, now time.Time, f func(*job.Update) error) (int64, error)
}

// QueueStore reads what there is to do.
type QueueStore interface {
	Batch(ctx context.Context, id string) (job.Batch, error)
	// NextJobs returns the next waiting jobs that are due, in dispatch order, without those of
	// some batches.
	NextJobs(ctx context.Context, accountID string, now time.Time, limit int, except job.Except) ([]job.Job, error)
	// NextDueTime returns when the next job is due that waits out a back-off; zero if none does.
	NextDueTime(ctx context.Context, accountID string, now time.Time) (time.Time, error)
	// JobsInFlight returns every job that has, or may have, an encoding at the platform.
	JobsInFlight(ctx context.Context, accountID string) ([]job.Job, error)
	// CancellingBatches returns the batches whose jobs are still to be cancelled.
	CancellingBatches(ctx context.Context) ([]string, error)
	// Recount corrects the batches whose counts disagree with their jobs, and returns how many.
	Recount(ctx context.Context, now time.Time) (mended int, err error)
}

// ResourceStore remembers the platform's ids of the resources that jobs share, and whether the
// platform has been compared with the job table.
type ResourceStore interface {
	InstanceID() string
	// ReconcileSince returns since when the platform may have encodings of the account that the
	// job table does not know; zero if it cannot have any.
	ReconcileSince(ctx context.Context, accountID string) (time.Time, error)
	// MarkReconciled records that the job table knows all encodings of the account.
	MarkReconciled(ctx context.Context, accountID string) error
	// Resource returns the platform's id of a resource and when it was saved.
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

// OrphanStore keeps the encodings that belong to no job and are to be deleted.
type OrphanStore interface {
	Orphans(ctx context.Context, accountID string, limit int) ([]job.Orphan, error)
	AddOrphan(ctx context.Context, o job.Orphan) error
	DeleteOrphan(ctx context.Context, accountID, encodingID string) error
	// EncodingJobs returns, by encoding, the jobs of those of the encodings that belong to one.
	EncodingJobs(ctx context.Context, accountID string, encodingIDs []string) (map[string]job.ID, error)
	// WasDeleted reports whether a batch was deleted in the last week.
	WasDeleted(ctx context.Context, batchID string) (bool, error)
}

// AccountStore keeps the settings of accounts, counts their starts, and publishes their status.
type AccountStore interface {
	AccountSettings(ctx context.Context, id string) (job.AccountSettings, error)
	PublishAccountStatus(a job.AccountStatus)
	// DailyStarts returns how many starts an account has made on the day of now.
	DailyStarts(ctx context.Context, id string, now time.Time) (job.DailyStarts, error)
	// PrincipalStarts returns how many starts there were on the day of now of the batches that a
	// principal has submitted.
	PrincipalStarts(ctx context.Context, principal string, now time.Time) (job.DailyStarts, error)
}

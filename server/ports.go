package server

import (
	"context"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// Store is the job table as the services need it.
type Store interface {
	BatchStore
	JobStore
	LineStore
	BulkStore
	AccountStore
}

// BatchStore keeps batches. Errors are those of package job.
type BatchStore interface {
	// Submit stores a batch and its jobs, or returns the batch of an earlier Submit with the same
	// request id and payload; created is false then.
	Submit(ctx context.Context, s job.Submission, now time.Time) (b job.Batch, created bool, err error)
	// BatchByRequestID returns the batch of an earlier Submit with this key. The error
	// matches [job.ErrNotFound] if there was none, and [job.ErrExists] if its payload was another; it is
	// a [job.DeletedError] if the batch has been deleted since.
	BatchByRequestID(ctx context.Context, key job.RequestKey) (job.Batch, error)
	// CountSucceeded counts the jobs that a batch like b would leave out because of
	// [job.Batch.SkipSucceeded].
	CountSucceeded(ctx context.Context, b job.Batch, jobs []job.Spec) (int64, error)
	// AddJobs adds the jobs whose keys the batch does not have. It counts jobs whose keys the
	// batch has as duplicates. A batch with SkipSucceeded also leaves out jobs that have
	// succeeded; they are neither added nor duplicates.
	AddJobs(ctx context.Context, batchID string, jobs []job.Spec, now time.Time) (b job.Batch, added, duplicates int64, err error)
	Batch(ctx context.Context, id string) (job.Batch, error)
	// History is a word of four letters and digits, or empty. It changes when the job table goes on from a state without
	// the latest changes: then a revision may come once more with another content.
	History() string
	// BatchesBySeq returns those of the batches that exist.
	BatchesBySeq(ctx context.Context, seqs []int64) ([]job.Batch, error)
	Batches(ctx context.Context, f job.BatchFilter) ([]job.Batch, error)
	// CountBatches counts the batches that f chooses on all pages.
	CountBatches(ctx context.Context, f job.BatchFilter) (int64, error)
	// UpdateBatch changes a batch by f in one transaction and returns the batch after it.
	UpdateBatch(ctx context.Context, id string, now time.Time, f func(*job.Batch) error) (job.Batch, error)
	DeleteBatch(ctx context.Context, id string, now time.Time) error
}

// JobStore keeps the jobs of batches. Errors are those of package job.
type JobStore interface {
	Job(ctx context.Context, id job.ID) (job.Job, error)
	Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error)
	Events(ctx context.Context, id job.ID) ([]job.Event, error)
	Jobs(ctx context.Context, f job.Filter) ([]job.Job, error)
	// FindJobs returns a page of the jobs that a search selects.
	FindJobs(ctx context.Context, search job.Search, page job.SearchPage) (job.FoundJobs, error)
	// UpdateJob changes a job by f in one transaction and returns the job after it.
	UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error)
	// Changes reads a batch and, in the order of revisions, at most limit of its jobs whose
	// revision is greater than after, in one transaction. With states it reads only jobs that
	// are in one of them now. No two changed jobs of a batch have the same revision.
	Changes(ctx context.Context, batchID string, after int64, limit int, states ...job.State) (job.Batch, []job.Job, error)
}

// LineStore reads the lines of accounts, and how long jobs took. Errors are those of package job.
type LineStore interface {
	// AccountLine returns the line of an account.
	AccountLine(ctx context.Context, accountID string, now time.Time) (*job.Line, error)
	// CountWaiting returns how many jobs are WAITING in batches that may start jobs, by account; with
	// paused, in all batches that have not ended.
	CountWaiting(ctx context.Context, paused bool) (map[string]int64, error)
	// NextJobs returns the due jobs of an account that are started next, at most limit, in the order
	// in which they are started, without those of some batches.
	NextJobs(ctx context.Context, accountID string, now time.Time, limit int, except job.Except) ([]job.Job, error)
	// NextJobOfBatch returns the due job that is started next in the batch with a sequence
	// number. The error matches [job.ErrNotFound] if no job is due.
	NextJobOfBatch(ctx context.Context, batchSeq int64, now time.Time) (job.Job, error)
	// JobRanks returns for each job number how many due jobs of the batch have a lower number.
	JobRanks(ctx context.Context, batchSeq int64, now time.Time, numbers []int64) ([]int64, error)
	// RecentRuns returns jobs of a batch with the highest numbers: at most running RUNNING jobs
	// and at most ended SUCCEEDED jobs.
	RecentRuns(ctx context.Context, batchID string, running, ended int) ([]job.Run, error)
}

// BulkStore changes many jobs of a batch. Errors are those of package job.
type BulkStore interface {
	// SelectJobNumbers returns the numbers of selected jobs, in ascending order: at most limit
	// numbers, all greater than after.
	SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error)
	// CountSelectedJobs counts selected jobs by state.
	CountSelectedJobs(ctx context.Context, sel job.Selection) (job.Counts, error)
	// UpdateJobsByNumber changes the jobs with these numbers by f in one transaction, and returns
	// how many changed.
	UpdateJobsByNumber(ctx context.Context, batchID string, numbers []int64, now time.Time, f func(*job.Update) error) (int64, error)
	// FailureCauses counts FAILED jobs by the cause of their failure, the most frequent first.
	FailureCauses(ctx context.Context, batchID string, limit int) ([]job.Cause, error)
	// FindCauses counts the FAILED jobs that a search selects by the cause of their failure, the most
	// frequent first, and all of them.
	FindCauses(ctx context.Context, search job.Search, limit int) (causes []job.Cause, failed int64, err error)
	// CountCauses returns how many FAILED jobs of a batch have each of the causes.
	CountCauses(ctx context.Context, batchID string, causes []string) (map[string]int64, error)
}

// AccessStore keeps tokens and the audit log. Errors are those of package job.
type AccessStore interface {
	identity.Tokens
	CreateToken(ctx context.Context, t access.Token) error
	// RevokeToken revokes a token, unless it is revoked already, and returns it.
	RevokeToken(ctx context.Context, id string, now time.Time) (access.Token, error)
	// WriteEntry stores an entry of the audit log, or replaces it.
	WriteEntry(ctx context.Context, e access.Entry) error
	Entries(ctx context.Context, f access.EntryFilter) ([]access.Entry, error)
	// DeleteEntries removes the entries from before a time.
	DeleteEntries(ctx context.Context, before time.Time) (removed int64, err error)
}

// NotificationStore keeps the endpoints of notifications, and what is delivered to them. Errors are those of package job.
type NotificationStore interface {
	Endpoints(ctx context.Context) ([]notification.Endpoint, error)
	Endpoint(ctx context.Context, name string) (notification.Endpoint, error)
	// CreateEndpoint stores an endpoint. The error matches [job.ErrExists] if there is one of this name.
	CreateEndpoint(ctx context.Context, e notification.Endpoint) error
	// UpdateEndpoint changes an endpoint by f in one transaction and returns the endpoint after it.
	UpdateEndpoint(ctx context.Context, name string, f func(*notification.Endpoint) error) (notification.Endpoint, error)
	// DeleteEndpoint removes an endpoint that allow accepts, with its deliveries.
	DeleteEndpoint(ctx context.Context, name string, now time.Time, allow func(notification.Endpoint) error) error
	// Deliveries returns the deliveries that f chooses, the newest first.
	Deliveries(ctx context.Context, f notification.DeliveryFilter) ([]notification.Delivery, error)
	// Redeliver has the deliveries that f chooses sent again, and returns how many.
	Redeliver(ctx context.Context, f notification.DeliveryFilter, now time.Time) (int64, error)
	// Backlogs returns what is pending of each endpoint that has pending deliveries.
	Backlogs(ctx context.Context) ([]notification.Backlog, error)
}

// NotificationSender sends notifications.
type NotificationSender interface {
	// NewSecret makes the secret of an endpoint, and what it can be made from again.
	NewSecret(now time.Time) (notification.Secret, notification.SecretKey, error)
	// Test sends a message to an endpoint and returns how the attempt ended.
	Test(ctx context.Context, e notification.Endpoint) notification.Attempt
}

// AccountStore has the account status and the account settings of each account.
type AccountStore interface {
	// AccountStatus returns the status of an account; false if the account is not configured. It
	// has to be cheap: every message of a batch needs it.
	AccountStatus(id string) (job.AccountStatus, bool)
	// AccountStatuses returns the status of every account, sorted by id.
	AccountStatuses() []job.AccountStatus
	// AccountHistory returns how an account stood since a time, in samples of a step; false if the
	// account is not configured.
	AccountHistory(id string, since time.Time, step time.Duration) (job.AccountHistory, bool)
	// Replicas returns the processes that work on the job table, by address; none if only one can.
	Replicas(ctx context.Context) ([]job.Replica, error)
	// UpdateAccountSettings changes the settings of an account by f in one transaction.
	UpdateAccountSettings(ctx context.Context, id string, now time.Time, f func(*job.AccountSettings) error) (job.AccountSettings, error)
	// ForgiveStarts excludes the starts of the day so far from the account's daily limit.
	ForgiveStarts(ctx context.Context, id string, now time.Time) error
}

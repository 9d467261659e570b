package store

import (
	"context"
	"fmt"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// Engine is a database that keeps the job table: its statements, its schema and its
// connections. It decides nothing about jobs and batches; it stores what [Store] tells it to.
//
// Errors of the database are those of package job, as far as these have a word for them:
// [job.ErrNotFound], [job.ErrExists], [job.ErrConflict], [job.ErrIllegalTransition],
// [job.ErrFull] and [job.ErrUnavailable]. Times are kept to the millisecond.
type Engine interface {
	// A read outside of a snapshot sees what had been committed when it began.
	Reader
	// Snapshot calls read with a Reader that shows the table as it is at one moment. The
	// Reader must not be used after read has returned.
	Snapshot(ctx context.Context, read func(Reader) error) error
	// Begin begins the transaction of a unit of work. The Store has at most one of it at a time. The
	// database refuses it with [ErrDeposed] if one of the leases is another process's by now.
	Begin(ctx context.Context, fences []Lease) (Tx, error)
	// Campaign waits until no other process has one of the names, and returns a lease of all of them.
	Campaign(ctx context.Context, names []string) (Lease, error)
	// InstanceID is the random word that was made together with the table.
	InstanceID() string
	// DiskSpace returns how much room the disk of the table has for this process, and in all. total is 0
	// where that is not known.
	DiskSpace() (free, total int64, err error)
	// TableSize returns how much room the table takes, and how much of that has nothing in it.
	TableSize(ctx context.Context) (size, unused int64, err error)
	// Close releases the table. No transaction is open then.
	Close() error
}

// ErrAgain says that a transaction has not happened, and may if it is run again: it met another
// process's, or lost its connection before it was committed.
var ErrAgain = fmt.Errorf("%w: the transaction has to be run again", job.ErrUnavailable)

// Tx is the transaction of a unit of work. Its reads see what it has written. It may be run again
// if an error of it matches [ErrAgain].
//
// On a database that has other writers, the settings of an account, tokens, single endpoints and deliveries that it
// reads stay as they are until it ends.
//
// After an error of the database nothing more can be done with it than to roll it back, and Err
// returns that error. Every error of a method that writes is one. The [job.ErrNotFound] of a read
// is none.
type Tx interface {
	Reader
	Reaper
	// Load reads what the members of a unit have declared. On a database that has other
	// writers it locks the batches, in the order of their seq, before it reads anything else.
	Load(ctx context.Context, want Want) (Loaded, error)
	// InsertBatch inserts a batch with its labels and returns its seq.
	InsertBatch(ctx context.Context, b job.Batch, requestID string, payloadHash []byte) (seq int64, err error)
	// InsertJobs inserts jobs in WAITING. All of them or none are inserted.
	InsertJobs(ctx context.Context, jobs NewJobs) error
	// InsertSkipped keeps the keys and output paths of jobs that a batch has skipped, adds the
	// number of those it did not have to the batch's count, and returns that number.
	InsertSkipped(ctx context.Context, batchSeq int64, jobs []job.Spec) (int64, error)
	// LockEndpoints keeps other processes from changing endpoints of notifications until the transaction ends.
	LockEndpoints(ctx context.Context) error
	// Write writes the rows of a unit. Within rows no row of the table is named twice. A row
	// that is no longer as it was read is [job.ErrConflict].
	Write(ctx context.Context, rows *Rows) error
	// ReconcileSince notes when each account was last changed, unless that is noted already,
	// and returns what is noted of one. It is zero if the account has no batches.
	ReconcileSince(ctx context.Context, accountID string) (time.Time, error)
	// RecountReadyBlocks counts the ready jobs of a batch anew.
	RecountReadyBlocks(ctx context.Context, batchSeq int64) error
	// RecountCauses counts the causes of the failures in a batch anew.
	RecountCauses(ctx context.Context, batchSeq int64) error
	// Err is the first error of the database in this transaction, nil if there was none.
	Err() error
	// Commit ends the transaction. It must be rolled back if Commit fails.
	Commit(ctx context.Context) error
	// Rollback ends the transaction and takes back what it has written.
	Rollback(ctx context.Context)
}

// Reaper removes what is not kept any more, a part at a time.
type Reaper interface {
	// NextDeleted returns a batch that is marked as deleted and has not been removed yet.
	NextDeleted(ctx context.Context) (job.Batch, error)
	// ReapJobs removes the jobs of a batch with the lowest numbers, at most jobs, with everything
	// that belongs to them. The batch is marked as deleted.
	ReapJobs(ctx context.Context, batchSeq, jobs int64) (Reaped, error)
	// ReapBatch removes a part of what a batch without jobs has, about as many rows as limit says,
	// and the batch itself at the end. It keeps for [Tx.ReconcileSince] when the batch was last
	// changed.
	ReapBatch(ctx context.Context, batchSeq, limit int64) (Reaped, error)
	// AddResults adds results. Of those with the same key the latest stays.
	AddResults(ctx context.Context, results []Result) error
	// ReapResults looks at limit results with keys after one, in the order of their keys, and removes
	// those from before a time. It returns the key of the last one that it looked at; nil if there
	// are no more.
	ReapResults(ctx context.Context, before time.Time, after ResultKey, limit int64) (last *ResultKey, err error)
	// ReapRequests removes what is kept of batches that were deleted before a time, of at most limit
	// of them. It returns how many it removed.
	ReapRequests(ctx context.Context, before time.Time, limit int64) (removed int64, err error)
	// ReleaseSpace gives a little of the room that the table takes and does not use back to the disk,
	// unless hardly any is left or the table cannot do that. It reports whether there is more.
	ReleaseSpace(ctx context.Context) (more bool, err error)
	// ReapEntries removes entries of the audit log from before a time, at most limit, the oldest
	// first. It returns how many it removed.
	ReapEntries(ctx context.Context, before time.Time, limit int) (removed int64, err error)
	// ReapDeliveries removes deliveries that ended before a time, at most limit.
	ReapDeliveries(ctx context.Context, before time.Time, limit int) (removed int64, err error)
	// RemoveOldestDeliveries removes deliveries of an endpoint in one state, at most limit, the oldest first.
	RemoveOldestDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState, limit int) error
	// RemoveDeliveriesOfOthers removes the deliveries of an endpoint that are about none of the accounts.
	RemoveDeliveriesOfOthers(ctx context.Context, endpoint string, accounts []string) error
	// RedateDeliveries has what is pending to an endpoint and due after a time be due at now.
	RedateDeliveries(ctx context.Context, endpoint string, after, now time.Time) error
}

// Reader is everything that can be asked of a job table. Single rows that do not exist are
// [job.ErrNotFound]. Deleted batches do not exist.
type Reader interface {
	BatchReader
	JobReader
	SearchReader
	SelectionReader
	AccessReader
	QueueReader
	SubmissionReader
	SuccessReader
	RetentionReader
	AccountReader
	NotificationReader
}

// BatchReader reads batches.
type BatchReader interface {
	Batch(ctx context.Context, id string) (job.Batch, error)
	BatchBySeq(ctx context.Context, seq int64) (job.Batch, error)
	// BatchesBySeq returns those of the batches that exist, newest first.
	BatchesBySeq(ctx context.Context, seqs []int64) ([]job.Batch, error)
	// Batches returns the batches that f chooses, newest first. f chooses neither by name nor by id.
	Batches(ctx context.Context, f job.BatchFilter) ([]job.Batch, error)
	// BatchNames returns the names of the batches that f chooses, whatever its Text, newest first.
	BatchNames(ctx context.Context, f job.BatchFilter) ([]BatchName, error)
	// CountBatches counts the batches that f chooses, whatever its BeforeSeq and Limit. f chooses
	// neither by name nor by id.
	CountBatches(ctx context.Context, f job.BatchFilter) (int64, error)
	// LiveBatches returns the ids of the batches that have not ended.
	LiveBatches(ctx context.Context) ([]string, error)
	// CancellingBatches returns the ids of batches in CANCELLING that have jobs which are
	// neither ended nor in CANCELLING, in the order of submission.
	CancellingBatches(ctx context.Context) ([]string, error)
	// BatchByRequestID returns the id of the batch that was submitted with a request id, which
	// must not be empty, and the hash of that submission: see [Store.BatchByRequestID].
	BatchByRequestID(ctx context.Context, key job.RequestKey) (id string, payloadHash []byte, err error)
}

// JobReader reads jobs and what belongs to them. Batches that do not exist have no jobs.
type JobReader interface {
	Job(ctx context.Context, id job.ID) (job.Job, error)
	// Jobs returns the jobs that f chooses, by number.
	Jobs(ctx context.Context, f job.Filter) ([]job.Job, error)
	// ChangedJobs returns the jobs of a batch with a revision above afterRevision and above
	// [FirstRevision], at most limit, by revision; with states only those in one of them.
	ChangedJobs(ctx context.Context, batchID string, afterRevision int64, limit int, states []job.State) ([]job.Job, error)
	// JobsInFlight returns the jobs described at [Store.JobsInFlight].
	JobsInFlight(ctx context.Context, accountID string) ([]job.Job, error)
	// Attempts returns the ended attempts of a job by number.
	Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error)
	// Events returns the events of a job by version.
	Events(ctx context.Context, id job.ID) ([]job.Event, error)
	// EncodingJobs returns the job or attempt that each of the given encodings belongs to.
	EncodingJobs(ctx context.Context, accountID string, encodingIDs []string) (map[string]job.ID, error)
	// RecentRuns returns the jobs of a batch in one state with the highest numbers, at most
	// limit, highest first.
	RecentRuns(ctx context.Context, batchID string, state job.State, limit int) ([]job.Run, error)
	// CountJobs counts the jobs of a batch by state, from their rows.
	CountJobs(ctx context.Context, batchSeq int64) (job.Counts, error)
}

// SearchReader reads the parts that a search is made of, see [Store.FindJobs].
type SearchReader interface {
	// SearchJobs returns the first jobs of a part of a search, whatever the text and the encoding of
	// the search, in the order of the part, at most limit.
	SearchJobs(ctx context.Context, part SearchPart, limit int) ([]job.FoundJob, error)
	// JobsAt returns those of the jobs at some positions that a search selects, whatever its text and
	// encoding, in any order.
	JobsAt(ctx context.Context, search *job.Search, positions []job.JobPosition) ([]job.FoundJob, error)
	// TextRows returns the first rows of texts in the range of a part, in its order, at most limit.
	// Of the search, only the conditions on batches count.
	TextRows(ctx context.Context, part SearchPart, limit int) ([]TextRow, error)
	// EncodingPositions returns the positions of jobs that have, or had, one of some encodings, in any
	// order: of jobs and of ended attempts at most [MaxEncodings] each.
	EncodingPositions(ctx context.Context, ids EncodingIDs) ([]job.JobPosition, error)
	// SucceededPositions returns the positions of jobs in SUCCEEDED that have one of the keys of a search
	// or, if it has none, a key with its prefix, in any order, at most limit.
	SucceededPositions(ctx context.Context, search *job.Search, limit int) ([]job.JobPosition, error)
	// CountJobsOfBatches sums up the counts of the batches that a search selects.
	CountJobsOfBatches(ctx context.Context, search *job.Search) (job.Counts, error)
	// CausesByBatch returns the causes of the FAILED jobs that a search selects, whatever its states,
	// text and encoding, in any order.
	CausesByBatch(ctx context.Context, search *job.Search) ([]BatchCause, error)
	// FirstFailed returns the lowest number of a FAILED job of a batch that has a cause; 0: there is none.
	FirstFailed(ctx context.Context, batchSeq int64, cause string) (int64, error)
}

// SelectionReader reads which jobs of a batch are changed together, and why jobs failed.
type SelectionReader interface {
	// SelectJobNumbers returns numbers above after, ascending, at most limit. The selection has no text.
	SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error)
	// CountSelectedJobs counts jobs by state. The selection has no text.
	CountSelectedJobs(ctx context.Context, sel job.Selection) (job.Counts, error)
	// FailureCauses returns the causes described at [Store.FailureCauses].
	FailureCauses(ctx context.Context, batchID string, limit int) ([]job.Cause, error)
	// CountCauses returns how many FAILED jobs of a batch have each of the causes. A cause of no such
	// job is missing.
	CountCauses(ctx context.Context, batchID string, causes []string) (map[string]int64, error)
	// CausesCorrect reports whether the stored counts of causes agree with the jobs of a batch.
	CausesCorrect(ctx context.Context, batchSeq int64) (bool, error)
}

// QueueReader reads what the order of dispatch is made of. A batch dispatches if it is OPEN or
// ACTIVE and has jobs in WAITING. A job is ready if it is in WAITING and has no time for its
// next attempt.
type QueueReader interface {
	// DispatchableBatches returns the batches of an account that dispatch, by descending priority,
	// then by seq.
	DispatchableBatches(ctx context.Context, accountID string) ([]DispatchableBatch, error)
	// QueueShares returns the shares of the same batches. Of each batch it counts at most
	// maxBackedOff jobs that wait out a back-off.
	QueueShares(ctx context.Context, accountID string, now time.Time, maxBackedOff int) ([]job.Share, error)
	// CountWaiting returns the number of WAITING jobs in the batches that dispatch, by account; with paused,
	// in all batches that have not ended.
	CountWaiting(ctx context.Context, paused bool) (map[string]int64, error)
	// DueJobs returns the jobs of a batch that are ready or whose back-off is over, with numbers
	// above afterNumber, at most limit, by number.
	DueJobs(ctx context.Context, batchSeq, afterNumber int64, now time.Time, limit int) ([]job.Job, error)
	// NextDueTime returns when the first back-off after now ends, in the batches of an account
	// that dispatch; zero if there is none.
	NextDueTime(ctx context.Context, accountID string, now time.Time) (time.Time, error)
	// ReadySum returns the sum of the stored counts of ready jobs of the blocks from first to last.
	ReadySum(ctx context.Context, batchSeq, first, last int64) (int64, error)
	// ReadyBlocks returns the stored counts of ready jobs of the blocks from first to last, by
	// block. Blocks without ready jobs may be missing.
	ReadyBlocks(ctx context.Context, batchSeq, first, last int64) ([]ReadyBlock, error)
	// ReadyBlocksCorrect reports whether the stored counts agree with the jobs.
	ReadyBlocksCorrect(ctx context.Context, batchSeq int64) (bool, error)
	// ReadyNumbers returns the numbers from first to last that ready jobs have, ascending.
	ReadyNumbers(ctx context.Context, batchSeq, first, last int64) ([]int64, error)
	// DueRetryNumbers returns the numbers of jobs whose back-off is over, at most limit.
	DueRetryNumbers(ctx context.Context, batchSeq int64, now time.Time, limit int) ([]int64, error)
}

// SubmissionReader reads what a submission is checked against.
type SubmissionReader interface {
	// KnownKeys returns those of the keys that jobs of a batch have. No job has the empty key.
	KnownKeys(ctx context.Context, batchSeq int64, keys []string) ([]string, error)
	// SkippedKeys returns those of the keys that a batch has skipped.
	SkippedKeys(ctx context.Context, batchSeq int64, keys []string) ([]string, error)
	// OutputPaths calls visit with the number and output path of each job of a batch with a
	// number above after and a path. visit must not keep path.
	OutputPaths(ctx context.Context, batchSeq, after int64, visit func(number int64, path []byte)) error
	// SkippedOutputPaths does so for the jobs that a batch has skipped.
	SkippedOutputPaths(ctx context.Context, batchSeq int64, visit func(path []byte)) error
	// OutputOwner returns the number and key of a job of a batch that has the output path and a
	// number from first to last.
	OutputOwner(ctx context.Context, batchSeq, first, last int64, path string) (number int64, key string, err error)
	// SkippedOutputOwner returns the key of a job with the output path that a batch has skipped,
	// other than exceptKey.
	SkippedOutputOwner(ctx context.Context, batchSeq int64, path, exceptKey string) (key string, err error)
}

// SuccessReader reads what has succeeded before.
type SuccessReader interface {
	// SucceededJobs returns the jobs in SUCCEEDED that have the key and the output path of one
	// of the given jobs, also those of deleted batches that have not been removed yet. No job has
	// the empty key.
	SucceededJobs(ctx context.Context, jobs []job.Spec) ([]SucceededJob, error)
	// AnyBatch returns a batch, also one that was deleted and has not been removed yet.
	AnyBatch(ctx context.Context, seq int64) (job.Batch, error)
	// FindResults returns the indexes of those keys that results have, in any order.
	FindResults(ctx context.Context, keys []ResultKey) ([]int, error)
}

// RetentionReader reads what retention decides by, and what is left of batches that it has deleted.
type RetentionReader interface {
	// EndedBatches returns the batches in a state that ended before a time, at most limit, those
	// that ended first. The zero time is none.
	EndedBatches(ctx context.Context, state job.BatchState, before time.Time, limit int) ([]EndedBatch, error)
	// CountAllJobs counts the jobs of all batches by the counts of these.
	CountAllJobs(ctx context.Context) (int64, error)
	// DeletedByRequestID is BatchByRequestID for batches that were deleted.
	DeletedByRequestID(ctx context.Context, key job.RequestKey) (DeletedBatch, error)
	// WasDeleted reports whether a batch was deleted and is still remembered.
	WasDeleted(ctx context.Context, batchID string) (bool, error)
}

// AccessReader reads tokens and the audit log.
type AccessReader interface {
	// Tokens returns the tokens with a [access.Token.Change] above after, by change.
	Tokens(ctx context.Context, after int64) ([]access.Token, error)
	Token(ctx context.Context, id string) (access.Token, error)
	// Entries returns the entries that f chooses, the newest first.
	Entries(ctx context.Context, f access.EntryFilter) ([]access.Entry, error)
}

// AccountReader reads what is kept of accounts.
type AccountReader interface {
	AccountSettings(ctx context.Context, accountID string) (job.AccountSettings, error)
	// DailyStarts returns the count of the latest day on which an account made starts.
	DailyStarts(ctx context.Context, accountID string) (job.DailyStarts, error)
	// PrincipalStarts returns the count of the latest day on which there were starts of a principal's batches.
	PrincipalStarts(ctx context.Context, principal string) (job.DailyStarts, error)
	// Orphans returns orphans of an account, at most limit, oldest first.
	Orphans(ctx context.Context, accountID string, limit int) ([]job.Orphan, error)
	// ListParameters returns the list parameters of an account by name.
	ListParameters(ctx context.Context, accountID string) ([]job.ListParameter, error)
	Resource(ctx context.Context, key ResourceKey) (remoteID string, saved time.Time, err error)
}

// NotificationReader reads the endpoints of notifications, and what is delivered to them.
type NotificationReader interface {
	// Endpoints returns all endpoints by name.
	Endpoints(ctx context.Context) ([]notification.Endpoint, error)
	Endpoint(ctx context.Context, name string) (notification.Endpoint, error)
	// DueDeliveries returns pending deliveries of an endpoint that are due, at most limit, the longest due first.
	// Those that jobs may still join are due at joining or earlier.
	DueDeliveries(ctx context.Context, endpoint string, now, joining time.Time, limit int) ([]notification.Delivery, error)
	// NextDeliveryTime returns when a delivery of an endpoint is due that is not due at after; zero if there is none.
	NextDeliveryTime(ctx context.Context, endpoint string, after time.Time) (time.Time, error)
	// Delivery returns a delivery by its Seq.
	Delivery(ctx context.Context, seq int64) (notification.Delivery, error)
	// Deliveries returns the deliveries that f chooses, the newest first.
	Deliveries(ctx context.Context, f notification.DeliveryFilter) ([]notification.Delivery, error)
	// OldestDeliveries returns deliveries of an endpoint in one state, at most limit, the oldest first.
	OldestDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState, limit int) ([]notification.Delivery, error)
	// Backlogs returns what is pending of each endpoint that has pending deliveries, by name.
	Backlogs(ctx context.Context) ([]notification.Backlog, error)
	// CountDeliveries counts the deliveries of an endpoint in a state.
	CountDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState) (int64, error)
	// Availability returns what endpoints were told last of an account.
	Availability(ctx context.Context, accountID string) (notification.Availability, error)
}

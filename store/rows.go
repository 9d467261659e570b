package store

import (
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// FirstRevision is the revision of a batch and its jobs at the submission.
const FirstRevision = 1

// ReadyBlockSize is how many job numbers one block of [ReadyBlock] covers. Stored counts depend
// on it.
const ReadyBlockSize = 256

// Want is what the members of a unit of work have declared. No batch and no job occurs twice.
type Want struct {
	Batches    []string     // ids
	Jobs       []job.ID     // by batch and number; their batches are among Batches
	Selections []job.Filter // their batches are among Batches
}

// Loaded is the answer to a [Want]. What does not exist is missing.
type Loaded struct {
	// Headers are the batches by seq, with the fields that change with their jobs: ID, Seq,
	// CreatedBy, AccountID, State, StateReason, StateTime, Open, FailureLimit, FailuresForgiven, Counts,
	// Revision, StartTime and FinishTime.
	Headers []job.Batch
	Jobs    []job.Job
	// SelectedJobs are the jobs that each of the selections chooses, by number.
	SelectedJobs [][]job.Job
}

// NewJobs are jobs to be inserted, with the numbers after LastNumber.
type NewJobs struct {
	BatchSeq   int64
	LastNumber int64
	// Revision is that of the first job; each further one has RevisionStep more.
	Revision     int64
	RevisionStep int64
	Time         time.Time
	Jobs         []job.Spec
}

// Rows are what a unit of work writes. No list names one row of the table twice. Jobs, attempts
// and events come in the order of their batches and numbers.
type Rows struct {
	Jobs     []JobRow
	Attempts []AttemptRow
	Events   []EventRow
	// Headers are batches with changed header fields and a new UpdateTime.
	Headers []HeaderRow
	// Batches are batches that were changed by [Store.UpdateBatch].
	Batches []BatchRow
	// DeletedBatches are marked as deleted. Their request ids are kept apart from them.
	DeletedBatches []DeletedBatchRow
	ReadyBlocks    []ReadyBlockChange
	Causes         []CauseChange

	Starts          []StartsChange // of accounts
	PrincipalStarts []StartsChange
	ForgivenStarts  []ForgivenStarts
	Settings        []SettingsRow
	// Orphans are added unless they are known.
	Orphans        []job.Orphan
	DeletedOrphans []job.Orphan // by account and encoding
	// Resources and ListParameters replace earlier ones of the same key.
	Resources             []ResourceRow
	DeletedResources      []ResourceKey
	ListParameters        []ListParameterRow
	DeletedListParameters []ListParameterRow // by account and name
	// Tokens replace earlier ones of the same id, and get the next [access.Token.Change].
	Tokens    []access.Token
	TokenUses []TokenUse
	// Entries of the audit log replace earlier ones of the same id.
	Entries []access.Entry
	// Endpoints of notifications replace earlier ones of the same name. DeletedEndpoints, by name, take their
	// deliveries with them.
	Endpoints        []notification.Endpoint
	DeletedEndpoints []string
	// Deliveries are added to the outbox, and get the next [notification.Delivery.Seq] each.
	Deliveries []notification.Delivery
	JoinedJobs []JoinedJobs
	// ChangedDeliveries are written by Seq and ID: Joining, State, Attempts, the times apart from the
	// creation, HTTPStatus and Problem. One that does not exist any more is left out.
	ChangedDeliveries []notification.Delivery
	// Availabilities replace earlier ones of the same account.
	Availabilities []notification.Availability
	// ReconciledAccounts have nothing noted any more for [Tx.ReconcileSince].
	ReconciledAccounts []string
	// Probe is written only to see whether something can be; see [CheckWritable].
	Probe time.Time
}

// JoinedJobs are jobs of a batch to which an event has happened. They join the delivery of each endpoint that is
// still [notification.Delivery.Joining] for that batch and event, or begin it.
type JoinedJobs struct {
	// Delivery is what is begun, without ID and Endpoint. Its numbers, JobCount and Revision are joined.
	Delivery  notification.Delivery
	Endpoints []string
}

// TokenUse says when a token was last used.
type TokenUse struct {
	ID   string
	Time time.Time
}

// JobRow is a job as it is to be. It is written if the stored row still has the state and the
// version that it was read with.
type JobRow struct {
	BatchSeq    int64
	ReadState   job.State
	ReadVersion int64
	Job         *job.Job
}

// AttemptRow is an attempt that has ended. It replaces an earlier one with the same number.
type AttemptRow struct {
	BatchSeq int64
	Number   int64 // of the job
	Attempt  job.Attempt
}

// EventRow is a change of a job's state.
type EventRow struct {
	BatchSeq int64
	Event    job.Event
}

// HeaderRow is a batch of which the header fields are written, if the stored row still has the
// revision that it was read with.
type HeaderRow struct {
	Batch        *job.Batch
	ReadRevision int64
}

// BatchRow is a batch of which everything is written that [Store.UpdateBatch] may change, if the
// stored row still has the revision that it was read with.
type BatchRow struct {
	Batch         job.Batch
	ReadRevision  int64
	LabelsChanged bool
}

// DeletedBatchRow is a batch that is marked as deleted at a time.
type DeletedBatchRow struct {
	Seq  int64
	Time time.Time
}

// DeletedBatch is what is kept of a batch that was deleted.
type DeletedBatch struct {
	ID          string
	Seq         int64
	PayloadHash []byte
	Time        time.Time // of the deletion
}

// EndedBatch is a batch that has ended, as far as retention decides by it.
type EndedBatch struct {
	ID         string
	Seq        int64
	FinishTime time.Time
	Jobs       int64
}

// Reaped is what a part of the removal of a batch has removed. Without rows there was nothing to remove.
type Reaped struct {
	Rows, Jobs int64
	// Succeeded are those of the jobs that have succeeded and have a key.
	Succeeded []ReapedJob
}

// ReapedJob is a job that has succeeded and was removed.
type ReapedJob struct {
	job.Spec
	EncodingID string
	FinishTime time.Time
}

// ReadyBlock says how many ready jobs a batch has among the numbers of a block. Block 0 has the
// numbers from 1 to [ReadyBlockSize].
type ReadyBlock struct{ Block, Ready int64 }

// ReadyBlockChange adds Change to the count of a block, which does not go below zero.
type ReadyBlockChange struct{ BatchSeq, Block, Change int64 }

// CauseChange adds Change to the number of FAILED jobs of a batch that have a cause.
type CauseChange struct {
	BatchSeq int64
	Cause    string
	Change   int64
}

// StartsChange adds Change to the starts of a day. A later day than the stored one begins with no starts; on
// an earlier one, Change is added to the stored day. The count does not go below zero, and no more
// starts are forgiven than were made.
type StartsChange struct {
	Of     string // the account that has made them, or the principal of whose batches they are
	Day    time.Time
	Change int
}

// ForgivenStarts forgives all starts that an account has made, unless the stored day is before Day.
type ForgivenStarts struct {
	AccountID string
	Day       time.Time
}

// SettingsRow are the settings of an account.
type SettingsRow struct {
	AccountID  string
	Settings   job.AccountSettings
	UpdateTime time.Time
}

// ResourceKey names an input, output or codec configuration of an account.
type ResourceKey struct{ AccountID, Kind, Hash string }

// ResourceRow is the id of a resource at the platform.
type ResourceRow struct {
	ResourceKey
	RemoteID string
	Time     time.Time
}

// ListParameterRow is a query parameter that does not work at the platform of an account.
type ListParameterRow struct {
	AccountID string
	Parameter job.ListParameter
}

// DispatchableBatch is what decides when a batch may start its next job.
type DispatchableBatch struct {
	Seq       int64
	CreatedBy string
	Priority  int
	InFlight  int64 // jobs that are starting, queued, running or being cancelled
	Ended     int64 // jobs that have ended
}

// SucceededJob is a job that has succeeded.
type SucceededJob struct {
	Index     int // of the job that it was found for
	BatchSeq  int64
	InputPath string
	Variables map[string]string
}

func (r *Rows) empty() bool {
	return len(r.Jobs)+len(r.Attempts)+len(r.Events)+len(r.Headers)+len(r.Batches)+len(r.DeletedBatches)+len(r.ReadyBlocks)+len(r.Causes)+
		len(r.Starts)+len(r.PrincipalStarts)+len(r.ForgivenStarts)+len(r.Settings)+len(r.Orphans)+len(r.DeletedOrphans)+len(r.Resources)+len(r.DeletedResources)+
		len(r.ListParameters)+len(r.DeletedListParameters)+len(r.ReconciledAccounts)+len(r.Tokens)+len(r.TokenUses)+len(r.Entries)+
		len(r.Endpoints)+len(r.DeletedEndpoints)+len(r.Deliveries)+len(r.JoinedJobs)+len(r.ChangedDeliveries)+len(r.Availabilities) == 0 && r.Probe.IsZero()
}

// Package storetest is the definition of a job table: a list of guarantees that
// every implementation behind the methods of store.Store has to keep.
package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Run holds stores to every guarantee. open returns the store of its test: with an empty job
// table at first, and with the same job table once more when it is called again with the same t,
// after the store before was closed. It closes the store when its test ends.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	for _, guarantee := range []struct {
		name  string
		check func(*fixture)
	}{
		{"a submission is stored whole", submitStoresAll},
		{"a submission that cannot be stored whole leaves nothing", submitStoresNothing},
		{"a repeated submission gets the first answer", submitRepeats},
		{"a batch without jobs ends at once unless it is open", submitEmpty},
		{"what has succeeded is not submitted again, if asked", skipSucceeded},
		{"only the same job is skipped", skipNothingElse},
		{"what has succeeded is not added either, however often it is added", addSkipsSucceeded},
		{"a batch that skips all of its jobs ends as an empty one does", skipAll},
		{"what succeeded in a deleted batch is skipped, too", skipRemembers},
		{"jobs are added once per key", addJobsOnce},
		{"jobs are added to open batches only", addJobsToOpen},
		{"no two jobs of a batch write to one place", oneOutputEach},
		{"nor do any of thousands", manyOutputs},
		{"unless a template distinguishes what they write", sharedOutputs},
		{"a batch whose template writes to one place has one job", oneJobAlone},
		{"no job writes to where a skipped one has written", outputsOfSkipped},
		{"a batch is changed as a whole or not at all", updateBatch},
		{"batches are listed newest first", listBatches},
		{"a batch is deleted after its end only", deleteBatch},
		{"batches are kept by their outcome and age", retainByAge},
		{"no more jobs are kept than there may be", retainByCount},
		{"request ids and results are remembered for their time", forgetInTime},
		{"what has succeeded twice is remembered from the second time on", forgetLatest},
		{"a table is compared with the platform from when it was last changed, whatever was deleted", reconcileAfterDeletion},

		{"every field of a job is kept", jobKeepsFields},
		{"a change of state leaves an event and moves the counts", updateMoves},
		{"an invisible change wakes nobody", updateInvisible},
		{"an update that changes nothing writes nothing", updateNothing},
		{"an update that objects changes nothing", updateObjects},
		{"what the transition table does not allow is refused", updateIllegal},
		{"ended attempts are kept", attemptsAreKept},
		{"encodings that no job needs become orphans", orphansAreKept},
		{"a batch ends with its last job", batchEnds},
		{"a batch opens again with a retry", batchReopens},
		{"a batch that fails too much pauses itself", batchPausesItself},
		{"a batch goes on with a retry however much had failed", batchRetriedBeyondItsLimit},
		{"bulk changes stay within their limit", updateJobsLimit},
		{"bulk changes are all or nothing", updateJobsObjects},
		{"no concurrent change is lost", concurrentChanges},
		{"one job may move many times in one transaction", groupedMoves},
		{"a selection sees what was changed in its transaction", groupedSelections},
		{"a panic is the error of its caller and changes nothing", panics},
		{"everybody concerned is told of a change", changesAreTold},

		{"jobs are listed by number", listJobs},
		{"jobs are found among those of all batches", findJobs},
		{"so are those of a batch that came in many parts, page by page", findManyJobs},
		{"jobs are found by a part of an encoding", findPartsOfEncodings},
		{"keys are found whatever became of their jobs", findEndedKeys},
		{"a search ends with its context", searchEnds},
		{"batches are found by name and id, and counted", findBatches},
		{"the latest runs are known", latestRuns},
		{"the next jobs go by priority, then fair shares, then number", nextJobsOrder},
		{"what must wait is not among the next jobs", nextJobsWait},
		{"the next back-off to end is known", nextDue},
		{"parameters that do not work are kept by account", listParameters},
		{"a restart finds the jobs in flight", jobsInFlight},
		{"since when the platform may hold unknown encodings is kept", unreconciled},
		{"batches to cancel are known until all of their jobs are cancelled or being cancelled", cancellingBatches},
		{"the place of a job in line is that of the next jobs", linePlaces},
		{"the place of a job of twenty thousand is found without reading the others", linePlacesOfMany},
		{"so are those of a whole batch, page by page, while it changes", linePlacesOfPages},
		{"encodings lead to their jobs", encodingJobs},
		{"changes are read in order, each once", changesInOrder},

		{"resources are kept by account", resources},
		{"settings are kept by account", accountSettings},
		{"the status of an account shows the settings that were saved last", settingsAreShown},
		{"starts are counted per account and day", dailyStarts},
		{"starts are counted per principal and day", principalStarts},

		{"a request id belongs to who submitted with it", requestIDsBelongToTheirCreator},
		{"tokens are kept, and what is new of them is found", tokensAreKept},
		{"entries of the audit log come with their change or not at all", entriesComeWithTheirChange},

		{"endpoints of notifications are kept", endpointsAreKept},
		{"the end of a batch and its notification are both there, or neither", batchEventsAreWritten},
		{"jobs that failed are joined to one notification", jobEventsAreJoined},
		{"a notification is delivered until it is accepted or given up", deliveriesAreRetried},
		{"an attempt may end after its delivery was given up", lateAttemptsAreNoted},
		{"an endpoint forgets the accounts that it is not told of any more", endpointsForgetAccounts},
		{"a notification that a wrong clock has put years away is sent", misdatedDeliveriesAreSent},
		{"that an account is unavailable is told once", availabilityIsToldOnce},

		{"jobs are selected by state, key prefix and failure", selectJobs},
		{"jobs named by number are changed together or not at all", updateNumbered},
		{"failures are grouped by cause", causesGroup},
		{"failures of many batches are grouped by cause", findCauses},
		{"the counts of causes are right whatever happens", causesCount},
	} {
		t.Run(guarantee.name, func(t *testing.T) {
			f := &fixture{T: t, store: open(t)}
			f.reopen = func() {
				f.ok(f.store.Close())
				f.store = open(t)
			}
			guarantee.check(f)
		})
	}
}

// now is the time of all calls, unless a guarantee needs time to pass.
var now = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

// fixture is a store under test, with helpers for calls that have to succeed.
type fixture struct {
	*testing.T
	store  *store.Store
	reopen func() // as the next process does
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// same compares values; empty lists and maps equal missing ones.
func (f *fixture) same(what string, got, want any) {
	f.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// submit stores a batch of n jobs with the keys k1, k2, ... and whatever edit
// makes of the batch.
func (f *fixture) submit(n int, edit func(*job.Batch)) job.Batch {
	f.Helper()
	b := job.Batch{AccountID: "default", Priority: 50}
	if edit != nil {
		edit(&b)
	}
	stored, created, err := f.store.Submit(f.Context(), job.Submission{Batch: b, Jobs: specs(n)}, now)
	f.ok(err)
	if !created {
		f.Fatal("not created")
	}
	return stored
}

func specs(n int) []job.Spec {
	list := make([]job.Spec, n)
	for i := range list {
		list[i] = job.Spec{Key: fmt.Sprintf("k%d", i+1), InputPath: fmt.Sprintf("in/%d.mp4", i+1), OutputPath: fmt.Sprintf("out/%d", i+1)}
	}
	return list
}

func (f *fixture) batch(id string) job.Batch {
	f.Helper()
	b, err := f.store.Batch(f.Context(), id)
	f.ok(err)
	return b
}

func (f *fixture) job(b job.Batch, number int64) job.Job {
	f.Helper()
	j, err := f.store.Job(f.Context(), job.ID{Batch: b.ID, Number: number})
	f.ok(err)
	return j
}

// update applies facts to a job, one transaction for each.
func (f *fixture) update(b job.Batch, number int64, facts ...func(*job.Update) error) job.Job {
	f.Helper()
	var j job.Job
	for _, fact := range facts {
		var err error
		j, err = f.store.UpdateJob(f.Context(), job.ID{Batch: b.ID, Number: number}, now, fact)
		f.ok(err)
	}
	return j
}

// The facts that most guarantees use.
func configured(u *job.Update) error {
	return u.Configured(encodingOf(u.Job.ID), nil, now)
}
func begin(u *job.Update) error    { return u.BeginStart(now) }
func accepted(u *job.Update) error { return u.StartAccepted(now) }
func cancel(u *job.Update) error   { return u.Cancel("enough", now) }
func retry(u *job.Update) error    { return u.Retry(now) }
func running(u *job.Update) error  { return observe(u, job.RemoteRunning) }
func finished(u *job.Update) error { return observe(u, job.RemoteFinished) }

// failed is an ERROR without an error object: permanent.
func failed(u *job.Update) error { return observe(u, job.RemoteError) }

// failedOnce is an ERROR that may be retried, after ten seconds.
func failedOnce(u *job.Update) error {
	o := job.Observation{
		EncodingID: u.Job.EncodingID, Status: job.RemoteError,
		Failure: &job.Failure{Code: 1001, Category: "DOWNLOAD", Text: "no bytes", Hint: job.HintRetry},
	}
	return u.Observe(o, job.Rules{Retry: job.RetryPolicy{MaxRetries: 2, InitialBackoff: 20 * time.Second}}, now)
}

func observe(u *job.Update, status job.Remote) error {
	return u.Observe(job.Observation{EncodingID: u.Job.EncodingID, Status: status}, job.Rules{}, now)
}

func encodingOf(id job.ID) string { return "encoding-of-" + id.String() }

// started is how a job gets to QUEUED.
var started = []func(*job.Update) error{configured, begin, accepted}

func numbers(jobs []job.Job) []int64 {
	list := make([]int64, len(jobs))
	for i, j := range jobs {
		list[i] = j.ID.Number
	}
	return list
}

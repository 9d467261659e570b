package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// unit is the unit of work of one transaction, shared by the members of a group. It caches
// batches and jobs and collects the rows that they are to become. A committer uses one unit for
// all of its transactions, one after the other, between begin and end.
//
// A member has to find everything that it may object to before it changes anything: nothing
// takes back the first half of a member whose second half objects.
type unit struct {
	ctx     context.Context // the committer's own, the same for every statement
	tx      Tx
	outputs *outputIndex
	// outputPaths are what the unit has taken of outputs, by the seq of the batch.
	outputPaths map[int64]*batchOutputs
	// endpoints are those of notifications.
	endpoints *endpointCache

	headers  map[string]*batchHeader // by batch id
	jobs     map[job.ID]*job.Job
	selected map[*job.Filter][]job.Job
	dirty    map[string]bool // ids of batches whose jobs were changed since the load

	rows       Rows
	wrote      bool            // rows were written
	pending    map[job.ID]bool // jobs in rows
	written    map[rowKey]bool
	records    []*access.Record // of the members that have run; written with the next rows
	readyDelta map[readyBlock]int64
	causeDelta map[failureCause]int64
	joined     map[jobEvent]*notification.Delivery // of jobs, since the rows were written last
	outbox     bool                                // deliveries were written
	reblocked  map[int64]bool                      // by seq: batches of which counts of ready jobs were written
	wakeups    map[string]*job.Change              // by batch id
	settings   map[string]job.AccountSettings      // that were changed, by account

	observed     bool // somebody is told of the following
	stateChanges []job.StateChange
	batchChanges []job.BatchStateChange
	submitted    map[string]int64 // jobs, by account
}

// rowKey names a row that rows has already.
type rowKey struct{ kind, account, key string }

// readyBlock names a block of ready jobs.
type readyBlock struct{ batchSeq, block int64 }

// failureCause names a cause of failures in a batch.
type failureCause struct {
	batchSeq int64
	cause    string
}

// batchHeader is the part of a batch that changes with its jobs, see [Loaded.Headers]. It is read
// and written once in a unit, however many jobs change.
type batchHeader struct {
	*job.Batch
	readRevision int64
	changed      bool // set it after a change of a field
}

func newUnit(outputs *outputIndex, endpoints *endpointCache) *unit {
	return &unit{
		outputs: outputs, outputPaths: map[int64]*batchOutputs{}, endpoints: endpoints, joined: map[jobEvent]*notification.Delivery{},
		headers: map[string]*batchHeader{}, jobs: map[job.ID]*job.Job{}, selected: map[*job.Filter][]job.Job{}, dirty: map[string]bool{},
		pending: map[job.ID]bool{}, written: map[rowKey]bool{}, readyDelta: map[readyBlock]int64{}, causeDelta: map[failureCause]int64{}, reblocked: map[int64]bool{},
		wakeups: map[string]*job.Change{}, settings: map[string]job.AccountSettings{},
	}
}

// begin makes the unit that of a transaction which has just begun.
func (u *unit) begin(ctx context.Context, tx Tx) { u.ctx, u.tx = ctx, tx }

// end lets go of everything that the unit holds, after its transaction has ended.
func (u *unit) end() {
	u.ctx, u.tx, u.rows, u.wrote, u.outbox = nil, nil, Rows{}, false, false
	u.joined = emptied(u.joined)
	u.headers, u.jobs, u.selected, u.dirty = emptied(u.headers), emptied(u.jobs), emptied(u.selected), emptied(u.dirty)
	u.pending, u.written, u.readyDelta, u.causeDelta = emptied(u.pending), emptied(u.written), emptied(u.readyDelta), emptied(u.causeDelta)
	u.forgetRecords()
	clear(u.outputPaths)
	u.reblocked, u.wakeups = emptied(u.reblocked), emptied(u.wakeups)
	clear(u.settings)
	u.stateChanges, u.batchChanges, u.submitted = nil, nil, nil
}

// emptied returns an empty map: the same one unless it has become large. A map does not shrink,
// and emptying a large one takes long each time.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	if len(m) > 4*groupLimit {
		return map[K]V{}
	}
	clear(m)
	return m
}

// load reads what the members of a group have declared.
func (u *unit) load(group []*op) error {
	var want Want
	var selections []*job.Filter
	for _, o := range group {
		if o.batch != "" {
			want.Batches = append(want.Batches, o.batch)
		}
		want.Jobs = append(want.Jobs, o.jobs...)
		if o.selection != nil {
			selections = append(selections, o.selection)
			want.Selections = append(want.Selections, *o.selection)
		}
	}
	if len(want.Batches) == 0 {
		return nil
	}
	slices.Sort(want.Batches)
	want.Batches = slices.Compact(want.Batches)
	slices.SortFunc(want.Jobs, func(a, b job.ID) int {
		return cmp.Or(cmp.Compare(a.Batch, b.Batch), cmp.Compare(a.Number, b.Number))
	})
	want.Jobs = slices.Compact(want.Jobs)
	got, err := u.tx.Load(u.ctx, want)
	if err != nil {
		return err
	}
	u.cache(got)
	for i, selection := range selections {
		u.selected[selection] = got.SelectedJobs[i]
	}
	return nil
}

// cache keeps what was read, apart from batches that are cached already.
func (u *unit) cache(got Loaded) {
	for i := range got.Headers {
		if b := &got.Headers[i]; u.headers[b.ID] == nil {
			u.headers[b.ID] = &batchHeader{Batch: b, readRevision: b.Revision}
		}
	}
	for i := range got.Jobs {
		u.jobs[got.Jobs[i].ID] = &got.Jobs[i]
	}
}

// header returns a batch for reading and changing. A batch that was not declared, or was evicted,
// is read now.
func (u *unit) header(id string) (*batchHeader, error) {
	if h := u.headers[id]; h != nil {
		return h, nil
	}
	got, err := u.tx.Load(u.ctx, Want{Batches: []string{id}})
	if err != nil {
		return nil, err
	}
	u.cache(got)
	if h := u.headers[id]; h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("batch %s: %w", id, job.ErrNotFound)
}

// job returns a job of a batch that exists. It shares nothing with the cache, so a function that
// objects after it has changed something leaves no trace.
func (u *unit) job(id job.ID) (job.Job, error) {
	cached := u.jobs[id]
	if cached == nil {
		got, err := u.tx.Load(u.ctx, Want{Batches: []string{id.Batch}, Jobs: []job.ID{id}})
		if err != nil {
			return job.Job{}, err
		}
		u.cache(got)
		if cached = u.jobs[id]; cached == nil {
			return job.Job{}, fmt.Errorf("job %s: %w", id, job.ErrNotFound)
		}
	}
	j := *cached
	j.Variables, j.Manifests = maps.Clone(j.Variables), slices.Clone(j.Manifests)
	if j.Failure != nil {
		j.Failure = new(*j.Failure)
	}
	return j, nil
}

// selection returns the jobs that a declared filter chooses. The table is asked once more if a
// member has changed jobs of the batch since the load.
func (u *unit) selection(f *job.Filter) ([]job.Job, error) {
	if !u.dirty[f.BatchID] {
		return u.selected[f], nil
	}
	if err := u.flush(); err != nil {
		return nil, err
	}
	return u.tx.Jobs(u.ctx, *f)
}

// setJob collects the row of a job that was changed, and caches the job. Rows are written before
// one of them changes again, so that the database judges every change: not only what became of a
// job in the end, but every state and every move on the way.
func (u *unit) setJob(h *batchHeader, before, after *job.Job) error {
	if u.pending[after.ID] {
		if err := u.flush(); err != nil {
			return err
		}
	}
	u.pending[after.ID] = true
	u.dirty[h.ID] = true
	u.rows.Jobs = append(u.rows.Jobs, JobRow{BatchSeq: h.Seq, ReadState: before.State, ReadVersion: before.Version, Job: after})
	u.jobs[after.ID] = after
	if was, is := isReady(before), isReady(after); was && !is {
		u.countReady(h.Seq, after.ID.Number, -1)
	} else if is && !was {
		u.countReady(h.Seq, after.ID.Number, 1)
	}
	if was, is := failedBecause(before), failedBecause(after); was != is {
		u.countCause(h.Seq, was, -1)
		u.countCause(h.Seq, is, 1)
	}
	return nil
}

// reserveRow has a row be written once: if rows has it already, they are written first.
func (u *unit) reserveRow(kind, account, key string) error {
	k := rowKey{kind, account, key}
	if u.written[k] {
		if err := u.flush(); err != nil {
			return err
		}
	}
	u.written[k] = true
	return nil
}

// countStarts counts n starts of jobs of a batch, for its account and for who submitted it; n is less than 0 if
// some are given back.
func (u *unit) countStarts(b *job.Batch, n int, now time.Time) error {
	ofAccount := StartsChange{Of: b.AccountID, Day: job.Day(now), Change: n}
	if !addStarts(u.rows.Starts, ofAccount) {
		if err := u.reserveStarts(b.AccountID); err != nil {
			return err
		}
		u.rows.Starts = append(u.rows.Starts, ofAccount)
	}
	ofPrincipal := StartsChange{Of: creator(*b), Day: job.Day(now), Change: n}
	if !addStarts(u.rows.PrincipalStarts, ofPrincipal) {
		if slices.ContainsFunc(u.rows.PrincipalStarts, ofPrincipal.isOfSame) {
			if err := u.flush(); err != nil {
				return err
			}
		}
		u.rows.PrincipalStarts = append(u.rows.PrincipalStarts, ofPrincipal)
	}
	return nil
}

// addStarts adds a change to one of the changes, and reports whether there is one that it can be added to:
// neither of two changes of the same sign is cut off at zero if their sum is not.
func addStarts(changes []StartsChange, c StartsChange) bool {
	for i := range changes {
		if s := &changes[i]; c.isOfSame(*s) && s.Day.Equal(c.Day) && (s.Change < 0) == (c.Change < 0) {
			s.Change += c.Change
			return true
		}
	}
	return false
}

// isOfSame reports whether another change is about the starts of the same account or principal.
func (c StartsChange) isOfSame(other StartsChange) bool { return c.Of == other.Of }

// reserveStarts is [unit.reserveRow] for the starts of an account, which most transactions count.
func (u *unit) reserveStarts(accountID string) error {
	if slices.ContainsFunc(u.rows.Starts, func(s StartsChange) bool { return s.Of == accountID }) ||
		slices.ContainsFunc(u.rows.ForgivenStarts, func(s ForgivenStarts) bool { return s.AccountID == accountID }) {
		return u.flush()
	}
	return nil
}

func (u *unit) addOrphan(o job.Orphan) error {
	if err := u.reserveRow("orphan", o.AccountID, o.EncodingID); err != nil {
		return err
	}
	u.rows.Orphans = append(u.rows.Orphans, o)
	return nil
}

// noteRecord has the entry of a call be written with the next rows. Members of a group may be of one call.
func (u *unit) noteRecord(r *access.Record) {
	if !slices.Contains(u.records, r) {
		u.records = append(u.records, r)
	}
}

func (u *unit) forgetRecords() {
	clear(u.records)
	u.records = u.records[:0]
}

// flush writes the rows that have been collected. What is cached stays cached.
func (u *unit) flush() error {
	for _, h := range u.headers {
		if h.changed {
			u.rows.Headers = append(u.rows.Headers, HeaderRow{Batch: h.Batch, ReadRevision: h.readRevision})
			h.readRevision, h.changed = h.Revision, false
		}
	}
	for b, change := range u.readyDelta {
		if change != 0 {
			u.rows.ReadyBlocks = append(u.rows.ReadyBlocks, ReadyBlockChange{BatchSeq: b.batchSeq, Block: b.block, Change: change})
			u.reblocked[b.batchSeq] = true
		}
	}
	for c, change := range u.causeDelta {
		if change != 0 {
			u.rows.Causes = append(u.rows.Causes, CauseChange{BatchSeq: c.batchSeq, Cause: c.cause, Change: change})
		}
	}
	u.readyDelta, u.causeDelta = emptied(u.readyDelta), emptied(u.causeDelta)
	for _, r := range u.records {
		u.rows.Entries = append(u.rows.Entries, r.ToWrite())
	}
	u.forgetRecords()
	if err := u.flushJoined(); err != nil {
		return err
	}
	if u.rows.empty() {
		return nil
	}
	u.rows.sort()
	u.wrote = true
	err := u.tx.Write(u.ctx, &u.rows)
	u.rows, u.pending, u.written = Rows{}, emptied(u.pending), emptied(u.written)
	return err
}

// flushAndEvict writes what has been collected and forgets a batch, which is about to be read or
// changed as a whole.
func (u *unit) flushAndEvict(h *batchHeader) error {
	delete(u.headers, h.ID)
	if !h.changed {
		return u.flush()
	}
	u.rows.Headers = append(u.rows.Headers, HeaderRow{Batch: h.Batch, ReadRevision: h.readRevision})
	return u.flush()
}

// sort puts the rows of the large tables into the order of their keys, in which writing them
// costs least.
func (r *Rows) sort() {
	slices.SortFunc(r.Jobs, func(a, b JobRow) int {
		return cmp.Or(cmp.Compare(a.BatchSeq, b.BatchSeq), cmp.Compare(a.Job.ID.Number, b.Job.ID.Number))
	})
	slices.SortFunc(r.Attempts, func(a, b AttemptRow) int {
		return cmp.Or(cmp.Compare(a.BatchSeq, b.BatchSeq), cmp.Compare(a.Number, b.Number))
	})
	slices.SortFunc(r.Events, func(a, b EventRow) int {
		return cmp.Or(cmp.Compare(a.BatchSeq, b.BatchSeq), cmp.Compare(a.Event.Job.Number, b.Event.Job.Number), cmp.Compare(a.Event.Version, b.Event.Version))
	})
	slices.SortStableFunc(r.PrincipalStarts, func(a, b StartsChange) int { return cmp.Compare(a.Of, b.Of) })
	slices.SortFunc(r.Headers, func(a, b HeaderRow) int { return cmp.Compare(a.Batch.Seq, b.Batch.Seq) })
	slices.SortFunc(r.ReadyBlocks, func(a, b ReadyBlockChange) int {
		return cmp.Or(cmp.Compare(a.BatchSeq, b.BatchSeq), cmp.Compare(a.Block, b.Block))
	})
	slices.SortFunc(r.Causes, func(a, b CauseChange) int {
		return cmp.Or(cmp.Compare(a.BatchSeq, b.BatchSeq), cmp.Compare(a.Cause, b.Cause))
	})
}

// wakeup returns the change that watchers and the dispatcher are told of after the commit.
func (u *unit) wakeup(b *job.Batch) *job.Change {
	c, ok := u.wakeups[b.ID]
	if !ok {
		c = &job.Change{BatchID: b.ID, AccountID: b.AccountID}
		u.wakeups[b.ID] = c
	}
	return c
}

func (u *unit) changes() []job.Change {
	var list []job.Change
	for _, id := range slices.Sorted(maps.Keys(u.wakeups)) {
		list = append(list, *u.wakeups[id])
	}
	return list
}

// ignoreMissing turns [job.ErrNotFound] into the zero value.
func ignoreMissing[T any](v T, err error) (T, error) {
	if errors.Is(err, job.ErrNotFound) {
		var zero T
		return zero, nil
	}
	return v, err
}

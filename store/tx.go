package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/stokerd/stoker/job"
)

// tx is the writer's transaction, shared by the members of a group. Each of
// them must find out everything it may object to before it writes: nothing
// takes back the first half of a write whose second half is refused.
type tx struct {
	ctx    context.Context // the writer's own, the same for every statement
	w      *writer
	heads  map[string]*head // batches read so far, by id
	bells  map[string]*job.Change
	blocks map[block]int64 // by how much their counts of ready jobs have changed
	broken error           // the first trouble of the database; ends the transaction
}

func newTx(ctx context.Context, w *writer) *tx {
	return &tx{ctx: ctx, w: w, heads: map[string]*head{}, bells: map[string]*job.Change{}, blocks: map[block]int64{}}
}

func (t *tx) stmt(ctx context.Context, text string) (*sql.Stmt, error) { return t.w.stmt(ctx, text) }

func (t *tx) fault(err error) error {
	err = interpret(err)
	if t.broken == nil {
		t.broken = err
	}
	return err
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(text string, args ...any) (int64, error) {
	stmt, err := t.stmt(t.ctx, text) //nolint:sqlclosecheck // the writer keeps it for the next time
	if err != nil {
		return 0, t.fault(err)
	}
	result, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, t.fault(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, t.fault(err)
	}
	return n, nil
}

// head is the part of a batch that changes with its jobs: state, counts,
// revision and times. It is read once and written once in a transaction,
// however many jobs move.
type head struct {
	job.Batch
	read    int64 // the revision it was read with
	changed bool
}

// head returns the batch with the given id for reading and changing. Whoever
// changes it sets changed.
func (t *tx) head(id string) (*head, error) {
	if h, ok := t.heads[id]; ok {
		return h, nil
	}
	const query = `
SELECT id, seq, account, state, state_reason, state_time, open, failure_limit, failures_forgiven,
       waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
       revision, start_time, finish_time
  FROM batches WHERE id = $1 AND deleted = 0`
	h, err := one(t.ctx, t, scanHead, query, id)
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w", id, err)
	}
	t.heads[id] = h
	return h, nil
}

func scanHead(r row) (*head, error) {
	var h head
	var limit text
	var state, start, finish stamp
	c := &h.Counts
	err := r.Scan(&h.ID, &h.Seq, &h.AccountID, (*string)(&h.State), &h.StateReason, &state, &h.Open, &limit, &h.FailuresForgiven,
		&c.Waiting, &c.Starting, &c.Queued, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelling, &c.Cancelled,
		&h.Revision, &start, &finish)
	if err != nil {
		return nil, err
	}
	h.StateTime, h.StartTime, h.FinishTime, h.read = state.time(), start.time(), finish.time(), h.Revision
	return &h, limit.decode(&h.FailureLimit)
}

// flush writes the heads and the blocks that changed.
func (t *tx) flush() error {
	if err := t.flushBlocks(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(t.heads)) {
		if err := t.flushHead(t.heads[id]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) flushHead(h *head) error {
	if !h.changed {
		return nil
	}
	const update = `
UPDATE batches
   SET state = $3, state_reason = $4, waiting = $5, starting = $6, queued = $7, running = $8, succeeded = $9,
       failed = $10, cancelling = $11, cancelled = $12, revision = $13, update_time = $14, start_time = $15, finish_time = $16,
       failures_forgiven = $17, state_time = $18
 WHERE seq = $1 AND revision = $2`
	c := h.Counts
	n, err := t.exec(update, h.Seq, h.read, string(h.State), h.StateReason,
		c.Waiting, c.Starting, c.Queued, c.Running, c.Succeeded, c.Failed, c.Cancelling, c.Cancelled,
		h.Revision, ms(h.UpdateTime), ms(h.StartTime), ms(h.FinishTime), h.FailuresForgiven, ms(h.StateTime))
	if err != nil {
		return err
	}
	if n == 0 {
		return t.fault(fmt.Errorf("batch %s: %w", h.ID, job.ErrConflict))
	}
	h.read, h.changed = h.Revision, false
	return nil
}

// forget writes what is known of a batch and has it read again.
func (t *tx) forget(h *head) error {
	delete(t.heads, h.ID)
	return t.flushHead(h)
}

// bell returns the change to ring for a batch after the commit.
func (t *tx) bell(h *head) *job.Change {
	c, ok := t.bells[h.ID]
	if !ok {
		c = &job.Change{BatchID: h.ID, AccountID: h.AccountID}
		t.bells[h.ID] = c
	}
	return c
}

func (t *tx) changes() []job.Change {
	var list []job.Change
	for _, id := range slices.Sorted(maps.Keys(t.bells)) {
		list = append(list, *t.bells[id])
	}
	return list
}

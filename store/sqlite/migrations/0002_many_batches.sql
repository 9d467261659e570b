-- +goose Up

-- An account may have ten thousand live batches, and any number that have ended.
-- What is asked again and again about the live ones is answered from an index
-- alone: their rows are wide, a recipe is in each. The columns after seq are there
-- for that.

DROP INDEX batches_dispatch;
CREATE INDEX batches_dispatch ON batches (
    account, priority DESC, seq, state,
    waiting, starting, queued, running, cancelling, succeeded, failed, cancelled
)
 WHERE state IN ('OPEN', 'ACTIVE') AND waiting > 0;

DROP INDEX batches_live;
CREATE INDEX batches_live ON batches (account, seq, waiting, update_time, finish_time) WHERE finish_time = 0;
-- Written when a batch ends, and hardly ever after that.
CREATE INDEX batches_ended ON batches (account, update_time) WHERE finish_time <> 0;

-- For lists of one state, the newest first.
CREATE INDEX batches_state ON batches (state, seq) WHERE deleted = 0;

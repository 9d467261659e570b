-- +goose Up

-- The batches of one principal, the newest first.
CREATE INDEX batches_creator ON batches (created_by, seq) WHERE deleted = 0;

-- Whose jobs are next is a part of what is asked again and again: a principal may have made all of its
-- starts of a day.
DROP INDEX batches_dispatch;
CREATE INDEX batches_dispatch ON batches (
    account, priority DESC, seq, state,
    waiting, starting, queued, running, cancelling, succeeded, failed, cancelled, created_by
)
 WHERE state IN ('OPEN', 'ACTIVE') AND waiting > 0;

-- Searches by key leave out the batches all of whose jobs have succeeded.
DROP INDEX batches_state;
CREATE INDEX batches_state ON batches (state, seq, cancelled) WHERE deleted = 0;

-- How many starts were made on the latest day on which there were any, of the batches that a principal has
-- submitted. day is when that day began.
CREATE TABLE principal_starts (
    principal TEXT    NOT NULL PRIMARY KEY,
    day       INTEGER NOT NULL,
    made      INTEGER NOT NULL CHECK (made >= 0)
) STRICT, WITHOUT ROWID;

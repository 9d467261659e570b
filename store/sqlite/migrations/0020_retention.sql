-- +goose Up

-- What has succeeded in batches that are gone, so that it is not encoded again. hash recognises a job:
-- see store.ResultKey. An encoding_id that is a UUID is kept as its 16 bytes: there may be
-- many millions of rows.
CREATE TABLE results (
    hash        BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 16),
    account     TEXT    NOT NULL,
    encoding_id ANY     NOT NULL,
    time        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Batches that were deleted, for a week after that. A submission that is repeated meanwhile makes no
-- second batch.
CREATE TABLE deleted_batches (
    seq          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    account      TEXT    NOT NULL,
    request_id   TEXT    NOT NULL,
    created_by   TEXT    NOT NULL,
    payload_hash BLOB    NOT NULL,
    delete_time  INTEGER NOT NULL
) STRICT;

CREATE INDEX deleted_batches_request ON deleted_batches (request_id, created_by) WHERE request_id <> '';
CREATE INDEX deleted_batches_time ON deleted_batches (delete_time);

-- When the batches of an account that are gone were last changed: what the platform holds from later is
-- unknown here. See unreconciled.
CREATE TABLE last_changes (
    account TEXT    NOT NULL PRIMARY KEY,
    time    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Written when a batch ends, and when it is deleted. It has all that retention asks.
CREATE INDEX batches_outcome ON batches (state, finish_time, seq, id, succeeded, failed, cancelled) WHERE finish_time <> 0 AND deleted = 0;

-- +goose Up

-- Since when the platform may hold encodings that this table does not know of: it may be
-- a backup that was put back. A row is written before anything else is, and goes
-- when the account has been compared with the platform.
CREATE TABLE unreconciled (
    account TEXT    NOT NULL PRIMARY KEY,
    since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Its condition is written as that of the query it is for, which SQLite compares word for
-- word; with = and OR as the checks are, see 0001.
DROP INDEX jobs_live;
CREATE INDEX jobs_live ON jobs (batch, number) WHERE state = 'STARTING' OR state = 'QUEUED' OR state = 'RUNNING' OR state = 'CANCELLING' OR step <> '' OR (state = 'WAITING' AND encoding_id <> '');

-- +goose Up

-- Since when the platform may hold encodings that this table does not know of: it may be
-- a backup that was put back. A row is written before anything else is, and goes
-- when the account has been compared with the platform.
CREATE TABLE unreconciled (
    account TEXT    NOT NULL PRIMARY KEY,
    since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

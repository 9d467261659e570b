-- +goose Up

-- What is kept of the secrets by which callers prove who they are. change is greater than that of
-- every token that was made or revoked before, so that a reader finds what is new. accounts is a
-- list as JSON; empty: all accounts. Rows are never deleted.
CREATE TABLE tokens (
    id            TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    change        INTEGER NOT NULL,
    name          TEXT    NOT NULL CHECK (name <> ''),
    hash          BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    role          TEXT    NOT NULL CHECK (role = 'viewer' OR role = 'submitter' OR role = 'operator' OR role = 'admin'),
    accounts      TEXT    NOT NULL,
    created_by    TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    expire_time   INTEGER NOT NULL,
    revoke_time   INTEGER NOT NULL,
    last_use_time INTEGER NOT NULL,
    CHECK (role <> 'admin' OR accounts = '')
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX tokens_change ON tokens (change);

-- The audit log. Ids grow in the order of the calls.
CREATE TABLE audit (
    id        INTEGER NOT NULL PRIMARY KEY,
    time      INTEGER NOT NULL,
    principal TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    method    TEXT    NOT NULL,
    target    TEXT    NOT NULL,
    outcome   TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    refused   INTEGER NOT NULL CHECK (refused >= 0)
) STRICT;

-- The one index that is worth a page more in each commit: few entries are about one target.
CREATE INDEX audit_target ON audit (target, id) WHERE target <> '';

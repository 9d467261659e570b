-- +goose Up

-- Where notifications are sent. events, accounts and keys are lists as JSON; empty: all accounts, no keys. keys say
-- from what the secrets of the endpoint are made; there is no secret in this file.
CREATE TABLE notification_endpoints (
    name              TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    url               TEXT    NOT NULL CHECK (url <> ''),
    events            TEXT    NOT NULL CHECK (events <> ''),
    accounts          TEXT    NOT NULL,
    allow_private     INTEGER NOT NULL CHECK (allow_private = 0 OR allow_private = 1),
    configured        INTEGER NOT NULL CHECK (configured = 0 OR configured = 1),
    keys              TEXT    NOT NULL,
    disabled          INTEGER NOT NULL CHECK (disabled = 0 OR disabled = 1),
    disabled_reason   TEXT    NOT NULL,
    disabled_time     INTEGER NOT NULL,
    failing_since     INTEGER NOT NULL,
    last_success_time INTEGER NOT NULL,
    created_by        TEXT    NOT NULL,
    create_time       INTEGER NOT NULL,
    update_time       INTEGER NOT NULL,
    CHECK (disabled = 1 OR disabled_time = 0)
) STRICT, WITHOUT ROWID;

-- The outbox: one message to one endpoint in each row, and what became of it. batch is 0 for the events of an account.
-- jobs counts the jobs that the event happened to, and numbers has the first of them, with commas between.
-- Further jobs join a row with joining = 1.
CREATE TABLE deliveries (
    seq         INTEGER NOT NULL PRIMARY KEY,
    id          TEXT    NOT NULL CHECK (id <> ''),
    endpoint    TEXT    NOT NULL CHECK (endpoint <> ''),
    event       TEXT    NOT NULL CHECK (event <> ''),
    account     TEXT    NOT NULL,
    batch_id    TEXT    NOT NULL,
    batch       INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    content     TEXT    NOT NULL,
    jobs        INTEGER NOT NULL CHECK (jobs >= 0),
    listed      INTEGER NOT NULL CHECK (listed >= 0),
    numbers     TEXT    NOT NULL,
    joining     INTEGER NOT NULL CHECK (joining = 0 OR joining = 1),
    create_time INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state = 'PENDING' OR state = 'DELIVERED' OR state = 'FAILED'),
    attempts    INTEGER NOT NULL CHECK (attempts >= 0),
    next_time   INTEGER NOT NULL,
    last_time   INTEGER NOT NULL,
    http_status INTEGER NOT NULL,
    problem     TEXT    NOT NULL,
    finish_time INTEGER NOT NULL,
    CHECK ((state = 'PENDING') = (finish_time = 0)),
    CHECK ((state = 'PENDING') = (next_time <> 0)),
    CHECK (joining = 0 OR state = 'PENDING')
) STRICT;

CREATE UNIQUE INDEX deliveries_joining ON deliveries (endpoint, batch, event) WHERE joining = 1;
CREATE INDEX deliveries_due ON deliveries (endpoint, next_time) WHERE state = 'PENDING';
CREATE INDEX deliveries_state ON deliveries (endpoint, state, seq);
CREATE INDEX deliveries_finished ON deliveries (finish_time) WHERE finish_time <> 0;

-- The accounts of which endpoints were told that the platform cannot be used.
CREATE TABLE unavailable_accounts (
    account TEXT    NOT NULL PRIMARY KEY,
    since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Up

-- Times are Unix milliseconds in UTC; 0 stands for "not yet". Structured values
-- nobody searches by are JSON. Empty text stands for "none".
--
-- Checks that a row passes again and again compare with = and OR: for an IN of three or
-- more SQLite makes a table in memory, each time, and that took a fourth of an insert.

PRAGMA application_id = 0x53746f6b; -- "Stok"

-- Facts about this file.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- seq is never used twice: what is left of a deleted batch must not turn up in a new one.
CREATE TABLE batches (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                TEXT    NOT NULL UNIQUE CHECK (id <> ''),
    deleted           INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    request_id        TEXT    NOT NULL,
    payload_hash      BLOB    NOT NULL,

    display_name      TEXT    NOT NULL,
    account           TEXT    NOT NULL,
    priority          INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 100),
    state             TEXT    NOT NULL CHECK (
        state = 'OPEN' OR state = 'ACTIVE' OR state = 'PAUSED' OR state = 'CANCELLING' OR state = 'SUCCEEDED' OR state = 'FAILED' OR state = 'CANCELLED'),
    state_reason      TEXT    NOT NULL,
    open              INTEGER NOT NULL CHECK (open IN (0, 1)),

    profile           TEXT    NOT NULL,
    recipe            TEXT    NOT NULL,
    template          TEXT    NOT NULL,
    input             TEXT    NOT NULL,
    output            TEXT    NOT NULL,
    retry             TEXT    NOT NULL,
    failure_limit     TEXT    NOT NULL,
    failures_forgiven INTEGER NOT NULL CHECK (failures_forgiven >= 0),
    labels            TEXT    NOT NULL,

    waiting           INTEGER NOT NULL CHECK (waiting >= 0),
    starting          INTEGER NOT NULL CHECK (starting >= 0),
    queued            INTEGER NOT NULL CHECK (queued >= 0),
    running           INTEGER NOT NULL CHECK (running >= 0),
    succeeded         INTEGER NOT NULL CHECK (succeeded >= 0),
    failed            INTEGER NOT NULL CHECK (failed >= 0),
    cancelling        INTEGER NOT NULL CHECK (cancelling >= 0),
    cancelled         INTEGER NOT NULL CHECK (cancelled >= 0),

    revision          INTEGER NOT NULL CHECK (revision >= 1),
    create_time       INTEGER NOT NULL,
    update_time       INTEGER NOT NULL,
    start_time        INTEGER NOT NULL,
    finish_time       INTEGER NOT NULL,

    CHECK ((finish_time <> 0) = (state = 'SUCCEEDED' OR state = 'FAILED' OR state = 'CANCELLED'))
) STRICT;

CREATE UNIQUE INDEX batches_request ON batches (request_id) WHERE request_id <> '';
-- What the dispatcher chooses from, in its order.
CREATE INDEX batches_dispatch ON batches (account, priority DESC, seq) WHERE state IN ('OPEN', 'ACTIVE') AND waiting > 0;
CREATE INDEX batches_live ON batches (account, seq) WHERE finish_time = 0;
CREATE INDEX batches_cancelling ON batches (seq) WHERE state = 'CANCELLING';
CREATE INDEX batches_deleted ON batches (seq) WHERE deleted = 1;

CREATE TABLE batch_labels (
    name  TEXT    NOT NULL,
    value TEXT    NOT NULL,
    batch INTEGER NOT NULL REFERENCES batches (seq),
    PRIMARY KEY (name, value, batch)
) STRICT, WITHOUT ROWID;

CREATE INDEX batch_labels_batch ON batch_labels (batch);

-- batch is batches.seq. Which moves of state are allowed is held by the trigger
-- jobs_transition, which is made from the table in package job.
CREATE TABLE jobs (
    batch             INTEGER NOT NULL REFERENCES batches (seq),
    number            INTEGER NOT NULL CHECK (number >= 1),

    key               TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    input_path        TEXT    NOT NULL,
    output_path       TEXT    NOT NULL,
    variables         TEXT    NOT NULL,

    state             TEXT    NOT NULL CHECK (
        state = 'WAITING' OR state = 'STARTING' OR state = 'QUEUED' OR state = 'RUNNING' OR state = 'SUCCEEDED' OR state = 'FAILED' OR state = 'CANCELLING' OR state = 'CANCELLED'),
    version           INTEGER NOT NULL CHECK (version >= 1),
    revision          INTEGER NOT NULL CHECK (revision >= 1),
    step              TEXT    NOT NULL CHECK (step = '' OR step = 'CREATE' OR step = 'START' OR step = 'STOP'),
    step_time         INTEGER NOT NULL,
    attempt           INTEGER NOT NULL CHECK (attempt >= 0),
    failures          INTEGER NOT NULL CHECK (failures >= 0),
    encoding_id       TEXT    NOT NULL,
    manifests         TEXT    NOT NULL,
    regions           INTEGER NOT NULL CHECK (regions >= 0),
    stale_mark        TEXT    NOT NULL,
    progress          INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100),

    next_attempt_time INTEGER NOT NULL,
    create_time       INTEGER NOT NULL,
    update_time       INTEGER NOT NULL,
    start_time        INTEGER NOT NULL,
    queued_time       INTEGER NOT NULL,
    running_time      INTEGER NOT NULL,
    finish_time       INTEGER NOT NULL,

    failure           TEXT,
    reason            TEXT    NOT NULL,

    PRIMARY KEY (batch, number),
    CHECK ((finish_time <> 0) = (state = 'SUCCEEDED' OR state = 'FAILED' OR state = 'CANCELLED')),
    CHECK (step = '' OR step_time <> 0)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX jobs_key ON jobs (batch, key) WHERE key <> '';
CREATE INDEX jobs_state ON jobs (batch, state, number);
-- A query has to repeat the condition of a partial index. Conditions on a column
-- that queries search by a range are written with <>: were they ranges as well,
-- SQLite might search by the one of the index, and walk through all of it.

-- Jobs that may be started at once, and those that wait out a back-off.
CREATE INDEX jobs_ready ON jobs (batch, number) WHERE state = 'WAITING' AND next_attempt_time = 0;
CREATE INDEX jobs_backoff ON jobs (batch, next_attempt_time, number) WHERE state = 'WAITING' AND next_attempt_time <> 0;
-- Jobs that have, or may have, something at the platform.
CREATE INDEX jobs_live ON jobs (batch, number) WHERE state IN ('STARTING', 'QUEUED', 'RUNNING', 'CANCELLING') OR step <> '' OR (state = 'WAITING' AND encoding_id <> '');
-- Revision 1 is the submission: a watcher's first snapshot shows it.
CREATE INDEX jobs_revision ON jobs (batch, revision) WHERE revision <> 1;
CREATE INDEX jobs_encoding ON jobs (encoding_id) WHERE encoding_id <> '';

CREATE TABLE attempts (
    batch        INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    attempt      INTEGER NOT NULL CHECK (attempt >= 1),
    encoding_id  TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('FAILED', 'CANCELLED')),
    start_time   INTEGER NOT NULL,
    queued_time  INTEGER NOT NULL,
    running_time INTEGER NOT NULL,
    finish_time  INTEGER NOT NULL,
    failure      TEXT,
    PRIMARY KEY (batch, number, attempt),
    FOREIGN KEY (batch, number) REFERENCES jobs (batch, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_encoding ON attempts (encoding_id) WHERE encoding_id <> '';

-- One row per change of state. version is the job's version after it.
CREATE TABLE events (
    batch      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 2),
    time       INTEGER NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    attempt    INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    PRIMARY KEY (batch, number, version),
    FOREIGN KEY (batch, number) REFERENCES jobs (batch, number)
) STRICT, WITHOUT ROWID;

-- Encodings nobody needs, to be deleted at the platform.
CREATE TABLE orphans (
    account     TEXT    NOT NULL,
    encoding_id TEXT    NOT NULL CHECK (encoding_id <> ''),
    create_time INTEGER NOT NULL,
    PRIMARY KEY (account, encoding_id)
) STRICT, WITHOUT ROWID;

-- Inputs, outputs and codec configurations at the platform, by their content.
CREATE TABLE resources (
    account     TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    hash        TEXT    NOT NULL,
    remote_id   TEXT    NOT NULL CHECK (remote_id <> ''),
    update_time INTEGER NOT NULL,
    PRIMARY KEY (account, kind, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id            TEXT    NOT NULL PRIMARY KEY,
    paused        INTEGER NOT NULL CHECK (paused IN (0, 1)),
    paused_reason TEXT    NOT NULL,
    queue_target  INTEGER NOT NULL CHECK (queue_target >= 0),
    update_time   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

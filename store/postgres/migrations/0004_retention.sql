-- +goose Up

CREATE TABLE results (
    hash        bytea  NOT NULL PRIMARY KEY CHECK (length(hash) = 16),
    account     text   COLLATE "C" NOT NULL,
    encoding_id text   COLLATE "C" NOT NULL,
    time        bigint NOT NULL
);

CREATE TABLE deleted_batches (
    seq          bigint NOT NULL PRIMARY KEY,
    id           text   COLLATE "C" NOT NULL UNIQUE,
    account      text   COLLATE "C" NOT NULL,
    request_id   text   COLLATE "C" NOT NULL,
    created_by   text   COLLATE "C" NOT NULL,
    payload_hash bytea  NOT NULL,
    delete_time  bigint NOT NULL
);

CREATE INDEX deleted_batches_request ON deleted_batches (request_id, created_by) WHERE request_id <> '';
CREATE INDEX deleted_batches_time ON deleted_batches (delete_time);

CREATE TABLE last_changes (
    account text   COLLATE "C" NOT NULL PRIMARY KEY,
    time    bigint NOT NULL
);

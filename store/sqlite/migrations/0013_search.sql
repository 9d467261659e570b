-- +goose Up

-- What jobs are searched by, in the order of their submission: a row has the texts of the jobs from
-- first_number on, at most 256 that were inserted together, each text behind the other. It is read
-- by a search and nothing else, and never changed. The next step makes the rows of the jobs there
-- are, in Go: texts are in lower case, and SQLite knows that of ASCII only.
CREATE TABLE job_texts (
    batch        INTEGER NOT NULL REFERENCES batches (seq),
    first_number INTEGER NOT NULL CHECK (first_number >= 1),
    texts        TEXT    NOT NULL,
    PRIMARY KEY (batch, first_number)
) STRICT;

-- Lists and searches walk through the batches, the newest first, without reading their wide rows.
CREATE INDEX batches_list ON batches (seq, account, display_name) WHERE deleted = 0;

-- Whether the queue target of an account is automatic.
ALTER TABLE accounts ADD COLUMN auto_target INTEGER NOT NULL DEFAULT 0 CHECK (auto_target IN (0, 1));

-- As jobs.regions was during the attempt; -1 if nobody noted it.
ALTER TABLE attempts ADD COLUMN regions INTEGER NOT NULL DEFAULT -1 CHECK (regions >= -1);

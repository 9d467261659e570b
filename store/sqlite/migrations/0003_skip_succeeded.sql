-- +goose Up

-- A batch may leave out jobs that have succeeded in an earlier one.

ALTER TABLE batches ADD COLUMN skip_succeeded INTEGER NOT NULL DEFAULT 0 CHECK (skip_succeeded IN (0, 1));
ALTER TABLE batches ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0 CHECK (skipped >= 0);

-- The keys a batch has left out: once left out, a job stays so when it is added again.
CREATE TABLE skipped (
    batch INTEGER NOT NULL REFERENCES batches (seq),
    key   TEXT    NOT NULL CHECK (key <> ''),
    PRIMARY KEY (batch, key)
) STRICT, WITHOUT ROWID;

-- Written once for each job, when it succeeds. The output path is in it for keys such
-- as 1, 2, 3, which every batch may have.
CREATE INDEX jobs_succeeded ON jobs (key, output_path) WHERE state = 'SUCCEEDED' AND key <> '';

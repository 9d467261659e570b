-- +goose Up

-- The cause of a job's failure, as it is in the failure; empty without one. Only jobs with a cause have
-- an entry in the index.
--
-- Failures of before have no cause yet, and causes no count. The next step makes them, in Go: a
-- cause is a hash.
ALTER TABLE jobs ADD COLUMN cause TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_cause ON jobs (batch, cause, state, number) WHERE cause <> '';

-- How many FAILED jobs of a batch failed of each cause. A cause of no such job has no row.
CREATE TABLE failure_causes (
    batch INTEGER NOT NULL REFERENCES batches (seq),
    cause TEXT    NOT NULL,
    jobs  INTEGER NOT NULL,
    PRIMARY KEY (batch, cause)
) STRICT, WITHOUT ROWID;

-- The most frequent ones first.
CREATE INDEX failure_causes_jobs ON failure_causes (batch, jobs DESC, cause);

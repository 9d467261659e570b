-- +goose Up

-- No two jobs of a batch write to one place. What keeps them from it is their output paths
-- (0), something else that a template puts into where they write to (1), or that there is
-- one alone (2). Of the templates there are nobody has said which it is.
ALTER TABLE batches ADD COLUMN told_apart_by INTEGER NOT NULL DEFAULT 0 CHECK (told_apart_by IN (0, 1, 2));
UPDATE batches SET told_apart_by = 1 WHERE template <> '';

-- Where a job that was left out has written to in the batch before; empty: not known.
ALTER TABLE skipped ADD COLUMN output_path TEXT NOT NULL DEFAULT '';

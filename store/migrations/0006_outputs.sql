-- +goose Up

-- No two jobs of a batch write to one place, except where a template puts more into that
-- than the output path. Of the templates there are nobody has said whether they do.
ALTER TABLE batches ADD COLUMN shared_outputs INTEGER NOT NULL DEFAULT 0 CHECK (shared_outputs IN (0, 1));
UPDATE batches SET shared_outputs = 1 WHERE template <> '';

-- Where a job that was left out has written to in the batch before; empty: not known.
ALTER TABLE skipped ADD COLUMN output_path TEXT NOT NULL DEFAULT '';

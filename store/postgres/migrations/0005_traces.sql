-- +goose Up

ALTER TABLE batches ADD COLUMN call_id      text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE batches ADD COLUMN trace_parent text COLLATE "C" NOT NULL DEFAULT '';

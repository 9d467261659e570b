-- +goose Up

-- The id and the trace of the call that submitted a batch: what is done for its jobs later is linked to them.
ALTER TABLE batches ADD COLUMN call_id      TEXT NOT NULL DEFAULT '';
ALTER TABLE batches ADD COLUMN trace_parent TEXT NOT NULL DEFAULT '';

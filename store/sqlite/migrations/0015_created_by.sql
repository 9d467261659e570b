-- +goose Up

-- Who submitted a batch: the name of a principal. Batches from before anybody was asked who they
-- are belong to 'local'. A request id is one of who submitted with it.
ALTER TABLE batches ADD COLUMN created_by TEXT NOT NULL DEFAULT 'local';

DROP INDEX batches_request;
CREATE UNIQUE INDEX batches_request ON batches (request_id, created_by) WHERE request_id <> '';

-- +goose Up

-- The platform's word for the status of a job's encoding while that is one that nobody
-- knows, and since when.
ALTER TABLE jobs ADD COLUMN platform_status      TEXT    NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN platform_status_time INTEGER NOT NULL DEFAULT 0;

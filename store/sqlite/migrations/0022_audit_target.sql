-- +goose Up

-- The index by target cost a page more in each commit: a third of what an entry costs the call that it is about.
-- Entries about a target are found by reading the log from the end, as those of a principal are: a million of them in
-- half a second, and about a batch none that are older than the batch.
DROP INDEX IF EXISTS audit_target;

-- +goose Up

CREATE INDEX batches_creator ON batches (created_by, seq) WHERE NOT deleted;

CREATE TABLE principal_starts (
    principal text   COLLATE "C" NOT NULL PRIMARY KEY,
    day       bigint NOT NULL,
    made      bigint NOT NULL CHECK (made >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

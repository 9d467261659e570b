-- +goose Up

-- The processes that work on the table. A row that is not renewed is that of a process that has ended.
CREATE TABLE replicas (
    holder  text        COLLATE "C" NOT NULL PRIMARY KEY,
    address text        COLLATE "C" NOT NULL,
    version text        COLLATE "C" NOT NULL,
    since   timestamptz NOT NULL,
    seen    timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The status of each account as the process that drives it has published it last, in JSON.
CREATE TABLE account_status (
    account   text        COLLATE "C" NOT NULL PRIMARY KEY,
    published timestamptz NOT NULL,
    status    bytea       NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Of the lease that one process had on the whole table. A Stoker of before takes no notice of leases of accounts.
DELETE FROM leases WHERE name = '*';
UPDATE meta SET value = '6' WHERE name = 'compatible_from';

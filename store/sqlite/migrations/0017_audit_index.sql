-- +goose Up

-- Some files of version 16 have an index that costs a page more in each commit of the audit log.
DROP INDEX IF EXISTS audit_principal;

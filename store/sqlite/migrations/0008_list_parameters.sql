-- +goose Up

-- Query parameters of lists that do not work as documented at an account's platform, so
-- that the next process need not find that out again.
CREATE TABLE list_parameters (
    account TEXT    NOT NULL,
    name    TEXT    NOT NULL CHECK (name <> ''),
    fault   TEXT    NOT NULL CHECK (fault IN ('REFUSED', 'UNANSWERED', 'IGNORED', 'MISSES')),
    time    INTEGER NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

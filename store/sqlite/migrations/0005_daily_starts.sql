-- +goose Up

-- How many starts an account has made on the latest day on which it made any. day is when
-- that day began.
CREATE TABLE daily_starts (
    account  TEXT    NOT NULL PRIMARY KEY,
    day      INTEGER NOT NULL,
    made     INTEGER NOT NULL CHECK (made >= 0),
    forgiven INTEGER NOT NULL CHECK (forgiven >= 0)
) STRICT, WITHOUT ROWID;

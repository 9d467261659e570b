-- +goose Up

-- How many jobs of a batch are ready (WAITING, and not waiting out a back-off) among each
-- 256 numbers, block 0 holding the numbers 1 to 256. They tell how many jobs go before one
-- without walking through these. A block without a row has none.
CREATE TABLE ready_blocks (
    batch INTEGER NOT NULL REFERENCES batches (seq),
    block INTEGER NOT NULL CHECK (block >= 0),
    ready INTEGER NOT NULL,
    PRIMARY KEY (batch, block)
) STRICT, WITHOUT ROWID;

INSERT INTO ready_blocks (batch, block, ready)
SELECT batch, (number - 1) / 256, count(*)
  FROM jobs
 WHERE state = 'WAITING' AND next_attempt_time = 0
 GROUP BY batch, (number - 1) / 256;

-- Since when a batch is in its state, and an account is paused; 0 if that was before
-- anybody noted it.
ALTER TABLE batches ADD COLUMN state_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN paused_time INTEGER NOT NULL DEFAULT 0;

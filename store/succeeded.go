package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/stokerd/stoker/job"
)

// succeededChunk is how many jobs one question is about.
const succeededChunk = 500

const succeededJobs = `
SELECT k.key, j.batch, j.input_path, j.variables
  FROM json_each($1) AS k
 CROSS JOIN jobs AS j INDEXED BY jobs_succeeded
    ON j.key = k.value ->> 0 AND j.output_path = k.value ->> 1 AND j.state = 'SUCCEEDED' AND j.key <> ''`

// success is a job that succeeded and has the key and output path of one that is
// asked about.
type success struct {
	index     int // of the latter
	batch     int64
	inputPath string
	variables map[string]string
}

func scanSuccess(r row) (s success, err error) {
	var variables text
	if err := r.Scan(&s.index, &s.batch, &s.inputPath, &variables); err != nil {
		return s, err
	}
	return s, variables.decode(&s.variables)
}

// succeeded tells which of the jobs, all of them for b, have succeeded in a batch that
// encodes like b. What it costs grows with their number and that of their successes,
// not with the table.
func succeeded(ctx context.Context, q querier, b job.Batch, jobs []job.Spec) (map[int]bool, error) {
	done := map[int]bool{}
	like := map[int64]bool{} // whether a batch encodes like b, by seq
	want := work(b)
	for first := 0; first < len(jobs); first += succeededChunk {
		chunk := jobs[first:min(first+succeededChunk, len(jobs))]
		asked := make([][2]string, len(chunk))
		for i, j := range chunk {
			asked[i] = [2]string{j.Key, j.OutputPath}
		}
		list, err := all(ctx, q, scanSuccess, succeededJobs, encode(asked))
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			if j := chunk[s.index]; done[first+s.index] || s.inputPath != j.InputPath || !maps.Equal(s.variables, j.Variables) {
				continue
			}
			if _, known := like[s.batch]; !known {
				got, err := workOf(ctx, q, s.batch)
				if err != nil {
					return nil, err
				}
				like[s.batch] = got == want
			}
			if like[s.batch] {
				done[first+s.index] = true
			}
		}
	}
	return done, nil
}

// work is what the jobs of a batch have in common that decides what comes out of
// them, in a form that can be compared. How a recipe or template is called is no
// part of it.
func work(b job.Batch) string {
	var template job.Template
	if b.Template != nil {
		template = *b.Template
		template.Name = ""
	}
	recipe := json.RawMessage(encodePointer(b.Recipe))
	if b.Recipe == nil {
		recipe = nil
	}
	return encode(struct {
		Account       string
		Recipe        json.RawMessage
		Template      job.Template
		Input, Output job.StorageRef
	}{b.AccountID, recipe, template, b.Input, b.Output})
}

// workOf is the work of a batch that is stored; that of a deleted one is like no other.
func workOf(ctx context.Context, q querier, seq int64) (string, error) {
	const query = `SELECT ` + batchColumns + ` FROM batches WHERE seq = $1 AND deleted = 0`
	b, err := one(ctx, q, scanBatch, query, seq)
	if errors.Is(err, job.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return work(b), nil
}

// CountSucceeded counts the jobs that a batch like b would leave out if it were submitted
// now: those that have succeeded already. It is 0 without SkipSucceeded.
func (s *Store) CountSucceeded(ctx context.Context, b job.Batch, jobs []job.Spec) (int64, error) {
	if !b.SkipSucceeded {
		return 0, nil
	}
	var done map[int]bool
	err := s.reader.snap(ctx, func(q snapshot) (err error) {
		done, err = succeeded(ctx, q, b, jobs)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for jobs that have succeeded: %w", err)
	}
	return int64(len(done)), nil
}

// leaveOut parts the jobs that are new to a batch from those it leaves
// out: all that have succeeded elsewhere, and all that it has left out before.
func (t *tx) leaveOut(b job.Batch, jobs []job.Spec) (fresh, left []job.Spec, err error) {
	if !b.SkipSucceeded {
		return jobs, nil, nil
	}
	done, err := succeeded(t.ctx, t, b, jobs)
	if err != nil {
		return nil, nil, err
	}
	const query = `SELECT k.value FROM json_each($2) AS k CROSS JOIN skipped AS s ON s.batch = $1 AND s.key = k.value`
	keys := make([]string, len(jobs))
	for i, j := range jobs {
		keys[i] = j.Key
	}
	list, err := all(t.ctx, t, scalar[string], query, b.Seq, encode(keys))
	if err != nil {
		return nil, nil, err
	}
	before := make(map[string]bool, len(list))
	for _, key := range list {
		before[key] = true
	}
	for i, j := range jobs {
		if done[i] || before[j.Key] {
			left = append(left, j)
		} else {
			fresh = append(fresh, j)
		}
	}
	return fresh, left, nil
}

// writeSkipped keeps the keys and output paths of jobs a batch has left out, and returns
// how many of the keys it did not have.
func (t *tx) writeSkipped(seq int64, left []job.Spec) (int64, error) {
	if len(left) == 0 {
		return 0, nil
	}
	pairs := make([][2]string, len(left))
	for i, j := range left {
		pairs[i] = [2]string{j.Key, j.OutputPath}
	}
	const insert = `INSERT OR IGNORE INTO skipped (batch, key, output_path) SELECT $1, value ->> 0, value ->> 1 FROM json_each($2)`
	n, err := t.exec(insert, seq, encode(pairs))
	if err != nil || n == 0 {
		return 0, err
	}
	_, err = t.exec(`UPDATE batches SET skipped = skipped + $2 WHERE seq = $1`, seq, n)
	return n, err
}

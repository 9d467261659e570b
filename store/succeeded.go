package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/stokerd/stoker/job"
)

// succeededPerQuery is how many jobs one query is about.
const succeededPerQuery = 500

// succeededJobs tells which of the jobs, all of them for b, have succeeded in a batch that
// encodes like b, whether that batch is still there or not. The cost grows with their number and
// that of their successes, not with the table.
func succeededJobs(ctx context.Context, r Reader, b job.Batch, jobs []job.Spec) (map[int]bool, error) {
	done := map[int]bool{}
	like := map[int64]bool{} // whether a batch encodes like b, by seq
	want, keyOf := encodeKey(b), resultKeys(b)
	for first := 0; first < len(jobs); first += succeededPerQuery {
		chunk := jobs[first:min(first+succeededPerQuery, len(jobs))]
		list, err := r.SucceededJobs(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			if j := chunk[s.Index]; done[first+s.Index] || s.InputPath != j.InputPath || !maps.Equal(s.Variables, j.Variables) {
				continue
			}
			if _, known := like[s.BatchSeq]; !known {
				got, err := encodeKeyOf(ctx, r, s.BatchSeq)
				if err != nil {
					return nil, err
				}
				like[s.BatchSeq] = got == want
			}
			if like[s.BatchSeq] {
				done[first+s.Index] = true
			}
		}
		keys := make([]ResultKey, len(chunk))
		for i, j := range chunk {
			keys[i] = keyOf(j)
		}
		found, err := r.FindResults(ctx, keys)
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			done[first+i] = true
		}
	}
	return done, nil
}

// encodeKey is everything that the jobs of a batch have in common and that decides their output,
// in a form that can be compared. The name of a recipe or template is no part of it.
func encodeKey(b job.Batch) string {
	var template job.Template
	if b.Template != nil {
		template = *b.Template
		template.Name, template.AllowUnknown = "", false
		template.Variables = defaultsOnly(template.Variables)
	}
	key, err := json.Marshal(struct {
		Account       string
		Recipe        *job.Recipe
		Template      job.Template
		Input, Output job.StorageRef
	}{b.AccountID, b.Recipe, template, b.Input, b.Output})
	if err != nil { // values of package job always have a JSON form
		panic(fmt.Sprintf("store: encode the key of batch %s: %v", b.ID, err))
	}
	return string(key)
}

// defaultsOnly is what declared variables decide about the output of a job that leaves them out.
func defaultsOnly(declared map[string]job.TemplateVariable) map[string]job.TemplateVariable {
	var kept map[string]job.TemplateVariable
	for name, v := range declared {
		if v.Default == nil || *v.Default == "" {
			continue
		}
		if kept == nil {
			kept = map[string]job.TemplateVariable{}
		}
		kept[name] = job.TemplateVariable{Default: v.Default}
	}
	return kept
}

// encodeKeyOf is the key of a batch that has jobs, also of one that was deleted and is not removed yet.
func encodeKeyOf(ctx context.Context, r SuccessReader, seq int64) (string, error) {
	b, err := r.AnyBatch(ctx, seq)
	if errors.Is(err, job.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return encodeKey(b), nil
}

// CountSucceeded counts the jobs that a batch like b would skip if it were submitted
// now: those that have succeeded already. It is 0 without SkipSucceeded.
func (s *Store) CountSucceeded(ctx context.Context, b job.Batch, jobs []job.Spec) (int64, error) {
	if !b.SkipSucceeded {
		return 0, nil
	}
	done, err := findSucceeded(ctx, s.engine, b, jobs)
	return int64(len(done)), err
}

// findSucceeded tells which of the jobs a batch like b skips, by their index. It is asked ahead of the
// transaction that stores the jobs, so that other writes go on meanwhile: what has succeeded stays so.
func findSucceeded(ctx context.Context, engine Engine, b job.Batch, jobs []job.Spec) (done map[int]bool, err error) {
	if !b.SkipSucceeded {
		return nil, nil
	}
	err = engine.Snapshot(ctx, func(r Reader) (err error) {
		done, err = succeededJobs(ctx, r, b, jobs)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for jobs that have succeeded: %w", err)
	}
	return done, nil
}

// findSucceededOf is [findSucceeded] for jobs that are to be added to a batch. One that does not exist skips
// nothing.
func findSucceededOf(ctx context.Context, engine Engine, batchID string, jobs []job.Spec) (map[int]bool, error) {
	b, err := engine.Batch(ctx, batchID)
	if err != nil {
		_, err = ignoreMissing(b, err)
		return nil, err
	}
	return findSucceeded(ctx, engine, b, jobs)
}

// skipSucceeded parts the jobs that are new to a batch from those it skips: all that have
// succeeded elsewhere, as done says by index, and all that it has skipped before.
func (u *unit) skipSucceeded(b job.Batch, jobs []job.Spec, done map[int]bool) (fresh, skipped []job.Spec, err error) {
	if !b.SkipSucceeded {
		return jobs, nil, nil
	}
	before := map[string]bool{}
	for chunk := range slices.Chunk(jobs, keysPerQuery) {
		keys := make([]string, len(chunk))
		for i, j := range chunk {
			keys[i] = j.Key
		}
		list, err := u.tx.SkippedKeys(u.ctx, b.Seq, keys)
		if err != nil {
			return nil, nil, err
		}
		for _, key := range list {
			before[key] = true
		}
	}
	for i, j := range jobs {
		if done[i] || before[j.Key] {
			skipped = append(skipped, j)
		} else {
			fresh = append(fresh, j)
		}
	}
	return fresh, skipped, nil
}

// insertSkipped keeps the keys and output paths of jobs a batch has skipped, and returns
// how many of the keys it did not have.
func (u *unit) insertSkipped(batchSeq int64, jobs []job.Spec) (int64, error) {
	if len(jobs) == 0 {
		return 0, nil
	}
	return u.tx.InsertSkipped(u.ctx, batchSeq, jobs)
}

package store

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/stokerd/stoker/job"
)

// maxViolations is how many violations an error lists; it counts the others.
const maxViolations = 100

// toldApart refuses jobs for a batch of which its distinction does not say that they write
// somewhere else. fresh are those of the request's jobs whose keys are new to the batch.
func (t *tx) toldApart(b job.Batch, jobs, fresh []job.Spec) error {
	switch b.DistinctBy {
	case job.ByOutputPath:
		return t.distinct(b.Seq, b.ID, jobs, fresh)
	case job.ByNothing:
		if have := b.Counts.Total() + b.Skipped; have+int64(len(fresh)) > 1 && len(fresh) > 0 {
			first := positions(jobs, fresh)[max(0, 1-have)]
			return &job.InvalidError{Violations: []job.Violation{{
				Field:   fmt.Sprintf("jobs[%d].output_path", first),
				Message: "the batch's template writes to the same place for every job, which would overwrite each other; it is for one job alone",
			}}}
		}
	}
	return nil
}

// distinct refuses jobs for a batch that would write to where another one writes: one of
// the batch, one of the same request, or one that the batch has left out because it has
// succeeded. fresh are those of the request's jobs whose keys are new to the batch.
func (t *tx) distinct(seq int64, batchID string, jobs, fresh []job.Spec) error {
	have, err := t.outputs(seq)
	if err != nil {
		return err
	}
	suspects := t.w.outputs.suspects(have, fresh)
	if len(suspects) == 0 {
		return nil
	}
	at := positions(jobs, fresh)
	var wrong job.InvalidError
	first := map[string]int64{} // by path, of the request
	for _, s := range suspects {
		if len(wrong.Violations) == maxViolations {
			wrong.More++ // most likely: nobody looks any more
			continue
		}
		path := fresh[s.number()].OutputPath
		writer := ""
		if earlier, taken := first[path]; taken {
			writer = fmt.Sprintf("is written to by jobs[%d] already", at[earlier])
		} else {
			first[path] = s.number()
			if writer, err = t.writerOf(seq, batchID, have.with(s.hash()), fresh[s.number()]); err != nil {
				return err
			}
		}
		if writer != "" {
			wrong.Violations = append(wrong.Violations, job.Violation{
				Field:   fmt.Sprintf("jobs[%d].output_path", at[s.number()]),
				Message: fmt.Sprintf("%q %s; one would overwrite the other", path, writer),
			})
		}
	}
	if len(wrong.Violations) == 0 {
		return nil // paths with the same hash
	}
	return &wrong
}

// suspects are the jobs whose paths have the hash of another one's, with their indexes
// for numbers, in that order.
func (o *outputs) suspects(have *batchOutputs, jobs []job.Spec) []output {
	list := o.sorted(jobs, -1)
	var found []output
	at := 0 // in what the batch has: both lists are sorted
	for i, s := range list {
		further, _ := slices.BinarySearch(have.list[at:], s.hash())
		at += further
		known := at < len(have.list) && have.list[at].hash() == s.hash()
		if known || i > 0 && list[i-1].hash() == s.hash() || i+1 < len(list) && list[i+1].hash() == s.hash() {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b output) int { return cmp.Compare(a.number(), b.number()) })
	return found
}

// writerOf says who writes to the path of a job, if one of those with its hash does.
func (t *tx) writerOf(seq int64, batchID string, candidates []output, j job.Spec) (string, error) {
	type owner struct {
		number int64
		key    string
	}
	scan := func(r row) (o owner, err error) {
		err = r.Scan(&o.number, &o.key)
		return o, err
	}
	const ofJob = `SELECT number, key FROM jobs WHERE batch = $1 AND number BETWEEN $2 AND $3 AND output_path = $4 LIMIT 1`
	const ofSkipped = `SELECT 0, key FROM skipped WHERE batch = $1 AND output_path = $2 AND key <> $3 LIMIT 1`
	for _, c := range candidates {
		var o owner
		var err error
		switch n := c.number(); n {
		case 0:
			o, err = one(t.ctx, t, scan, ofSkipped, seq, j.OutputPath, j.Key)
		case farNumber:
			o, err = one(t.ctx, t, scan, ofJob, seq, n, int64(math.MaxInt64), j.OutputPath)
		default:
			o, err = one(t.ctx, t, scan, ofJob, seq, n, n, j.OutputPath)
		}
		switch id := (job.ID{Batch: batchID, Number: o.number}); {
		case errors.Is(err, job.ErrNotFound):
		case err != nil:
			return "", err
		case o.number == 0:
			return fmt.Sprintf("is where key %q has been written to, which this batch leaves out", o.key), nil
		case o.key == "":
			return fmt.Sprintf("is written to by job %s already", id), nil
		default:
			return fmt.Sprintf("is written to by job %s, key %q, already", id, o.key), nil
		}
	}
	return "", nil
}

// positions says which of jobs each of fresh is: fresh are some of them, in their order.
func positions(jobs, fresh []job.Spec) []int {
	at := make([]int, 0, len(fresh))
	for i, j := range jobs {
		if n := len(at); n < len(fresh) && j.Key == fresh[n].Key && j.OutputPath == fresh[n].OutputPath {
			at = append(at, i)
		}
	}
	return at
}

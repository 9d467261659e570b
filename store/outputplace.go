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

// checkOutputPlaces refuses jobs for a batch, unless the batch's distinction says that they write
// to places of their own. fresh are the jobs of the request with keys that are new to the batch.
func (u *unit) checkOutputPlaces(b job.Batch, jobs, fresh []job.Spec) error {
	switch b.DistinctBy {
	case job.ByOutputPath:
		return u.checkOutputPaths(b, jobs, fresh)
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

// checkOutputPaths refuses jobs for a batch that would write to the place of another job: one of
// the batch, one of the same request, or one that the batch has skipped because it has
// succeeded. fresh are the jobs of the request with keys that are new to the batch.
func (u *unit) checkOutputPaths(b job.Batch, jobs, fresh []job.Spec) error {
	have, err := u.currentOutputs(b.Seq, b.Skipped)
	if err != nil {
		return err
	}
	suspects := u.outputs.findSuspects(have, fresh)
	if len(suspects) == 0 {
		return nil
	}
	at := positions(jobs, fresh)
	var wrong job.InvalidError
	first := map[string]int64{} // by path, of the request
	for _, s := range suspects {
		if len(wrong.Violations) == maxViolations {
			wrong.More++ // most likely: the table is not asked about so many
			continue
		}
		path := fresh[s.number()].OutputPath
		owner := ""
		if earlier, taken := first[path]; taken {
			owner = fmt.Sprintf("is written to by jobs[%d] already", at[earlier])
		} else {
			first[path] = s.number()
			if owner, err = u.describeOwner(b.Seq, b.ID, have.withHash(s.hash()), fresh[s.number()]); err != nil {
				return err
			}
		}
		if owner != "" {
			wrong.Violations = append(wrong.Violations, job.Violation{
				Field:   fmt.Sprintf("jobs[%d].output_path", at[s.number()]),
				Message: fmt.Sprintf("%q %s; one would overwrite the other", path, owner),
			})
		}
	}
	if len(wrong.Violations) == 0 {
		return nil // paths with the same hash
	}
	return &wrong
}

// findSuspects returns the jobs with a path that has the hash of another job's path. Their numbers
// are their indexes, in ascending order.
func (o *outputIndex) findSuspects(have *batchOutputs, jobs []job.Spec) []output {
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

// describeOwner says which of the candidates writes to the path of a job; empty if none does.
func (u *unit) describeOwner(seq int64, batchID string, candidates []output, j job.Spec) (string, error) {
	for _, c := range candidates {
		var number int64
		var key string
		var err error
		switch n := c.number(); n {
		case 0:
			key, err = u.tx.SkippedOutputOwner(u.ctx, seq, j.OutputPath, j.Key)
		case maxOutputNumber:
			number, key, err = u.tx.OutputOwner(u.ctx, seq, n, math.MaxInt64, j.OutputPath)
		default:
			number, key, err = u.tx.OutputOwner(u.ctx, seq, n, n, j.OutputPath)
		}
		switch id := (job.ID{Batch: batchID, Number: number}); {
		case errors.Is(err, job.ErrNotFound):
		case err != nil:
			return "", err
		case number == 0:
			return fmt.Sprintf("is where the job with key %q has written, which this batch skips", key), nil
		case key == "":
			return fmt.Sprintf("is written to by job %s already", id), nil
		default:
			return fmt.Sprintf("is written to by job %s, key %q, already", id, key), nil
		}
	}
	return "", nil
}

// positions returns the index in jobs of each of fresh, which are some of jobs in their order.
func positions(jobs, fresh []job.Spec) []int {
	at := make([]int, 0, len(fresh))
	for i, j := range jobs {
		if n := len(at); n < len(fresh) && j.Key == fresh[n].Key && j.OutputPath == fresh[n].OutputPath {
			at = append(at, i)
		}
	}
	return at
}

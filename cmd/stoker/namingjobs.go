package main

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// target is what a command is told to change: a batch, or one job of it.
type target struct {
	batch *stokerv1.Batch // unset if job is set
	job   *stokerv1.Job
}

// batchOrJob finds the batch or job with a name. A name with a slash in it is that of a job, unless only a
// batch has it.
func (n naming) batchOrJob(ctx context.Context, name string) (target, error) {
	if !strings.Contains(name, "/") {
		b, err := n.batch(ctx, name)
		if !isUnnamed(err) {
			return target{batch: b}, err
		}
		if j, jobErr := n.byEncoding(ctx, name); jobErr != nil || j != nil {
			return target{job: j}, jobErr
		}
		return target{}, err
	}
	j, err := n.job(ctx, name)
	if !isUnnamed(err) {
		return target{job: j}, err
	}
	if b, batchErr := n.batch(ctx, name); batchErr == nil {
		return target{batch: b}, nil
	}
	return target{}, err
}

// job finds the job with a name: BATCH/NUMBER, BATCH/KEY, or the id of its encoding. Errors are as those of
// [naming.batch].
func (n naming) job(ctx context.Context, name string) (*stokerv1.Job, error) {
	ofBatch, rest, ok := strings.Cut(name, "/")
	if !ok {
		j, err := n.byEncoding(ctx, name)
		if j == nil && err == nil {
			err = unnamed("", "there is no job with the encoding %q; a job is BATCH/NUMBER or BATCH/KEY", name)
		}
		return j, err
	}
	b, err := n.batch(ctx, ofBatch)
	if err != nil {
		return nil, err
	}
	var found []*stokerv1.Job
	if wholeNumber.MatchString(rest) {
		response, err := n.conn.Batches().GetJob(ctx, &stokerv1.GetJobRequest{JobId: b.GetId() + "/" + rest})
		if err != nil && !isUnknown(err) {
			return nil, err
		}
		if err == nil {
			found = append(found, response.GetJob())
		}
	}
	exact := wholeID.MatchString(ofBatch) && len(found) > 0 // what the API calls a job means nothing else
	if rest != "" && utf8.RuneCountInString(rest) <= maxKey && (len(found) == 0 || n.strict && !exact) {
		page, err := n.conn.Batches().ListJobs(ctx, &stokerv1.ListJobsRequest{BatchId: b.GetId(), Keys: []string{rest}, PageSize: 1})
		if err != nil {
			return nil, err
		}
		for _, j := range page.GetJobs() {
			if len(found) == 0 || found[0].GetId() != j.GetId() {
				found = append(found, j)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, unnamed("", "batch %s has no job %q", ui.BatchTitle(b), rest)
	case 1:
		return found[0], nil
	}
	return nil, &exitError{
		code:  exitUsage,
		err:   fmt.Errorf("%q is the number of one job and the key of another; nothing was changed", output.Printable(name)),
		below: n.jobTable(found),
	}
}

// maxKey is how many characters a key may have.
const maxKey = 200

// byEncoding finds the job that has, or had, an encoding of the platform; nil if there is none.
func (n naming) byEncoding(ctx context.Context, id string) (*stokerv1.Job, error) {
	if id == "" || len(id) > 100 || !utf8.ValidString(id) {
		return nil, nil
	}
	page, err := n.conn.Batches().ListJobs(ctx, &stokerv1.ListJobsRequest{EncodingId: id, PageSize: 1})
	if err != nil || len(page.GetJobs()) == 0 {
		return nil, err
	}
	return page.GetJobs()[0], nil
}

package client

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// upload is the upload of a list in parts.
type upload struct {
	client  *Client
	head    *stokerv1.SubmitBatchRequest // without jobs
	parts   []part
	total   int64
	options SubmitOptions
}

// part is a run of jobs of the list that fits one message.
type part struct {
	first int // index in the list of the first job
	jobs  []*stokerv1.JobSpec
}

// end is how many jobs the list has up to the end of the part.
func (p part) end() int64 { return int64(p.first + len(p.jobs)) }

// split splits jobs into parts, at least one. The same list is always split in the same way, so that
// a repeat sends the same first part.
func (c *Client) split(head *stokerv1.SubmitBatchRequest, jobs []*stokerv1.JobSpec) []part {
	const framing = 8 // around a job in its list
	room := min(partBytes, c.messageBytes-proto.Size(head))
	var parts []part
	size, first := 0, 0
	for i, j := range jobs {
		n := proto.Size(j) + framing
		if i > first && (size+n > room || i-first == partJobs) {
			parts = append(parts, part{first, jobs[first:i]})
			size, first = 0, i
		}
		size += n
	}
	return append(parts, part{first, jobs[first:]})
}

// checkParts checks what the server cannot check because it sees one part at a time: that every job
// has a key, and that keys and output paths are unique in the whole list.
func checkParts(req *stokerv1.SubmitBatchRequest) error {
	jobs := req.GetJobs()
	var wrong []Violation
	for i, j := range jobs {
		if j.GetKey() == "" {
			wrong = append(wrong, Violation{jobField(i, "key"), "is required: the list is too long for one message and is uploaded in parts"})
		}
	}
	for i, first := range duplicates(jobs, (*stokerv1.JobSpec).GetKey) {
		wrong = append(wrong, Violation{jobField(i, "key"), fmt.Sprintf("%q is already the key of jobs[%d]", jobs[i].GetKey(), first)})
	}
	if !hasTemplate(req) { // only the server knows whether jobs of a template may share an output path
		wrong = append(wrong, sharedPaths(jobs)...)
	}
	return invalid(wrong, 0)
}

func hasTemplate(req *stokerv1.SubmitBatchRequest) bool {
	return req.GetTemplate() != "" || req.GetInlineTemplate() != nil
}

// sharedPaths are the violations of jobs that have the output path of an earlier job.
func sharedPaths(jobs []*stokerv1.JobSpec) (wrong []Violation) {
	for i, first := range duplicates(jobs, outputPath) {
		const already = "is written to by jobs[%d] already; one would overwrite the other"
		if path := jobs[i].GetOutputPath(); path != "" {
			wrong = append(wrong, Violation{jobField(i, "output_path"), fmt.Sprintf("%q "+already, path, first)})
		} else {
			wrong = append(wrong, Violation{
				jobField(i, "input_path"),
				fmt.Sprintf("derives the output path %q, which "+already+"; give one an output_path, or leave it out", outputPath(jobs[i]), first),
			})
		}
	}
	return wrong
}

// checkTemplatePaths refuses jobs of a template that share an output path, if the server does: it sees one part at a
// time, and would notice when it works on the first ones. It is asked about a job and the same job once more.
func (u *upload) checkTemplatePaths(ctx context.Context, jobs []*stokerv1.JobSpec) error {
	for i, first := range duplicates(jobs, outputPath) {
		again := proto.CloneOf(jobs[first])
		again.Key = jobs[i].GetKey()
		req := withoutJobs(u.head)
		req.Jobs, req.ValidateOnly, req.KeepOpen = []*stokerv1.JobSpec{jobs[first], again}, true, true
		_, err := u.client.batches.SubmitBatch(ctx, req)
		bad := Violations(err)
		refuses := func(index int, field string) bool {
			return slices.ContainsFunc(bad, func(v Violation) bool { return v.Field == jobField(index, field) })
		}
		for _, field := range []string{"output_path", "input_path"} {
			if refuses(1, field) && !refuses(0, field) {
				return invalid(sharedPaths(jobs), 0)
			}
		}
		break // what the server says of one path, it says of all
	}
	return nil
}

// outputPath is where a job of a profile or recipe writes to, as the server sees it.
func outputPath(j *stokerv1.JobSpec) string {
	if path := j.GetOutputPath(); path != "" {
		return job.CleanOutputPath(path)
	}
	return job.DeriveOutputPath(j.GetInputPath())
}

// duplicates yields the index of every job that has the value of an earlier job, and the index of the
// first job with that value. Empty values do not count. duplicates compares hashes first: it makes a
// map of all values, which takes as much memory as the jobs, only if two hashes are equal.
func duplicates(jobs []*stokerv1.JobSpec, value func(*stokerv1.JobSpec) string) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		seed := maphash.MakeSeed()
		sums := make([]uint64, len(jobs))
		for i, j := range jobs {
			sums[i] = maphash.String(seed, value(j))
		}
		slices.Sort(sums)
		if len(slices.Compact(sums)) == len(jobs) {
			return
		}
		first := make(map[string]int, len(jobs))
		for i, j := range jobs {
			v := value(j)
			at, taken := first[v]
			if !taken {
				first[v] = i
			} else if v != "" && !yield(i, at) {
				return
			}
		}
	}
}

// reportProgress calls the Progress function of the options.
func (u *upload) reportProgress(b *stokerv1.Batch, sent int64) {
	if u.options.Progress != nil {
		u.options.Progress(Progress{Batch: b, Sent: sent, Total: u.total, Uploaded: b != nil && sent >= u.total})
	}
}

// validate has the server check every part without storing it. It returns the batch of the first
// part, with the job counts of the whole list.
func (u *upload) validate(ctx context.Context) (*stokerv1.Batch, error) {
	var batch *stokerv1.Batch
	var wrong []Violation
	more, skipped := 0, int64(0)
	for _, p := range u.parts {
		req := withoutJobs(u.head)
		req.Jobs, req.ValidateOnly, req.KeepOpen = p.jobs, true, true
		resp, err := u.client.batches.SubmitBatch(ctx, req)
		bad, b := Violations(err), resp.GetBatch()
		if err != nil && len(bad) == 0 {
			return nil, err
		}
		u.options.warn(resp, p.first)
		wrong = append(wrong, renumberJobs(bad, p.first)...)
		more += ViolationCount(err) - len(bad)
		if batch == nil {
			batch = b
		}
		skipped += b.GetSkippedCount()
		u.reportProgress(nil, p.end())
	}
	if err := invalid(wrong, more); err != nil {
		return nil, err
	}
	batch.JobCount, batch.SkippedCount = u.total-skipped, skipped
	batch.Counts.Waiting = batch.GetJobCount()
	return batch, nil
}

// begin submits the first part as a new batch and adds the others.
func (u *upload) begin(ctx context.Context) (*stokerv1.Batch, error) {
	first := withoutJobs(u.head)
	first.Jobs, first.KeepOpen = u.parts[0].jobs, true
	resp, err := u.client.batches.SubmitBatch(ctx, first)
	if err != nil {
		return nil, err
	}
	u.options.Warn = nil // the check of the parts has reported all warnings
	return u.finish(ctx, resp.GetBatch())
}

// resume continues with the batch that has the beginning of the list. If the batch is closed, that is for a whole list
// only.
func (u *upload) resume(ctx context.Context) (*stokerv1.Batch, error) {
	got, err := u.client.batches.GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: u.options.BatchID})
	if err != nil {
		return nil, err
	}
	b := got.GetBatch()
	finished, err := u.finish(ctx, b)
	if Reason(err) == "WRONG_STATE" { // it was paused and is closed, or was closed in between
		return u.checkClosed(ctx, b)
	}
	return finished, err
}

// finish adds the parts of the list that b does not have yet, and closes b unless it is to stay open.
// Parts are added in order, so that b has the beginning of the list. A job that is sent again is not
// added twice: the server recognises its key.
func (u *upload) finish(ctx context.Context, b *stokerv1.Batch) (*stokerv1.Batch, error) {
	if takesNoMore(b) { // an upload of the same list has closed it, or somebody else has
		return u.checkClosed(ctx, b)
	}
	there, err := u.countUploaded(ctx, b)
	if err != nil {
		return nil, err
	}
	u.reportProgress(b, min(there, u.total))
	for _, p := range u.parts {
		if p.end() <= there {
			continue
		}
		resp, err := u.addPart(ctx, b.GetId(), p)
		if err != nil {
			return nil, err
		}
		b = resp.GetBatch()
	}
	if u.head.GetKeepOpen() {
		return b, nil
	}
	resp, err := u.client.batches.CloseBatch(ctx, &stokerv1.CloseBatchRequest{BatchId: b.GetId()}, uploadCall{})
	if err != nil {
		return nil, fmt.Errorf("close batch %s: %w", b.GetId(), err)
	}
	return resp.GetBatch(), nil
}

// countUploaded is how many jobs the list has up to the last one that b has. If somebody else has added jobs to b
// since, its number of jobs says nothing about the list: it is 0 then, and the whole list is sent again.
func (u *upload) countUploaded(ctx context.Context, b *stokerv1.Batch) (int64, error) {
	there := b.GetJobCount() + b.GetSkippedCount()
	if there <= u.parts[0].end() { // b has no more than its submission
		return there, nil
	}
	newest, err := u.readJob(ctx, b, b.GetJobCount())
	if err != nil {
		return 0, err
	}
	for _, p := range u.parts {
		for i, j := range p.jobs {
			if n := int64(p.first + i + 1); j.GetKey() == newest.GetKey() && n <= there {
				return n, nil
			}
		}
	}
	return 0, nil
}

// addPart adds one part of the list to a batch.
func (u *upload) addPart(ctx context.Context, batchID string, p part) (*stokerv1.AddJobsResponse, error) {
	resp, err := u.client.batches.AddJobs(ctx, &stokerv1.AddJobsRequest{
		BatchId: batchID, Jobs: p.jobs, OutputFolder: u.head.GetOutputFolder(), Variables: u.head.GetVariables(),
	}, uploadCall{})
	if err != nil {
		if bad := Violations(err); len(bad) > 0 {
			err = invalid(renumberJobs(bad, p.first), ViolationCount(err)-len(bad))
		}
		return nil, fmt.Errorf("add jobs from number %d on to batch %s: %w", p.first+1, batchID, err)
	}
	u.options.warn(resp, p.first)
	u.reportProgress(resp.GetBatch(), p.end())
	return resp, nil
}

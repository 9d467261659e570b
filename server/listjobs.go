package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

const (
	// defaultJobsPage is how many jobs a page has if the request has no page_size.
	defaultJobsPage = 100
	// searchTime is how long one page of a search for a text may take.
	searchTime = time.Second
)

// ListJobs lists the jobs of a batch or finds jobs in all batches.
func (s *Server) ListJobs(ctx context.Context, req *stokerv1.ListJobsRequest) (*stokerv1.ListJobsResponse, error) {
	if err := checkListJobs(req); err != nil {
		return nil, err
	}
	list, err := listHash(req, func(r *stokerv1.ListJobsRequest) { r.PageSize, r.PageToken, r.AfterNumber = 0, "", 0 })
	if err != nil {
		return nil, err
	}
	l := jobList{server: s, req: req, hash: list, size: cmp.Or(int(req.GetPageSize()), defaultJobsPage), resp: &stokerv1.ListJobsResponse{}}
	if req.GetBatchId() != "" {
		b, err := s.store.Batch(ctx, req.GetBatchId())
		if err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
		l.batch = &b
	}
	fill := l.find
	if l.batch != nil && isPlainList(req) {
		fill = l.list
	}
	if err := fill(ctx); err != nil {
		return nil, err
	}
	return l.resp, l.count(ctx)
}

// checkListJobs checks what the contract cannot say about req.
func checkListJobs(req *stokerv1.ListJobsRequest) error {
	var found findings
	found.checkText("text", req.GetText())
	found.checkText("key_prefix", req.GetKeyPrefix())
	if req.GetText() != "" && req.GetEncodingId() != "" {
		found.add("encoding_id", "text and encoding_id exclude each other; text finds encodings too")
	}
	if req.GetBatchId() == "" && req.GetOrder() == stokerv1.JobOrder_JOB_ORDER_SUBMISSION {
		found.add("order", "JOB_ORDER_SUBMISSION needs a batch_id; jobs of many batches come in JOB_ORDER_NEWEST_FIRST")
	}
	if req.GetBatchId() != "" && (len(req.GetAccounts()) > 0 || len(req.GetLabels()) > 0) {
		found.add("batch_id", "excludes accounts and labels, which select batches")
	}
	if req.GetBatchId() == "" && req.GetAfterNumber() > 0 {
		found.add("after_number", "needs a batch_id: a number is one of a batch")
	}
	found.checkTimeRange("created", req.GetCreated())
	found.checkTimeRange("changed", req.GetChanged())
	found.checkTimeRange("finished", req.GetFinished())
	return found.err()
}

// checkTimeRange checks the times of a range.
func (f *findings) checkTimeRange(field string, r *stokerv1.TimeRange) {
	since, until := r.GetSince(), r.GetUntil()
	const noTime = "is no time between the years 1 and 9999"
	if since != nil && !since.IsValid() {
		f.add(field+".since", noTime)
	}
	if until != nil && !until.IsValid() {
		f.add(field+".until", noTime)
	}
	if since != nil && until != nil && !since.AsTime().Before(until.AsTime()) {
		f.add(field+".until", "has to be later than since")
	}
}

func timeRange(r *stokerv1.TimeRange) job.TimeRange {
	var t job.TimeRange
	if r.GetSince() != nil {
		t.Since = r.GetSince().AsTime()
	}
	if r.GetUntil() != nil {
		t.Until = r.GetUntil().AsTime()
	}
	return t
}

// isPlainList reports whether req asks for jobs of a batch in the order of submission, by filters that need
// no search.
func isPlainList(req *stokerv1.ListJobsRequest) bool {
	return req.GetOrder() != stokerv1.JobOrder_JOB_ORDER_NEWEST_FIRST && len(req.GetCauses()) == 0 && !hasSearchFilters(req)
}

// hasSearchFilters reports whether req has other filters than states, keys and causes.
func hasSearchFilters(req *stokerv1.ListJobsRequest) bool {
	return req.GetText() != "" || req.GetKeyPrefix() != "" || req.GetEncodingId() != "" ||
		req.GetCreated() != nil || req.GetChanged() != nil || req.GetFinished() != nil
}

// jobList makes a page of a list of jobs.
type jobList struct {
	server *Server
	req    *stokerv1.ListJobsRequest
	batch  *job.Batch // nil: the jobs of all batches
	hash   [8]byte    // of listHash
	size   int
	resp   *stokerv1.ListJobsResponse
}

// list lists jobs of the batch in the order of submission.
func (l *jobList) list(ctx context.Context) error {
	token, err := parsePageToken(l.req.GetPageToken(), l.hash)
	if err != nil {
		return err
	}
	jobs, err := l.server.store.Jobs(ctx, job.Filter{
		BatchID: l.batch.ID, States: jobStates(l.req.GetStates()), Keys: l.req.GetKeys(),
		AfterNumber: cmp.Or(token.position, l.req.GetAfterNumber()), Limit: l.size + 1,
	})
	if err != nil {
		return fmt.Errorf("list jobs: %w", err)
	}
	message, err := l.server.jobMessages(ctx, *l.batch, jobs)
	if err != nil {
		return err
	}
	l.resp.Jobs = pageOf(jobs[:min(l.size, len(jobs))], message)
	l.resp.Batches = []*stokerv1.BatchRef{batchRef(*l.batch)}
	if n := len(l.resp.Jobs); n < len(jobs) {
		l.resp.NextPageToken = pageToken{list: l.hash, position: jobs[n-1].ID.Number}.String()
	}
	return nil
}

// find finds jobs in the batch or in all batches.
func (l *jobList) find(ctx context.Context) error {
	token, err := parseSearchToken(l.req.GetPageToken(), l.hash)
	if err != nil {
		return err
	}
	page := job.SearchPage{After: token.after, Limit: l.size, Until: time.Now().Add(searchTime)}
	search := job.Search{
		Accounts: l.req.GetAccounts(), Labels: l.req.GetLabels(), States: jobStates(l.req.GetStates()), Keys: l.req.GetKeys(),
		KeyPrefix: l.req.GetKeyPrefix(), Text: l.req.GetText(), Causes: l.req.GetCauses(), EncodingID: l.req.GetEncodingId(),
		Created: timeRange(l.req.GetCreated()), Changed: timeRange(l.req.GetChanged()), Finished: timeRange(l.req.GetFinished()),
	}
	if l.batch != nil {
		search.BatchSeq, page.Ascending = l.batch.Seq, l.req.GetOrder() != stokerv1.JobOrder_JOB_ORDER_NEWEST_FIRST
		if number := l.req.GetAfterNumber(); number > 0 && l.req.GetPageToken() == "" {
			page.After = job.JobPosition{BatchSeq: l.batch.Seq, Number: number}
		}
	}
	found, err := l.server.store.FindJobs(ctx, search, page)
	if err != nil {
		return err
	}
	next, err := l.add(ctx, found)
	if next != (job.JobPosition{}) {
		l.resp.NextPageToken = searchToken{list: l.hash, after: next}.String()
	}
	return err
}

// add adds as many found jobs as fit the page, with their batches, and returns where the next page begins.
// Jobs of batches that have been deleted since they were found are left out.
func (l *jobList) add(ctx context.Context, found job.FoundJobs) (next job.JobPosition, err error) {
	batches, err := readBatches(ctx, l.server.store, mapSlice(found.Jobs, func(f job.FoundJob) int64 { return f.BatchSeq }))
	if err != nil {
		return next, err
	}
	messages := make(map[int64]func(job.Job) *stokerv1.Job, len(batches))
	for seq, b := range batches {
		var jobs []job.Job
		for i := range found.Jobs {
			if found.Jobs[i].BatchSeq == seq {
				jobs = append(jobs, found.Jobs[i].Job)
			}
		}
		if messages[seq], err = l.server.jobMessages(ctx, b, jobs); err != nil {
			return next, err
		}
	}
	there := slices.DeleteFunc(found.Jobs, func(f job.FoundJob) bool { return messages[f.BatchSeq] == nil })
	l.resp.Jobs = pageOf(there, func(f job.FoundJob) *stokerv1.Job { return messages[f.BatchSeq](f.Job) })
	shown := map[int64]bool{}
	for i := range l.resp.Jobs {
		seq := there[i].BatchSeq
		if !shown[seq] {
			shown[seq] = true
			l.resp.Batches = append(l.resp.Batches, batchRef(batches[seq]))
		}
	}
	if n := len(l.resp.Jobs); n < len(there) {
		return job.JobPosition{BatchSeq: there[n-1].BatchSeq, Number: there[n-1].ID.Number}, nil
	}
	return found.Next, nil
}

// readBatches reads those of the batches that exist, by sequence number.
func readBatches(ctx context.Context, store *boundary, seqs []int64) (map[int64]job.Batch, error) {
	list, err := store.BatchesBySeq(ctx, slices.Compact(slices.Sorted(slices.Values(seqs))))
	if err != nil {
		return nil, fmt.Errorf("read batches: %w", err)
	}
	batches := make(map[int64]job.Batch, len(list))
	for _, b := range list {
		batches[b.Seq] = b
	}
	return batches, nil
}

// count sets total_count on the first page, if the counts of the batch say it.
func (l *jobList) count(ctx context.Context) error {
	if l.batch == nil || l.req.GetPageToken() != "" || len(l.req.GetKeys()) > 0 || hasSearchFilters(l.req) {
		return nil
	}
	states := slices.Compact(slices.Sorted(slices.Values(jobStates(l.req.GetStates()))))
	if causes := l.req.GetCauses(); len(causes) > 0 {
		if !slices.Equal(states, []job.State{job.Failed}) {
			return nil
		}
		counts, err := l.server.store.CountCauses(ctx, l.batch.ID, causes)
		if err != nil {
			return fmt.Errorf("count failures: %w", err)
		}
		l.resp.TotalCount = new(int64(0))
		for _, n := range counts {
			*l.resp.TotalCount += n
		}
		return nil
	}
	total := l.batch.Counts.Total()
	if len(states) > 0 {
		total = 0
		for _, state := range states {
			total += *l.batch.Counts.Of(state)
		}
	}
	l.resp.TotalCount = &total
	return nil
}

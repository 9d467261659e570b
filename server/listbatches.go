package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
)

const (
	// defaultBatchesPage is how many batches a page has if the request has no page_size.
	defaultBatchesPage = 50
	// callerAsCreator stands for the caller in created_by.
	callerAsCreator = "@me"
)

// ListBatches lists batches in the order of the request.
func (s *Server) ListBatches(ctx context.Context, req *stokerv1.ListBatchesRequest) (*stokerv1.ListBatchesResponse, error) {
	list, err := listHash(req, func(r *stokerv1.ListBatchesRequest) { r.PageSize, r.PageToken = 0, "" })
	if err != nil {
		return nil, err
	}
	token, err := parsePageToken(req.GetPageToken(), list)
	if err != nil {
		return nil, err
	}
	size := cmp.Or(int(req.GetPageSize()), defaultBatchesPage)
	filter := job.BatchFilter{
		States: mapSlice(req.GetStates(), batchState), Labels: req.GetLabels(),
		Text: req.GetText(), DisplayName: req.GetDisplayName(), IDPrefix: strings.ToLower(req.GetIdPrefix()),
		CreatedBy: creatorFilter(ctx, req.GetCreatedBy()), BeforeSeq: token.position, Limit: size + 1,
	}
	if req.GetAccount() != "" {
		filter.Accounts = []string{req.GetAccount()}
	}
	var batches []orderedBatch
	if req.GetOrder() == stokerv1.BatchOrder_BATCH_ORDER_ATTENTION {
		batches, err = newAttention(ctx, s.store, filter).list(ctx, token.group)
	} else {
		var newest []job.Batch
		newest, err = s.store.Batches(ctx, filter)
		batches = inGroup(newest, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	resp := &stokerv1.ListBatchesResponse{}
	if req.GetPageToken() == "" {
		if resp.TotalCount, err = s.store.CountBatches(ctx, filter); err != nil {
			return nil, fmt.Errorf("list batches: %w", err)
		}
	}
	shown := mapSlice(batches[:min(size, len(batches))], func(b orderedBatch) job.Batch { return b.Batch })
	page, sample := newPage(), pageSample(shown)
	for _, b := range shown {
		m, err := s.renderSampled(ctx, b, sample)
		if err != nil {
			return nil, err
		}
		if !page.takes(proto.Size(m)) { // a batch with as many labels as allowed has more than 16 KiB
			break
		}
		resp.Batches = append(resp.Batches, m)
	}
	if n := len(resp.GetBatches()); n < len(batches) {
		resp.NextPageToken = pageToken{list: list, position: batches[n-1].Seq, group: batches[n-1].group}.String()
	}
	return resp, nil
}

// creatorFilter is the principal whose batches a request asks for; empty for those of everybody.
func creatorFilter(ctx context.Context, createdBy string) string {
	if createdBy != callerAsCreator {
		return createdBy
	}
	p := grantOf(ctx).principal
	if p.Kind == access.LocalKind {
		return ""
	}
	return p.Name
}

// orderedBatch is a batch with its group in the order of a list.
type orderedBatch struct {
	job.Batch
	group int64
}

// inGroup puts batches into a group.
func inGroup(batches []job.Batch, group int64) []orderedBatch {
	return mapSlice(batches, func(b job.Batch) orderedBatch { return orderedBatch{b, group} })
}

// The groups of BATCH_ORDER_ATTENTION, in their order.
const (
	needsSomebody int64 = iota + 1
	unfinished
	over
)

// attention reads the batches that a filter chooses in the order of attention. It reads every batch that has not
// ended, since no index says which of them need somebody. There are few of them beside those that have ended.
type attention struct {
	store    *boundary
	filter   job.BatchFilter
	now      time.Time
	accounts map[string]*job.AccountStatus // by id
}

func newAttention(ctx context.Context, store *boundary, filter job.BatchFilter) *attention {
	a := &attention{store: store, filter: filter, now: time.Now(), accounts: map[string]*job.AccountStatus{}}
	for _, status := range store.AccountStatuses(ctx) {
		a.accounts[status.ID] = &status
	}
	return a
}

// list returns batches from a group on. BeforeSeq of the filter is about that group.
func (a *attention) list(ctx context.Context, from int64) ([]orderedBatch, error) {
	var list []orderedBatch
	for group := max(from, needsSomebody); group <= over && len(list) < a.filter.Limit; group++ {
		before := a.filter.BeforeSeq
		if group != from {
			before = 0
		}
		some, err := a.read(ctx, group, before, a.filter.Limit-len(list))
		if err != nil {
			return nil, err
		}
		list = append(list, inGroup(some, group)...)
	}
	return list, nil
}

// read returns the batches of a group with a sequence number less than before, or any if that is 0, at most
// limit, the newest first.
func (a *attention) read(ctx context.Context, group, before int64, limit int) ([]job.Batch, error) {
	if group == over {
		return a.inStates(ctx, before, limit, job.BatchSucceeded, job.BatchCancelled)
	}
	list, err := a.inStates(ctx, before, 0, job.BatchOpen, job.BatchActive, job.BatchPaused, job.BatchCancelling)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(b job.Batch) bool {
		return b.NeedsSomebody(a.accounts[b.AccountID], a.now) != (group == needsSomebody)
	})
	if group == needsSomebody {
		failed, err := a.inStates(ctx, before, limit, job.BatchFailed)
		if err != nil {
			return nil, err
		}
		list = append(list, failed...)
		slices.SortFunc(list, func(a, b job.Batch) int { return cmp.Compare(b.Seq, a.Seq) })
	}
	return list[:min(len(list), limit)], nil
}

// inStates returns the batches that the filter chooses in some states.
func (a *attention) inStates(ctx context.Context, before int64, limit int, states ...job.BatchState) ([]job.Batch, error) {
	f := a.filter
	f.BeforeSeq, f.Limit = before, limit
	if len(f.States) > 0 {
		states = slices.DeleteFunc(states, func(s job.BatchState) bool { return !slices.Contains(f.States, s) })
	}
	if f.States = states; len(states) == 0 {
		return nil, nil
	}
	return a.store.Batches(ctx, f)
}

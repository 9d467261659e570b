package dispatcher

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// owns reports whether an encoding belongs to this job table. Its label tells; where the
// platform's lists come without labels, its name does.
func (w *worker) owns(ctx context.Context, e bitmovin.Encoding) (bool, error) {
	if len(e.Labels) > 0 {
		return slices.Contains(e.Labels, w.encodings.label), nil
	}
	id, _, ok := provision.ParseName(e.Name)
	if !ok {
		return false, nil
	}
	_, err := w.store.Batch(ctx, id.Batch)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// listOverlap is how many encodings may be deleted between two pages of a list that is to prove
// that one is absent.
const listOverlap = 10

// listOwnSince hands over our encodings that were created after a time, the newest first, until
// visit has enough. It may hand over one twice. That an encoding is not among them proves
// that there is none: a search that finds nothing of ours, at any time, is not believed,
// and everybody's encodings are listed instead.
func (w *worker) listOwnSince(ctx context.Context, after time.Time, visit func(bitmovin.Encoding) (enough bool, err error)) error {
	q := bitmovin.ListEncodings{CreatedAfter: after, SkipTotalCount: true, Overlap: listOverlap}
	searched := w.encodings.usable(bitmovin.ParamSearch)
	if searched {
		search := q
		search.Search = w.encodings.searchQuery()
		ours, err := w.listCreated(ctx, search, visit)
		if err != nil || ours > 0 || !w.encodings.usable(bitmovin.ParamSearch) {
			return err
		}
	}
	ours, err := w.listCreated(ctx, q, visit)
	if err == nil && searched && ours > 0 {
		w.encodings.noteFault(ctx, job.ParameterMisses, nil, bitmovin.ParamSearch)
	}
	return err
}

// listCreated hands over our encodings that q selects and that were created after
// q.CreatedAfter. It returns how many of ours it has seen, older ones included. That the
// platform leaves out by time no more than it should is verified: what comes next in the
// list, without that parameter, must be older.
func (w *worker) listCreated(ctx context.Context, q bitmovin.ListEncodings, visit func(bitmovin.Encoding) (enough bool, err error)) (ours int, err error) {
	var missed []bitmovin.EncodingID
	for range 2 {
		pass := createdPass{worker: w, after: q.CreatedAfter, visit: visit, seen: map[bitmovin.EncodingID]bool{}}
		err := w.encodings.eachListed(ctx, q, func(e bitmovin.Encoding) (bool, error) { return pass.add(ctx, e) })
		ours += pass.ours
		if err != nil || pass.enough || !w.encodings.sends(bitmovin.ParamCreatedAfter) {
			return ours, err
		}
		if missed != nil {
			if !slices.ContainsFunc(missed, func(id bitmovin.EncodingID) bool { return !pass.seen[id] }) {
				return ours, nil // they were just being created
			}
			w.encodings.noteFault(ctx, job.ParameterMisses, nil, bitmovin.ParamCreatedAfter)
			more, err := w.listCreated(ctx, q, visit)
			return ours + more, err
		}
		more, err := w.listBeyond(ctx, q, pass.seen)
		for _, e := range more {
			if own, err := w.owns(ctx, e); err != nil {
				return ours, err
			} else if own {
				ours++
			}
			if newerThan(e, q.CreatedAfter) && !pass.seen[e.ID] {
				missed = append(missed, e.ID)
			}
		}
		if err != nil || missed == nil {
			return ours, err
		}
	}
	return ours, nil
}

// listBeyond lists what comes in the list after the encodings that were seen, or its first page
// if there is no answer to an offset.
func (w *worker) listBeyond(ctx context.Context, q bitmovin.ListEncodings, seen map[bitmovin.EncodingID]bool) ([]bitmovin.Encoding, error) {
	q.CreatedAfter, q.Offset = time.Time{}, len(seen)
	page, err := w.encodings.listPage(ctx, q)
	if q.Offset > 0 && (bitmovin.Unsupported(err) || bitmovin.Ambiguous(err)) {
		q.Offset = 0
		page, err = w.encodings.listPage(ctx, q)
	}
	return page.Items, err
}

// createdPass is one pass over what was created after a time.
type createdPass struct {
	worker *worker
	after  time.Time
	visit  func(bitmovin.Encoding) (enough bool, err error)
	seen   map[bitmovin.EncodingID]bool // those that are new enough, whoever's they are
	ours   int                          // of any age
	enough bool
}

func (p *createdPass) add(ctx context.Context, e bitmovin.Encoding) (enough bool, err error) {
	own, err := p.worker.owns(ctx, e)
	if err != nil {
		return false, err
	}
	if own {
		p.ours++
	}
	if !newerThan(e, p.after) {
		return false, nil
	}
	p.seen[e.ID] = true
	if own {
		p.enough, err = p.visit(e)
	}
	return p.enough, err
}

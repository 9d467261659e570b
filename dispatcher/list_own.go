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

// owns reports whether an encoding belongs to this job table: by its label or, where the
// platform's lists have no labels, by its name.
func (l *encodingList) owns(ctx context.Context, e bitmovin.Encoding) (bool, error) {
	if len(e.Labels) > 0 {
		return slices.Contains(e.Labels, l.label), nil
	}
	id, _, ok := provision.ParseName(e.Name)
	if !ok {
		return false, nil
	}
	_, err := l.batches.Batch(ctx, id.Batch)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// eachOwnSince calls visit for each of our encodings that were created after a time, the newest
// first, until visit has enough. An encoding may be visited twice. An encoding that is not visited
// is absent: if a search finds nothing of ours, created at any time, it is not believed, and
// everybody's encodings are listed instead.
func (l *encodingList) eachOwnSince(ctx context.Context, after time.Time, visit func(bitmovin.Encoding) (enough bool, err error)) error {
	q := bitmovin.EncodingQuery{CreatedAfter: after, SkipTotalCount: true, Overlap: listOverlap}
	searched := l.usable(bitmovin.ParamSearch)
	if searched {
		search := q
		search.Search = l.searchQuery()
		own, err := l.eachCreated(ctx, search, visit)
		if err != nil || own > 0 || !l.usable(bitmovin.ParamSearch) {
			return err
		}
	}
	own, err := l.eachCreated(ctx, q, visit)
	if err == nil && searched && own > 0 {
		l.noteFault(ctx, job.ParameterMisses, nil, bitmovin.ParamSearch)
	}
	return err
}

// eachCreated calls visit for each of our encodings that q selects and that were created after
// q.CreatedAfter. It returns how many of ours it has seen, older ones included. It verifies
// that the platform leaves out by time no more than it should: the encodings that follow in the
// list without that parameter must be older.
func (l *encodingList) eachCreated(ctx context.Context, q bitmovin.EncodingQuery, visit func(bitmovin.Encoding) (enough bool, err error)) (own int, err error) {
	var missed []bitmovin.EncodingID
	for range 2 {
		pass := createdPass{list: l, after: q.CreatedAfter, visit: visit, seen: map[bitmovin.EncodingID]bool{}}
		err := l.eachListed(ctx, q, func(e bitmovin.Encoding) (bool, error) { return pass.add(ctx, e) })
		own += pass.own
		if err != nil || pass.enough || !l.sends(bitmovin.ParamCreatedAfter) {
			return own, err
		}
		if missed != nil {
			if !slices.ContainsFunc(missed, func(id bitmovin.EncodingID) bool { return !pass.seen[id] }) {
				return own, nil // the missed encodings were just being created
			}
			l.noteFault(ctx, job.ParameterMisses, nil, bitmovin.ParamCreatedAfter)
			more, err := l.eachCreated(ctx, q, visit)
			return own + more, err
		}
		more, err := l.pageBeyond(ctx, q, pass.seen)
		for _, e := range more {
			if isOwn, err := l.owns(ctx, e); err != nil {
				return own, err
			} else if isOwn {
				own++
			}
			if newerThan(e, q.CreatedAfter) && !pass.seen[e.ID] {
				missed = append(missed, e.ID)
			}
		}
		if err != nil || missed == nil {
			return own, err
		}
	}
	return own, nil
}

// pageBeyond lists the page that follows, in the list without q.CreatedAfter, the encodings that
// were seen. If the platform refuses the offset or does not answer, it lists the first page.
func (l *encodingList) pageBeyond(ctx context.Context, q bitmovin.EncodingQuery, seen map[bitmovin.EncodingID]bool) ([]bitmovin.Encoding, error) {
	q.CreatedAfter, q.Offset = time.Time{}, len(seen)
	page, err := l.listPage(ctx, q)
	if q.Offset > 0 && (bitmovin.Unsupported(err) || bitmovin.Ambiguous(err)) {
		q.Offset = 0
		page, err = l.listPage(ctx, q)
	}
	return page.Items, err
}

// createdPass is one pass over the encodings that were created after a time.
type createdPass struct {
	list   *encodingList
	after  time.Time
	visit  func(bitmovin.Encoding) (enough bool, err error)
	seen   map[bitmovin.EncodingID]bool // everybody's encodings that are new enough
	own    int                          // number of our encodings, of any age
	enough bool
}

// add visits an encoding if it is ours and new enough.
func (p *createdPass) add(ctx context.Context, e bitmovin.Encoding) (enough bool, err error) {
	own, err := p.list.owns(ctx, e)
	if err != nil {
		return false, err
	}
	if own {
		p.own++
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

package dispatcher

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// pageSize is how many encodings one call lists.
const pageSize = 100

// encodingList lists an account's encodings. No query parameter has to work: a refused one is left
// out, and what the platform may not have filtered is filtered here. Parameters that do not work
// are remembered in the job table. An encodingList is safe for concurrent use once it is loaded.
type encodingList struct {
	client     *bitmovin.Client
	parameters ParameterStore
	batches    batchReader
	account    string
	label      string // of our encodings
	clock      clock.Clock
	log        *slog.Logger

	mu             sync.Mutex
	faults         map[string]job.ListParameter // by parameter
	failures       map[string]int               // in a row, by combination of parameters
	otherInstances map[string]time.Time         // when other instances were last seen, by id
}

// batchReader reads batches.
type batchReader interface {
	Batch(ctx context.Context, id string) (job.Batch, error)
}

func newEncodingList(s Store, a Account, c clock.Clock, log *slog.Logger) *encodingList {
	return &encodingList{
		client: a.Client, parameters: s, batches: s, account: a.ID, clock: c, log: log,
		faults: map[string]job.ListParameter{}, failures: map[string]int{}, otherInstances: map[string]time.Time{},
	}
}

// load reads which parameters did not work for earlier processes.
func (l *encodingList) load(ctx context.Context, instance string) error {
	l.label = provision.Label(instance)
	known, err := l.parameters.ListParameters(ctx, l.account)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range known {
		l.faults[p.Name] = p
	}
	return nil
}

// narrowToOwn returns q without other people's encodings where the platform's search works.
func (l *encodingList) narrowToOwn(q bitmovin.EncodingQuery) bitmovin.EncodingQuery {
	if l.usable(bitmovin.ParamSearch) {
		q.Search = l.searchQuery()
	}
	return q
}

// searchQuery is the value of the search parameter that selects our encodings. The platform's
// documentation quotes only names; our label needs no quotes.
func (l *encodingList) searchQuery() string { return "labels:" + l.label }

// eachSelected calls visit for each encoding that q selects, once, until visit has enough. Where
// the platform does not filter, its list has more, and eachSelected leaves the rest out.
func (l *encodingList) eachSelected(ctx context.Context, q bitmovin.EncodingQuery, visit func(bitmovin.Encoding) (enough bool, err error)) error {
	return l.eachListed(ctx, q, func(e bitmovin.Encoding) (bool, error) {
		if !selects(q, e) {
			return false, nil
		}
		return visit(e)
	})
}

// eachListed calls visit for each encoding that the platform lists for q, once, until visit has
// enough. Lists have the newest encodings first: where that order holds for a page and more,
// an encoding that is too old for q ends the list.
func (l *encodingList) eachListed(ctx context.Context, q bitmovin.EncodingQuery, visit func(bitmovin.Encoding) (enough bool, err error)) error {
	return l.query(ctx, q, func(sent bitmovin.EncodingQuery, answered func()) error {
		seen, sorted, last := map[bitmovin.EncodingID]bool{}, true, time.Time{}
		check := filterCheck{query: sent, label: l.label}
		for e, err := range l.client.Encodings(ctx, sent) {
			if err != nil {
				return err
			}
			answered()
			if seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			l.noteOtherInstance(e)
			check.add(e)
			enough, err := visit(e)
			if err != nil || enough {
				return err
			}
			if !e.CreatedAt.IsZero() {
				sorted = sorted && (last.IsZero() || !e.CreatedAt.After(last))
				last = e.CreatedAt.Time
			}
			if sorted && len(seen) >= pageSize && last.Before(q.CreatedAfter) {
				break
			}
		}
		answered()
		l.noteFault(ctx, job.ParameterIgnored, nil, check.ignoredParameters()...)
		return nil
	})
}

// eachNamed calls visit for each encoding called name until visit has enough. It returns how many
// encodings the platform listed.
func (l *encodingList) eachNamed(ctx context.Context, name string, visit func(bitmovin.Encoding) (enough bool, err error)) (listed int, err error) {
	return l.eachNamedOrID(ctx, name, "", visit)
}

// eachNamedOrID is eachNamed, and calls visit for the encoding with an id as well, whatever it is
// called, if the platform lists it.
func (l *encodingList) eachNamedOrID(ctx context.Context, name, id string, visit func(bitmovin.Encoding) (enough bool, err error)) (listed int, err error) {
	query := bitmovin.EncodingQuery{Name: name, SkipTotalCount: true}
	err = l.eachListed(ctx, query, func(found bitmovin.Encoding) (enough bool, err error) {
		if listed++; found.Name != name && (id == "" || string(found.ID) != id) {
			return listed >= pageSize, nil // the platform ignores the name
		}
		return visit(found)
	})
	return listed, err
}

// listPage lists one page of what q selects, or of more where the platform does not filter.
func (l *encodingList) listPage(ctx context.Context, q bitmovin.EncodingQuery) (p bitmovin.Page[bitmovin.Encoding], err error) {
	err = l.query(ctx, q, func(sent bitmovin.EncodingQuery, answered func()) (err error) {
		if p, err = l.client.ListEncodings(ctx, sent); err != nil {
			return err
		}
		answered()
		check := filterCheck{query: sent, label: l.label}
		for _, e := range p.Items {
			l.noteOtherInstance(e)
			check.add(e)
		}
		l.noteFault(ctx, job.ParameterIgnored, nil, check.ignoredParameters()...)
		return nil
	})
	return p, err
}

// query makes a call with those parameters of q that work. If the call is refused again and again,
// query leaves out parameters to find out which of them cause the refusals. call must call
// answered as soon as the platform has answered.
func (l *encodingList) query(ctx context.Context, q bitmovin.EncodingQuery, call func(q bitmovin.EncodingQuery, answered func()) error) error {
	var used, without []string
	for _, name := range optionalParameters(q) {
		if l.sends(name) {
			used = append(used, name)
		} else {
			without = append(without, name)
		}
	}
	answered := false
	q.Without = without
	err := call(q, func() {
		if !answered {
			answered = true
			l.noteAccepted(ctx, used)
		}
	})
	if err == nil || answered || q.Offset > 0 || !l.noteRefused(used, err) {
		return err
	}
	fault, sets := job.ParameterRefused, suspectSets(used)
	if !bitmovin.Unsupported(err) {
		fault, sets = job.ParameterUnanswered, sets[:len(used)] // there may be an outage: fewer calls
	}
	for _, suspects := range sets {
		q.Without = slices.Concat(without, suspects)
		again := call(q, func() {
			if !answered {
				answered = true
				l.noteFault(ctx, fault, err, suspects...)
			}
		})
		if answered || !bitmovin.Unsupported(again) && !bitmovin.Ambiguous(again) {
			return again
		}
	}
	return err
}

// status describes how encodings are listed, for the account's status.
func (l *encodingList) status() (s job.Listing, others []job.OtherInstance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Way = l.way()
	s.FaultyParameters = l.faultyParameters()
	return s, l.recentInstances()
}

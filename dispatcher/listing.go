package dispatcher

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

const (
	// refusalsToBlame is how often in a row a combination of parameters must be refused before
	// another one is tried, silences how often there must be no answer to it.
	refusalsToBlame = 3
	silencesToBlame = 5
	// refusedRetry is how long a parameter that does not work is not used, silentFor one
	// that was given no answer.
	refusedRetry    = 24 * time.Hour
	unansweredRetry = 10 * time.Minute
)

// encodingList lists an account's encodings. No query parameter is taken for granted: one that
// is refused is left out, and whoever lists compares for himself what the platform may
// not have compared. What has been found out about them is kept in the job table.
type encodingList struct {
	client  *bitmovin.Client
	table   ParameterStore
	account string
	label   string // of our encodings
	clock   clock.Clock
	log     *slog.Logger

	mu             sync.Mutex
	faults         map[string]job.ListParameter // by parameter
	failures       map[string]int               // in a row, by combination of parameters
	otherInstances map[string]time.Time         // when other instances were last seen, by id
}

func newEncodingList(table Store, a Account, c clock.Clock, log *slog.Logger) *encodingList {
	return &encodingList{
		client: a.Client, table: table, account: a.ID, clock: c, log: log,
		faults: map[string]job.ListParameter{}, failures: map[string]int{}, otherInstances: map[string]time.Time{},
	}
}

// load reads what earlier processes have found out.
func (l *encodingList) load(ctx context.Context, instance string) error {
	l.label = provision.Label(instance)
	known, err := l.table.ListParameters(ctx, l.account)
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

// searchQuery is the query for our encodings. Only names are quoted in the platform's
// documentation; our label needs no quotes.
func (l *encodingList) searchQuery() string { return "labels:" + l.label }

// usable reports whether a parameter works, as far as is known.
func (l *encodingList) usable(parameter string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.faults[parameter]
	return !ok || l.retryDue(p)
}

// retryDue reports whether a parameter that did not work is to be tried again. The caller
// holds l.mu.
func (l *encodingList) retryDue(p job.ListParameter) bool {
	wait := refusedRetry
	if p.Fault == job.ParameterUnanswered {
		wait = unansweredRetry
	}
	return l.clock.Now().Sub(p.Time) >= wait
}

// status is how encodings are listed, for people.
func (l *encodingList) status() (s job.Listing, others []job.OtherInstance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Way = l.listingWay()
	for _, name := range slices.Sorted(maps.Keys(l.faults)) {
		s.FaultyParameters = append(s.FaultyParameters, l.faults[name])
	}
	for _, id := range slices.Sorted(maps.Keys(l.otherInstances)) {
		if seen := l.otherInstances[id]; l.clock.Now().Sub(seen) < otherInstanceMemory {
			others = append(others, job.OtherInstance{ID: id, LastSeenTime: seen})
		}
	}
	return s, others
}

// listingWay is how our encodings are found. The caller holds l.mu.
func (l *encodingList) listingWay() job.ListingWay {
	if _, faulty := l.faults[bitmovin.ParamSearch]; !faulty {
		return job.ListBySearch
	}
	if _, faulty := l.faults[bitmovin.ParamCreatedAfter]; !faulty {
		return job.ListByTime
	}
	return job.ListByWalk
}

// optionalParameters are those of a query that one can do without, in the order in which they
// are suspected.
func optionalParameters(q bitmovin.ListEncodings) (names []string) {
	for _, p := range []struct {
		name string
		set  bool
	}{
		{bitmovin.ParamSearch, q.Search != ""},
		{bitmovin.ParamName, q.Name != ""},
		{bitmovin.ParamCreatedAfter, !q.CreatedAfter.IsZero()},
		{bitmovin.ParamStatus, q.Status != ""},
		{bitmovin.ParamTotalCount, true},
		{bitmovin.ParamLimit, true},
	} {
		if p.set {
			names = append(names, p.name)
		}
	}
	return names
}

// suspectSets are the sets of parameters that may be why a query was refused, the smallest
// first.
func suspectSets(used []string) (sets [][]string) {
	for _, name := range used {
		sets = append(sets, []string{name})
	}
	for i, a := range used {
		for _, b := range used[i+1:] {
			sets = append(sets, []string{a, b})
		}
	}
	return append(sets, used)
}

// query makes a call with the parameters of q that work. If that is refused again and
// again, it finds out which of them are to blame by leaving them out. The call says that it
// was heard as soon as there is an answer.
func (l *encodingList) query(ctx context.Context, q bitmovin.ListEncodings, call func(q bitmovin.ListEncodings, heard func()) error) error {
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
		fault, sets = job.ParameterUnanswered, sets[:len(used)] // it may be an outage
	}
	for _, blamed := range sets {
		q.Without = slices.Concat(without, blamed)
		again := call(q, func() {
			if !answered {
				answered = true
				l.noteFault(ctx, fault, err, blamed...)
			}
		})
		if answered || !bitmovin.Unsupported(again) && !bitmovin.Ambiguous(again) {
			return again
		}
	}
	return err
}

// sends reports whether a parameter is sent: one that is ignored does no harm.
func (l *encodingList) sends(parameter string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.faults[parameter]
	return !ok || p.Fault == job.ParameterIgnored || l.retryDue(p)
}

// noteRefused takes note of an error and reports whether it is time to leave something out.
func (l *encodingList) noteRefused(used []string, err error) bool {
	enough := refusalsToBlame
	switch {
	case bitmovin.Unsupported(err):
	case bitmovin.Ambiguous(err):
		enough = silencesToBlame
	default:
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range used {
		if _, known := l.faults[name]; known {
			enough = 1 // it is only tried again
		}
	}
	key := strings.Join(used, " ")
	l.failures[key]++
	return l.failures[key] >= enough
}

// noteAccepted takes note that parameters were accepted.
func (l *encodingList) noteAccepted(ctx context.Context, used []string) {
	l.mu.Lock()
	delete(l.failures, strings.Join(used, " "))
	var mended []string
	for _, name := range used {
		if p, ok := l.faults[name]; ok && l.retryDue(p) {
			mended = append(mended, name)
			delete(l.faults, name)
		}
	}
	way := l.listingWay()
	l.mu.Unlock()
	for _, name := range mended {
		l.log.Info("a query parameter of the platform's lists is used again", "parameter", name, "way", string(way))
		if err := l.table.DeleteListParameter(context.WithoutCancel(ctx), l.account, name); err != nil {
			l.log.Error("cannot forget about a query parameter", "parameter", name, "err", err)
		}
	}
}

// noteFault takes note of what does not work. cause may be nil.
func (l *encodingList) noteFault(ctx context.Context, fault job.ParameterFault, cause error, names ...string) {
	for _, name := range names {
		p := job.ListParameter{Name: name, Fault: fault, Time: l.clock.Now()}
		l.mu.Lock()
		before, known := l.faults[name]
		news := !known || before.Fault != fault
		fresh := !news && !l.retryDue(before)
		if !fresh {
			l.faults[name] = p
		}
		way := l.listingWay()
		l.mu.Unlock()
		if fresh {
			continue
		}
		if news {
			l.log.Warn("a query parameter of the platform's lists does not work; going on without, slower",
				"parameter", name, "fault", string(fault), "way", string(way), "err", cause)
		}
		if err := l.table.SaveListParameter(context.WithoutCancel(ctx), l.account, p); err != nil {
			l.log.Error("cannot remember a query parameter", "parameter", name, "err", err)
		}
	}
}

// eachSelected hands over what q selects, each encoding once, until visit has enough. Where the
// platform does not select, it lists more, and each leaves that out. Lists come the
// newest first: where that order holds for a page and more, an encoding that is too old
// ends the list.
func (l *encodingList) eachSelected(ctx context.Context, q bitmovin.ListEncodings, visit func(bitmovin.Encoding) (enough bool, err error)) error {
	return l.eachListed(ctx, q, func(e bitmovin.Encoding) (bool, error) {
		if !selects(q, e) {
			return false, nil
		}
		return visit(e)
	})
}

// eachListed is each without leaving anything out.
func (l *encodingList) eachListed(ctx context.Context, q bitmovin.ListEncodings, visit func(bitmovin.Encoding) (enough bool, err error)) error {
	return l.query(ctx, q, func(sent bitmovin.ListEncodings, heard func()) error {
		seen, sorted, last := map[bitmovin.EncodingID]bool{}, true, time.Time{}
		check := filterCheck{query: sent, label: l.label}
		for e, err := range l.client.Encodings(ctx, sent) {
			if err != nil {
				return err
			}
			heard()
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
		heard()
		l.noteFault(ctx, job.ParameterIgnored, nil, check.ignoredParameters()...)
		return nil
	})
}

// listPage lists one page of what q selects, or of more where the platform does not select.
func (l *encodingList) listPage(ctx context.Context, q bitmovin.ListEncodings) (p bitmovin.Page[bitmovin.Encoding], err error) {
	err = l.query(ctx, q, func(sent bitmovin.ListEncodings, heard func()) (err error) {
		if p, err = l.client.ListEncodings(ctx, sent); err != nil {
			return err
		}
		heard()
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

// selects reports whether a query selects an encoding, apart from its search. What has no
// readable time may be new.
func selects(q bitmovin.ListEncodings, e bitmovin.Encoding) bool {
	return (q.Status == "" || e.Status == q.Status) && (q.Name == "" || e.Name == q.Name) &&
		(q.CreatedAfter.IsZero() || newerThan(e, q.CreatedAfter))
}

// newerThan compares as the platform does: times are sent to it in whole seconds.
func newerThan(e bitmovin.Encoding, t time.Time) bool {
	return e.CreatedAt.IsZero() || !e.CreatedAt.Before(t.Truncate(time.Second))
}

// filterCheck counts what a list shows although the query does not select it.
type filterCheck struct {
	query      bitmovin.ListEncodings
	label      string
	listed     int
	unselected map[string]int // by parameter
}

func (c *filterCheck) add(e bitmovin.Encoding) {
	if c.unselected == nil {
		c.unselected = map[string]int{}
	}
	c.listed++
	q := c.query
	for name, strange := range map[string]bool{
		bitmovin.ParamSearch:       q.Search != "" && len(e.Labels) > 0 && !slices.Contains(e.Labels, c.label),
		bitmovin.ParamName:         q.Name != "" && e.Name != q.Name,
		bitmovin.ParamStatus:       q.Status != "" && e.Status != q.Status,
		bitmovin.ParamCreatedAfter: !newerThan(e, q.CreatedAfter),
	} {
		if strange && !slices.Contains(q.Without, name) {
			c.unselected[name]++
		}
	}
}

// ignoredParameters are the parameters that the platform takes no notice of. A single encoding that
// ought not to be there may have changed just now.
func (c *filterCheck) ignoredParameters() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(c.unselected)) {
		if c.unselected[name] >= 3 && 2*c.unselected[name] > c.listed {
			names = append(names, name)
		}
	}
	return names
}

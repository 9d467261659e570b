package dispatcher

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

const (
	// refusalsToBlame is how often in a row a combination of parameters must be refused before
	// another one is tried; silencesToBlame is how often it must have no answer.
	refusalsToBlame = 3
	silencesToBlame = 5
	// refusedRetry is how long a parameter that does not work is not used; unansweredRetry is how
	// long one is not used with which calls had no answer.
	refusedRetry    = 24 * time.Hour
	unansweredRetry = 10 * time.Minute
)

// optionalParameters are the parameters of a query that it can do without, in the order in which
// they are suspected.
func optionalParameters(q bitmovin.EncodingQuery) (names []string) {
	for _, p := range []struct {
		name string
		set  bool
	}{
		{bitmovin.ParamSearch, q.Search != ""},
		{bitmovin.ParamName, q.Name != ""},
		{bitmovin.ParamCreatedAfter, !q.CreatedAfter.IsZero()},
		{bitmovin.ParamFinishedAfter, !q.FinishedAfter.IsZero()},
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

// usable reports whether a parameter works, as far as is known.
func (l *encodingList) usable(parameter string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.faults[parameter]
	return !ok || l.retryDue(p)
}

// sends reports whether a parameter is sent. One that the platform ignores is sent as well: it
// does no harm.
func (l *encodingList) sends(parameter string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.faults[parameter]
	return !ok || p.Fault == job.ParameterIgnored || l.retryDue(p)
}

// retryDue reports whether a parameter that did not work is to be tried again. The caller holds
// l.mu.
func (l *encodingList) retryDue(p job.ListParameter) bool {
	wait := refusedRetry
	if p.Fault == job.ParameterUnanswered {
		wait = unansweredRetry
	}
	return l.clock.Now().Sub(p.Time) >= wait
}

// noteAccepted records that parameters were accepted.
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
	way := l.way()
	l.mu.Unlock()
	for _, name := range mended {
		l.log.Info("a query parameter of the platform's lists is used again", "parameter", name, "way", string(way))
		if err := l.parameters.DeleteListParameter(context.WithoutCancel(ctx), l.account, name); err != nil {
			l.log.Error("cannot record that a query parameter works again", "parameter", name, "err", err)
		}
	}
}

// noteRefused records that a query failed, and reports whether it is time to leave parameters
// out.
func (l *encodingList) noteRefused(used []string, err error) (leaveOut bool) {
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
			enough = 1 // the parameter did not work before, and was only tried again
		}
	}
	key := strings.Join(used, " ")
	l.failures[key]++
	return l.failures[key] >= enough
}

// noteFault records parameters that do not work. cause may be nil.
func (l *encodingList) noteFault(ctx context.Context, fault job.ParameterFault, cause error, names ...string) {
	for _, name := range names {
		p := job.ListParameter{Name: name, Fault: fault, Time: l.clock.Now()}
		l.mu.Lock()
		before, known := l.faults[name]
		isNew := !known || before.Fault != fault
		upToDate := !isNew && !l.retryDue(before)
		if !upToDate {
			l.faults[name] = p
		}
		way := l.way()
		l.mu.Unlock()
		if upToDate {
			continue
		}
		if isNew {
			l.log.Warn("a query parameter of the platform's lists does not work; going on without, slower",
				"parameter", name, "fault", string(fault), "way", string(way), "err", cause)
		}
		if err := l.parameters.SaveListParameter(context.WithoutCancel(ctx), l.account, p); err != nil {
			l.log.Error("cannot record that a query parameter does not work", "parameter", name, "err", err)
		}
	}
}

// faultyParameters are the parameters that do not work, by name. The caller holds l.mu.
func (l *encodingList) faultyParameters() (all []job.ListParameter) {
	for _, name := range slices.Sorted(maps.Keys(l.faults)) {
		all = append(all, l.faults[name])
	}
	return all
}

// way is how our encodings are found. The caller holds l.mu.
func (l *encodingList) way() job.ListingWay {
	if _, faulty := l.faults[bitmovin.ParamSearch]; !faulty {
		return job.ListBySearch
	}
	if _, faulty := l.faults[bitmovin.ParamCreatedAfter]; !faulty {
		return job.ListByTime
	}
	return job.ListByWalk
}

package dispatcher

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// principalStarts limits the starts of a day (UTC) for the batches of each principal, on all accounts together.
// The job table counts them as it counts those of an account. A principal that has reached its limit is left out
// of the line until the next day: the jobs of others go on.
//
// Another account loop may use up what is left. So the permit of a start asks the job table once more, and what
// is kept here only saves starts that would not be permitted.
type principalStarts struct {
	limitOf func(principal string) int // 0: no limit; the answer changes with the configuration
	log     *slog.Logger
	counted map[string]job.DailyStarts // of the principals with a limit that have batches in the line
}

func newPrincipalStarts(limitOf func(string) int, log *slog.Logger) *principalStarts {
	return &principalStarts{limitOf: limitOf, log: log, counted: map[string]job.DailyStarts{}}
}

// limit is how many starts a day may have for the batches of a principal; 0: any number.
func (s *principalStarts) limit(principal string) int {
	if s.limitOf == nil {
		return 0
	}
	return s.limitOf(principal)
}

// usedUp reports whether all starts of the day are made.
func (s *principalStarts) usedUp(principal string, now time.Time) bool {
	counted, known := s.counted[principal]
	limit := s.limit(principal)
	return known && limit > 0 && counted.Counted() >= limit && dayEnd(counted).After(now)
}

// dayEnd is when the day of a count ends.
func dayEnd(d job.DailyStarts) time.Time { return d.Day.Add(24 * time.Hour) }

// listUsedUp lists the principals that have made all starts of the day.
func (s *principalStarts) listUsedUp(now time.Time) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.counted)) {
		if s.usedUp(name, now) {
			names = append(names, name)
		}
	}
	return names
}

// until is when the first of them goes on; zero if there are none.
func (s *principalStarts) until(now time.Time) (until time.Time) {
	for _, name := range s.listUsedUp(now) {
		until = earlier(until, dayEnd(s.counted[name]))
	}
	return until
}

// read reads the count of a principal, and reports whether with that it has made all of its starts.
func (s *principalStarts) read(ctx context.Context, store AccountStore, principal string, now time.Time) (reached bool, err error) {
	before := s.usedUp(principal, now)
	if s.counted[principal], err = store.PrincipalStarts(ctx, principal, now); err != nil {
		delete(s.counted, principal)
		return false, err
	}
	reached = s.usedUp(principal, now) && !before
	if reached {
		s.log.Warn("the principal has made all starts that it may make in a day; its jobs wait for the next one (UTC)",
			"principal", principal, "limit", s.limit(principal), "until", dayEnd(s.counted[principal]))
	}
	return reached, nil
}

// readAgain reads all counts again, and reports whether a principal has made all of its starts meanwhile, or may
// go on.
func (s *principalStarts) readAgain(ctx context.Context, store AccountStore, now time.Time) (changed bool, err error) {
	for _, name := range slices.Sorted(maps.Keys(s.counted)) {
		before := s.usedUp(name, now)
		if _, err := s.read(ctx, store, name, now); err != nil {
			return changed, err
		}
		changed = changed || s.usedUp(name, now) != before
	}
	return changed, nil
}

// readNew reads the counts of principals that have batches in the line, as far as they have a limit and are not
// known yet. It reports whether one of them has made all of its starts.
func (s *principalStarts) readNew(ctx context.Context, store AccountStore, batches []*batch, now time.Time) (reached bool, err error) {
	for _, b := range batches {
		if _, known := s.counted[b.CreatedBy]; known || s.limit(b.CreatedBy) == 0 {
			continue
		}
		one, err := s.read(ctx, store, b.CreatedBy, now)
		if err != nil {
			return reached, err
		}
		reached = reached || one
	}
	return reached, nil
}

// left is how many more starts each principal may make that has a limit. starting are the batches of jobs whose
// start is under way, which may not be counted yet.
func (s *principalStarts) left(starting []*batch, now time.Time) map[string]int {
	if len(s.counted) == 0 {
		return nil
	}
	left := make(map[string]int, len(s.counted))
	for name, counted := range s.counted {
		limit := s.limit(name)
		if limit == 0 {
			continue
		}
		left[name] = limit
		if dayEnd(counted).After(now) {
			left[name] -= counted.Counted()
		}
	}
	for _, b := range starting {
		if _, limited := left[b.CreatedBy]; limited {
			left[b.CreatedBy]--
		}
	}
	return left
}

// describe adds the principals that have made all of their starts to the account's status.
func (s *principalStarts) describe(status *job.AccountStatus, now time.Time) {
	for _, name := range s.listUsedUp(now) {
		if status.ExhaustedPrincipals == nil {
			status.ExhaustedPrincipals = map[string]job.StartLimit{}
		}
		status.ExhaustedPrincipals[name] = job.StartLimit{Starts: s.limit(name), Until: dayEnd(s.counted[name])}
	}
}

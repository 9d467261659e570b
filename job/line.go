package job

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Share is how many jobs of one batch are in the line of its account, in a back-off, in flight and
// ended.
type Share struct {
	Seq       int64  // of the batch
	CreatedBy string // who submitted the batch
	Priority  int
	InFlight  int64     // jobs that are starting, queued, running or being cancelled
	Ended     int64     // jobs that have ended
	Due       int64     // waiting jobs that are not in a back-off
	NextDue   time.Time // when the next back-off ends; zero if no job is in a back-off
	BackedOff int64     // jobs in a back-off
}

// Line is the order in which the due jobs of one account are started. Jobs of batches with a higher
// priority go first. Among batches of the same priority, the next job is one of the batch with the
// fewest jobs in flight, then with the fewest ended jobs, then of the batch that was submitted
// first. That is the order of the dispatcher. Line derives it from the number of jobs of each batch,
// without reading the jobs. A Line does not change.
type Line struct {
	tiers  []tier // from the highest priority to the lowest
	shares map[int64]Share
}

// tier has the batches of one priority that have due jobs.
//
// The level of a job is how many jobs of its batch are in flight when it is started: those in
// flight now, and those that go before it. Jobs are started in the order of their levels. A batch
// has one job on each level from its first to the one before its last.
type tier struct {
	priority           int
	shares             []Share
	due                int64       // due jobs of all batches of the tier
	starts, ends       []levelMark // the first level of each batch, and the level after its last; sorted by level
	startSums, endSums []int64     // startSums[i] is the sum of the levels of starts[:i]; endSums as well
}

// levelMark is the first level of a batch, or the level after its last.
type levelMark struct{ level, ended, seq int64 }

// NewLine makes the line of an account from the shares of its batches whose jobs may be started. The
// shares may be in any order.
func NewLine(shares []Share) *Line {
	l := &Line{shares: make(map[int64]Share, len(shares))}
	shares = slices.Clone(shares)
	slices.SortFunc(shares, func(a, b Share) int { return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Seq, b.Seq)) })
	for _, s := range shares {
		l.shares[s.Seq] = s
	}
	for len(shares) > 0 {
		n := slices.IndexFunc(shares, func(s Share) bool { return s.Priority != shares[0].Priority })
		if n < 0 {
			n = len(shares)
		}
		l.tiers = append(l.tiers, newTier(shares[:n]))
		shares = shares[n:]
	}
	return l
}

func newTier(shares []Share) tier {
	t := tier{priority: shares[0].Priority, shares: shares}
	for _, s := range shares {
		if s.Due > 0 {
			t.due += s.Due
			t.starts = append(t.starts, levelMark{s.InFlight, s.Ended, s.Seq})
			t.ends = append(t.ends, levelMark{s.InFlight + s.Due, s.Ended, s.Seq})
		}
	}
	t.startSums, t.endSums = sortLevels(t.starts), sortLevels(t.ends)
	return t
}

// sortLevels sorts marks by level. It returns, at index i, the sum of the levels of the first i marks.
func sortLevels(marks []levelMark) []int64 {
	slices.SortFunc(marks, func(a, b levelMark) int { return cmp.Compare(a.level, b.level) })
	sums := make([]int64, len(marks)+1)
	for i, m := range marks {
		sums[i+1] = sums[i] + m.level
	}
	return sums
}

// Without returns the line without the batches whose shares are left out.
func (l *Line) Without(leftOut func(Share) bool) *Line {
	all := l.Shares()
	rest := slices.DeleteFunc(slices.Clone(all), leftOut)
	if len(rest) == len(all) {
		return l
	}
	return NewLine(rest)
}

// Shares returns the shares of all batches in the line, the highest priority first, then in the order of
// submission.
func (l *Line) Shares() []Share {
	var all []Share
	for _, t := range l.tiers {
		all = append(all, t.shares...)
	}
	return all
}

// ShareOf returns the share of a batch; false if the batch is not in the line.
func (l *Line) ShareOf(seq int64) (Share, bool) {
	s, ok := l.shares[seq]
	return s, ok
}

// Place says where the jobs of one batch stand in a line.
type Place struct {
	share Share
	above int64  // due jobs of higher priority
	ahead []tier // of higher priority
	tier  *tier
	// The levels of tier.starts and tier.ends, without the batches that go after this one where
	// both have a job on one level. Sorted.
	tiedStarts, tiedEnds []int64
}

// PlaceOf returns the place of a batch; false if the batch is not in the line. Its time is linear in
// the number of batches of the same priority.
func (l *Line) PlaceOf(seq int64) (Place, bool) {
	own, ok := l.shares[seq]
	if !ok {
		return Place{}, false
	}
	p := Place{share: own}
	for i := range l.tiers {
		t := &l.tiers[i]
		if t.priority > own.Priority {
			p.above += t.due
			p.ahead = l.tiers[:i+1]
		}
		if t.priority == own.Priority {
			p.tier = t
		}
	}
	p.tiedStarts, p.tiedEnds = own.tieWinners(p.tier.starts), own.tieWinners(p.tier.ends)
	return p, true
}

// tieWinners returns the levels of batches that go before s where both have a job on one level.
func (s Share) tieWinners(marks []levelMark) []int64 {
	levels := make([]int64, 0, len(marks))
	for _, m := range marks {
		if m.ended < s.Ended || m.ended == s.Ended && m.seq < s.Seq {
			levels = append(levels, m.level)
		}
	}
	return levels
}

// BatchShare returns the share of the batch.
func (p *Place) BatchShare() Share { return p.share }

// HigherPriorityCount returns how many due jobs of batches with a higher priority go first.
func (p *Place) HigherPriorityCount() int64 { return p.above }

// ListAhead returns the shares of the batches of a higher priority that have due jobs, at most n of them: those
// with the most due jobs, the most first.
func (p *Place) ListAhead(n int) []Share {
	var list []Share
	for _, t := range p.ahead {
		for _, s := range t.shares {
			if s.Due > 0 {
				list = append(list, s)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Share) int { return cmp.Compare(b.Due, a.Due) })
	return list[:min(len(list), n)]
}

// Position returns the position in line of the due job of the batch that has rank due jobs of the
// batch before it. Position 1 is the next job to be started.
func (p *Place) Position(rank int64) int64 {
	level := p.share.InFlight + rank
	// The jobs on lower levels go first. Of each batch, they are as many as the levels from its
	// first up to this one, less the levels from its end up to this one.
	before := distanceBelow(p.tier.starts, p.tier.startSums, level) - distanceBelow(p.tier.ends, p.tier.endSums, level)
	tied := countUpTo(p.tiedStarts, level) - countUpTo(p.tiedEnds, level)
	return p.above + before + tied + 1
}

// distanceBelow is the sum of the distances from the marks below a level to the level.
func distanceBelow(marks []levelMark, sums []int64, level int64) int64 {
	n := sort.Search(len(marks), func(i int) bool { return marks[i].level >= level })
	return int64(n)*level - sums[n]
}

// countUpTo counts the levels that are at most level. levels is sorted.
func countUpTo(levels []int64, level int64) int64 {
	return int64(sort.Search(len(levels), func(i int) bool { return levels[i] > level }))
}

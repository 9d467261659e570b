package job

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Share is what one batch contributes to the line of an account, and gets of its places.
type Share struct {
	Seq       int64 // of the batch
	Priority  int
	InFlight  int64 // jobs that are starting, queued, running or being cancelled
	Ended     int64 // jobs that have ended
	Due       int64 // jobs that wait and are not waiting out a back-off
	NextDue   time.Time
	BackedOff int64 // jobs that wait out a back-off
}

// Line is the order in which the waiting jobs of one account are started, as it follows
// from how many each batch has: jobs of batches with a higher priority go first; among
// batches of the same priority the next job is one of the batch with the fewest jobs in
// flight, then of the one of which fewer have begun, then of the one submitted first.
// It is the order of the dispatcher's window, without reading any job. It is not
// changed once made, and costs a sort of the batches once.
type Line struct {
	tiers  []tier // from the highest priority to the lowest
	shares map[int64]Share
}

// tier is the batches of one priority that have jobs which are due.
//
// The level of a job is how many jobs of its batch are in flight when its turn comes: those
// that are now, and those before it. Jobs go in the order of their levels; a batch has one on
// each level from its first to the one before its last.
type tier struct {
	priority      int
	shares        []Share
	due           int64       // jobs in all
	first, last   []levelMark // sorted by level
	firsts, lasts []int64     // the sums of the levels before each of them
}

// levelMark is the first level of a batch, or the one behind its last.
type levelMark struct{ level, ended, seq int64 }

// NewLine makes the line of an account from its batches whose jobs may be started, in any order.
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
			t.first = append(t.first, levelMark{s.InFlight, s.Ended, s.Seq})
			t.last = append(t.last, levelMark{s.InFlight + s.Due, s.Ended, s.Seq})
		}
	}
	t.firsts, t.lasts = sortLevels(t.first), sortLevels(t.last)
	return t
}

// sortLevels sorts marks by their levels, and returns the sums of the levels before each.
func sortLevels(marks []levelMark) []int64 {
	slices.SortFunc(marks, func(a, b levelMark) int { return cmp.Compare(a.level, b.level) })
	sums := make([]int64, len(marks)+1)
	for i, m := range marks {
		sums[i+1] = sums[i] + m.level
	}
	return sums
}

// Without is the line without some batches, which are passed over for now.
func (l *Line) Without(seqs map[int64]bool) *Line {
	if len(seqs) == 0 {
		return l
	}
	var rest []Share
	for _, t := range l.tiers {
		rest = append(rest, slices.DeleteFunc(slices.Clone(t.shares), func(s Share) bool { return seqs[s.Seq] })...)
	}
	return NewLine(rest)
}

// ShareOf is what a batch contributes; false if it has no job that may be started.
func (l *Line) ShareOf(seq int64) (Share, bool) {
	s, ok := l.shares[seq]
	return s, ok
}

// Place is where the jobs of one batch stand in a line.
type Place struct {
	share Share
	above int64 // jobs of higher priority
	tier  *tier
	// The levels, sorted, of those batches that win a tie against this one.
	firsts, lasts []int64
}

// PlaceOf finds a batch in the line; false if it is not in it. It costs a walk through the
// batches of the same priority.
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
		}
		if t.priority == own.Priority {
			p.tier = t
		}
	}
	p.firsts, p.lasts = own.tieWinners(p.tier.first), own.tieWinners(p.tier.last)
	return p, true
}

// tieWinners are the levels of batches that go before s when both have a job on the same one.
func (s Share) tieWinners(marks []levelMark) []int64 {
	levels := make([]int64, 0, len(marks))
	for _, m := range marks {
		if m.ended < s.Ended || m.ended == s.Ended && m.seq < s.Seq {
			levels = append(levels, m.level)
		}
	}
	return levels
}

// BatchShare is what the batch contributes to the line.
func (p *Place) BatchShare() Share { return p.share }

// HigherPriorityCount is how many jobs of batches with a higher priority go first.
func (p *Place) HigherPriorityCount() int64 { return p.above }

// Position is the place in line of the job before which rank jobs of its own batch go: 1 is next.
func (p *Place) Position(rank int64) int64 {
	level := p.share.InFlight + rank
	// Of each batch the jobs from its first level to this one go before, its own included:
	// the levels from the first on, less those behind the last.
	before := distanceBelow(p.tier.first, p.tier.firsts, level) - distanceBelow(p.tier.last, p.tier.lasts, level)
	tied := countUpTo(p.firsts, level) - countUpTo(p.lasts, level)
	return p.above + before + tied + 1
}

// distanceBelow is the sum of how far marks lie below a level, of those that do.
func distanceBelow(marks []levelMark, sums []int64, level int64) int64 {
	n := sort.Search(len(marks), func(i int) bool { return marks[i].level >= level })
	return int64(n)*level - sums[n]
}

// countUpTo is how many levels are not above a level.
func countUpTo(levels []int64, level int64) int64 {
	return int64(sort.Search(len(levels), func(i int) bool { return levels[i] > level }))
}

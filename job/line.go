package job

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Share is how many jobs one batch has in the line of its account, and at the platform.
type Share struct {
	Seq       int64 // of the batch
	Priority  int
	InFlight  int64     // jobs that are starting, queued, running or being cancelled
	Ended     int64     // jobs that have ended
	Due       int64     // waiting jobs that are not in a back-off
	NextDue   time.Time // when the next back-off ends; zero without one
	BackedOff int64     // jobs in a back-off
}

// Line is the order in which the waiting jobs of one account are started. Jobs of batches with a
// higher priority go first. Among batches of the same priority, the next job is one of the batch
// with the fewest jobs in flight, then of the batch of which fewer have begun, then of the batch
// that was submitted first. That is the order of the dispatcher, derived from the number of jobs
// of each batch without reading the jobs. A Line does not change; making it sorts the batches once.
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
	priority      int
	shares        []Share
	due           int64       // jobs in all
	first, last   []levelMark // sorted by level
	firsts, lasts []int64     // the sums of the levels before each of them
}

// levelMark is the first level of a batch, or the level after its last.
type levelMark struct{ level, ended, seq int64 }

// NewLine makes the line of an account from its batches whose jobs may be started. They may be in
// any order.
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

// sortLevels sorts marks by level and returns the sum of the levels before each.
func sortLevels(marks []levelMark) []int64 {
	slices.SortFunc(marks, func(a, b levelMark) int { return cmp.Compare(a.level, b.level) })
	sums := make([]int64, len(marks)+1)
	for i, m := range marks {
		sums[i+1] = sums[i] + m.level
	}
	return sums
}

// Without returns the line without the batches with some sequence numbers.
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

// ShareOf returns the share of a batch; false if the batch is not in the line.
func (l *Line) ShareOf(seq int64) (Share, bool) {
	s, ok := l.shares[seq]
	return s, ok
}

// Place says where the jobs of one batch stand in a line.
type Place struct {
	share Share
	above int64 // jobs of higher priority
	tier  *tier
	// The levels of the batches that go before this one on the same level, sorted.
	firsts, lasts []int64
}

// PlaceOf returns the place of a batch; false if the batch is not in the line. It goes through the
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

// HigherPriorityCount returns how many jobs of batches with a higher priority go first.
func (p *Place) HigherPriorityCount() int64 { return p.above }

// Position returns the position in line of the job of the batch before which rank others of the
// batch go; 1 is the next job to be started.
func (p *Place) Position(rank int64) int64 {
	level := p.share.InFlight + rank
	// The jobs on lower levels go first. Of each batch, these are the levels from its first up to
	// this one, less those after its last.
	before := distanceBelow(p.tier.first, p.tier.firsts, level) - distanceBelow(p.tier.last, p.tier.lasts, level)
	tied := countUpTo(p.firsts, level) - countUpTo(p.lasts, level)
	return p.above + before + tied + 1
}

// distanceBelow sums up how far the marks below a level are below it.
func distanceBelow(marks []levelMark, sums []int64, level int64) int64 {
	n := sort.Search(len(marks), func(i int) bool { return marks[i].level >= level })
	return int64(n)*level - sums[n]
}

// countUpTo counts the levels that are not above a level.
func countUpTo(levels []int64, level int64) int64 {
	return int64(sort.Search(len(levels), func(i int) bool { return levels[i] > level }))
}

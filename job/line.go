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

// tier is the batches of one priority.
type tier struct {
	priority int
	due      int64   // jobs in all
	byFirst  []Share // by the level of the first job, see levels
	byLast   []Share // by the level behind the last job
}

// The level of a job is how many jobs of its batch are in flight when its turn comes: those
// that are, and those before it. Jobs go in the order of their levels.
func (s Share) first() int64 { return s.InFlight }
func (s Share) last() int64  { return s.InFlight + s.Due }

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
	t := tier{priority: shares[0].Priority, byFirst: slices.Clone(shares), byLast: slices.Clone(shares)}
	slices.SortFunc(t.byFirst, func(a, b Share) int { return cmp.Compare(a.first(), b.first()) })
	slices.SortFunc(t.byLast, func(a, b Share) int { return cmp.Compare(a.last(), b.last()) })
	for _, s := range shares {
		t.due += s.Due
	}
	return t
}

// Without is the line without some batches, which are passed over for now.
func (l *Line) Without(seqs map[int64]bool) *Line {
	if len(seqs) == 0 {
		return l
	}
	var rest []Share
	for _, t := range l.tiers {
		rest = append(rest, slices.DeleteFunc(slices.Clone(t.byFirst), func(s Share) bool { return seqs[s.Seq] })...)
	}
	return NewLine(rest)
}

// Share is what a batch contributes; false if it has no job that may be started.
func (l *Line) Share(seq int64) (Share, bool) {
	s, ok := l.shares[seq]
	return s, ok
}

// Place is where the jobs of one batch stand in a line. It costs a walk through the
// batches of the same priority once, and a search among them for each job.
type Place struct {
	share Share
	above int64 // jobs of higher priority
	// How many jobs of the others go before a level: what lies below it of each, and,
	// of those that win a tie, the one on it.
	firsts, lasts       []int64 // levels, sorted
	sumFirsts, sumLasts []int64 // of all levels before
	tieFirsts, tieLasts []int64
}

// Place finds a batch in the line; false if it is not in it.
func (l *Line) Place(seq int64) (Place, bool) {
	own, ok := l.shares[seq]
	if !ok {
		return Place{}, false
	}
	p := Place{share: own}
	for _, t := range l.tiers {
		if t.priority > own.Priority {
			p.above += t.due
		}
		if t.priority == own.Priority {
			p.firsts, p.sumFirsts, p.tieFirsts = levels(t.byFirst, own, Share.first)
			p.lasts, p.sumLasts, p.tieLasts = levels(t.byLast, own, Share.last)
		}
	}
	return p, true
}

// levels collects a level of each of the other batches with jobs, which come in its order.
func levels(shares []Share, own Share, level func(Share) int64) (all, sums, ties []int64) {
	all, sums = make([]int64, 0, len(shares)), make([]int64, 1, len(shares)+1)
	for _, s := range shares {
		if s.Seq == own.Seq || s.Due <= 0 {
			continue
		}
		all = append(all, level(s))
		sums = append(sums, sums[len(sums)-1]+level(s))
		if cmp.Or(cmp.Compare(s.Ended, own.Ended), cmp.Compare(s.Seq, own.Seq)) < 0 {
			ties = append(ties, level(s))
		}
	}
	return all, sums, ties
}

// Share is what the batch contributes to the line.
func (p *Place) Share() Share { return p.share }

// Above is how many jobs of batches with a higher priority go first.
func (p *Place) Above() int64 { return p.above }

// Position is the place in line of the job before which rank jobs of its own batch go: 1 is next.
func (p *Place) Position(rank int64) int64 {
	level := p.share.InFlight + rank
	// Of each batch the jobs from its first level to this one go before: the levels from
	// the first on, less those behind the last.
	before := below(p.firsts, p.sumFirsts, level) - below(p.lasts, p.sumLasts, level)
	tied := upTo(p.tieFirsts, level) - upTo(p.tieLasts, level)
	return p.above + before + tied + rank + 1
}

// below is the sum of how far the levels lie below a level, of those that do.
func below(levels, sums []int64, level int64) int64 {
	n := sort.Search(len(levels), func(i int) bool { return levels[i] >= level })
	return int64(n)*level - sums[n]
}

// upTo is how many levels are not above a level.
func upTo(levels []int64, level int64) int64 {
	return int64(sort.Search(len(levels), func(i int) bool { return levels[i] > level }))
}

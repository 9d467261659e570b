// Package forecast tells when a batch will be done, from how long its encodings have
// taken lately, and how sure that is.
package forecast

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"
)

// Work is what is left of a batch.
type Work struct {
	Waiting int             // jobs that do not run yet
	Running []time.Duration // how long those that run will still take, or a fair sample of them
	Lanes   int             // how many run side by side while jobs wait; at least len(Running)
	// Lengths is how long encodings of the batch take: a fair sample of them, the
	// latest, in which short and long ones are as frequent as they are.
	Lengths []time.Duration
	Gap     time.Duration // how long an encoder is idle between two of them, on average
}

// Range is when something will be over, from now. Chances are four in five that it is
// between Earliest and Latest.
type Range struct {
	Earliest, Likely, Latest time.Duration
}

// Sample is how many lengths are worth knowing: with more, those of long ago would speak
// for those to come.
const Sample = 250

const (
	// tries is how many times a forecast works through what is left.
	tries = 40
	// tail is how many of the outcomes are left out at either end of a range. What is
	// known tells less of what comes than it tells of itself, so these are fewer than
	// one in ten.
	tail = 2
	// least is how far a range reaches at least, as a share of what is likely.
	least = 0.03
	// vague is how far the end of what runs may be off, as a share of what it says.
	vague = 0.1
	// rounds is how many jobs on each lane are worked through one by one. With more than
	// that to do, only how long they take altogether matters for the ones before.
	rounds = 3
	// maxLanes bounds the lanes that are worked through one by one.
	maxLanes = 64
	// farthest is as far as a batch that runs can be forecast.
	farthest = 365 * 24 * time.Hour
)

// Rest forecasts when all of the work will be done. It is false if nothing is known of how
// long encodings take, or if the end is more than a year away.
//
// It works through what is left again and again, with lengths drawn from the sample. How
// far the outcomes lie apart is how sure it is: that comes from how much lengths differ,
// how many of them are known, and how the last ones happen to fall on the lanes. An
// encoding that takes longer than all in the sample is not foreseen.
func (w Work) Rest() (Range, bool) { return w.RestWithin(farthest) }

// RestWithin is Rest with another limit than a year.
func (w Work) RestWithin(limit time.Duration) (Range, bool) {
	if w.Waiting > 0 && len(w.Lengths) == 0 || w.Waiting+len(w.Running) == 0 {
		return Range{}, false
	}
	w.Lanes = max(w.Lanes, len(w.Running), 1)
	random := rand.New(rand.NewPCG(uint64(len(w.Lengths)), 1)) // the same question has the same answer
	outcomes := make([]float64, tries)
	for i := range outcomes {
		outcomes[i] = w.try(random)
	}
	slices.Sort(outcomes)
	likely := outcomes[tries/2]
	doubt := likely * least
	if len(w.Running) > 0 {
		doubt = max(doubt, min(slices.Max(w.Running).Seconds(), likely)*vague)
	}
	latest := max(outcomes[tries-1-tail], likely+doubt)
	if latest > limit.Seconds() { // it may be more than a duration holds
		return Range{}, false
	}
	return Range{Earliest: seconds(min(outcomes[tail], likely-doubt)), Likely: seconds(likely), Latest: seconds(latest)}, true
}

// try works through what is left once. It returns the seconds it took.
func (w Work) try(random *rand.Rand) float64 {
	// The sample stands for all encodings, the more surely the larger it is: each try
	// draws another one from it, as large.
	sample, mean := make([]float64, len(w.Lengths)), 0.0
	for i := range sample {
		sample[i] = (w.Lengths[random.IntN(len(w.Lengths))] + w.Gap).Seconds()
		mean += sample[i] / float64(len(sample))
	}
	simulated := min(w.Lanes, maxLanes)
	share := float64(simulated) / float64(w.Lanes)
	waiting := min(float64(w.Waiting)*share, float64(rounds*simulated))
	before := (float64(w.Waiting) - waiting/share) * mean / float64(w.Lanes)
	lanes := make(lanes, simulated)
	for i := range lanes {
		if len(w.Running) > 0 {
			lanes[i] = w.Running[i*len(w.Running)/simulated].Seconds()
		}
	}
	if len(w.Running) > simulated {
		lanes[0] = slices.Max(w.Running).Seconds() // it may be what all wait for
	}
	heap.Init(&lanes)
	// Of few jobs on many lanes not even one may come to be simulated: it would be the last to end.
	for range max(int(waiting+random.Float64()), min(w.Waiting, 1)) {
		lanes[0] += sample[random.IntN(len(sample))]
		heap.Fix(&lanes, 0)
	}
	return before + slices.Max(lanes)
}

// lanes is when each lane is free, a heap.
type lanes []float64

func (l lanes) Len() int           { return len(l) }
func (l lanes) Less(i, j int) bool { return l[i] < l[j] }
func (l lanes) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lanes) Push(any)          {} // never called: lanes neither come nor go
func (l *lanes) Pop() any          { return nil }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

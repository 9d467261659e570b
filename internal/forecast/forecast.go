// Package forecast estimates when a batch will be done, from how long its encodings took lately,
// and how far that may be off.
package forecast

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Work is what is left of a batch.
type Work struct {
	Waiting  int             // jobs that do not run yet
	Running  []time.Duration // how much longer the running jobs will take, or a fair sample of them
	Parallel int             // how many jobs run at a time while jobs wait; at least len(Running)
	// Lengths is how long encodings of the batch take: a fair sample of the latest ones, with
	// short and long ones as frequent as they are in the batch.
	Lengths []time.Duration
	Gap     time.Duration // how long an encoder is idle between two encodings, on average
}

// Range is when something will be over, counted from now. With four chances in five it is over
// between Earliest and Latest.
type Range struct {
	Earliest, Likely, Latest time.Duration
}

// SampleSize is how many lengths an estimate uses. More would include encodings of long ago,
// which say less about those to come.
const SampleSize = 250

const (
	// trials is how many times an estimate simulates the work that is left.
	trials = 40
	// cutOutcomes is how many outcomes a range leaves out at either end. These are fewer than
	// one in ten, because the sample says less about the encodings to come than about itself.
	cutOutcomes = 2
	// minDoubt is how far a range reaches at least to either side, as a share of the likely
	// outcome.
	minDoubt = 0.03
	// runningDoubt is how far the estimated end of a running job may be off, as a share of the
	// time that is left for it.
	runningDoubt = 0.1
	// simulatedRounds is how many jobs are simulated on each encoder. Of jobs before those,
	// only the total length matters.
	simulatedRounds = 3
	// maxSimulatedLanes is how many encoders are simulated; more are scaled down to as many.
	maxSimulatedLanes = 64
)

// Estimate says when all of the work will be done. It is false if no length is known, or if the
// end is further away than the limit.
//
// It simulates the work many times, with lengths drawn from the sample. The spread of the
// outcomes is the range: it comes from how much lengths differ, how many are known, and how the
// last encodings happen to be distributed. An encoding that takes longer than all in the sample
// is not foreseen.
func (w Work) Estimate(limit time.Duration) (Range, bool) {
	if w.Waiting > 0 && len(w.Lengths) == 0 || w.Waiting+len(w.Running) == 0 {
		return Range{}, false
	}
	w.Parallel = max(w.Parallel, len(w.Running), 1)
	random := rand.New(rand.NewPCG(uint64(len(w.Lengths)), 1)) // equal work has equal estimates
	outcomes := make([]float64, trials)
	for i := range outcomes {
		outcomes[i] = w.simulate(random)
	}
	slices.Sort(outcomes)
	likely := outcomes[trials/2]
	doubt := likely * minDoubt
	if len(w.Running) > 0 {
		doubt = max(doubt, min(slices.Max(w.Running).Seconds(), likely)*runningDoubt)
	}
	latest := max(outcomes[trials-1-cutOutcomes], likely+doubt)
	if latest > limit.Seconds() { // compared as seconds: a duration may not hold it
		return Range{}, false
	}
	return Range{Earliest: seconds(min(outcomes[cutOutcomes], likely-doubt)), Likely: seconds(likely), Latest: seconds(latest)}, true
}

// simulate runs through the work once and returns how many seconds it took.
func (w Work) simulate(random *rand.Rand) float64 {
	// Each run draws a new sample of the same size from the sample: the smaller the sample,
	// the more the outcomes differ.
	sample, mean := make([]float64, len(w.Lengths)), 0.0
	for i := range sample {
		sample[i] = (w.Lengths[random.IntN(len(w.Lengths))] + w.Gap).Seconds()
		mean += sample[i] / float64(len(sample))
	}
	simulated := min(w.Parallel, maxSimulatedLanes)
	share := float64(simulated) / float64(w.Parallel)
	waiting := min(float64(w.Waiting)*share, float64(simulatedRounds*simulated))
	before := (float64(w.Waiting) - waiting/share) * mean / float64(w.Parallel)
	lanes := make([]float64, simulated) // when each encoder is free, in seconds from now; a heap
	for i := range lanes {
		if len(w.Running) > 0 {
			lanes[i] = w.Running[i*len(w.Running)/simulated].Seconds()
		}
	}
	if len(w.Running) > simulated {
		lanes[0] = slices.Max(w.Running).Seconds() // the longest may decide when the batch ends
	}
	slices.Sort(lanes)
	// Scaling down few jobs on many lanes may leave less than one; the last to end is simulated.
	for range max(int(waiting+random.Float64()), min(w.Waiting, 1)) {
		lanes[0] += sample[random.IntN(len(sample))]
		siftDown(lanes)
	}
	return before + slices.Max(lanes)
}

// siftDown restores the order of a heap, the smallest first, after its first element has grown.
func siftDown(heap []float64) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if other := child + 1; other < len(heap) && heap[other] < heap[child] {
			child = other
		}
		if heap[i] <= heap[child] {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Package forecast estimates when a batch will be done, and how far the estimate may be off. It
// estimates from how long the latest encodings of the batch took.
package forecast

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Work is what is left of a batch.
type Work struct {
	Waiting  int             // jobs that do not run yet
	Running  []time.Duration // how much longer each running job will take; of many, a random sample
	Parallel int             // how many jobs run at a time while jobs wait; raised to len(Running) if less
	// Lengths is how long the latest encodings of the batch took. Short and long ones have to be
	// as frequent as they are in the batch.
	Lengths []time.Duration
	Gap     time.Duration // how long an encoder is idle between two encodings, on average
}

// Range is how long from now the work will take. The chance that it takes between Earliest and
// Latest is four in five.
type Range struct {
	Earliest, Likely, Latest time.Duration
}

// SampleSize is how many [Work.Lengths] a caller should give. More would include encodings of
// long ago, which say less about those to come.
const SampleSize = 250

const (
	// trials is how many times an estimate simulates the work that is left.
	trials = 40
	// cutOutcomes is how many outcomes a range leaves out at either end. For four chances in
	// five it would be one outcome in ten. It is half of that, because the encodings to come
	// differ from the sample more than the outcomes show.
	cutOutcomes = 2
	// minDoubt is the least distance from Likely to either end of a range, as a share of Likely.
	minDoubt = 0.03
	// runningDoubt is how far the estimated end of a running job may be off, as a share of the
	// time that is left for it.
	runningDoubt = 0.1
	// simulatedRounds is how many waiting jobs, the last ones, are simulated on each encoder.
	// The jobs before them count with the mean length.
	simulatedRounds = 3
	// maxSimulatedEncoders is how many encoders are simulated. More encoders are scaled down to
	// this number, and the waiting jobs with them.
	maxSimulatedEncoders = 64
)

// Estimate says how long the work will take. It returns false if there is no work, if jobs wait
// and no length is known, or if Latest would exceed the limit. Equal work has equal estimates.
//
// Estimate simulates the work many times, with lengths drawn from Lengths, and makes the range from
// the outcomes. The range is wide if the lengths differ much, if few are known, or if few
// encodings are left. It does not foresee an encoding that takes longer than all of Lengths.
func (w Work) Estimate(limit time.Duration) (Range, bool) {
	if w.Waiting > 0 && len(w.Lengths) == 0 || w.Waiting+len(w.Running) == 0 {
		return Range{}, false
	}
	w.Parallel = max(w.Parallel, len(w.Running), 1)
	random := rand.New(rand.NewPCG(uint64(len(w.Lengths)), 1)) // a fixed seed: equal work has equal estimates
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
	if latest > limit.Seconds() { // compared in seconds, because latest may overflow a duration
		return Range{}, false
	}
	return Range{Earliest: seconds(min(outcomes[cutOutcomes], likely-doubt)), Likely: seconds(likely), Latest: seconds(latest)}, true
}

// simulate simulates the work once and returns how many seconds the work took.
func (w Work) simulate(random *rand.Rand) float64 {
	// Each simulation draws a sample of its own from Lengths (a bootstrap): the fewer lengths are
	// known, the more the outcomes differ.
	sample, mean := make([]float64, len(w.Lengths)), 0.0
	for i := range sample {
		sample[i] = (w.Lengths[random.IntN(len(w.Lengths))] + w.Gap).Seconds()
		mean += sample[i] / float64(len(sample))
	}
	simulated := min(w.Parallel, maxSimulatedEncoders)
	share := float64(simulated) / float64(w.Parallel)
	waiting := min(float64(w.Waiting)*share, float64(simulatedRounds*simulated))
	before := (float64(w.Waiting) - waiting/share) * mean / float64(w.Parallel)
	freeAt := make([]float64, simulated) // when each encoder is free, in seconds from now; a heap
	for i := range freeAt {
		if len(w.Running) > 0 {
			freeAt[i] = w.Running[i*len(w.Running)/simulated].Seconds()
		}
	}
	if len(w.Running) > simulated {
		freeAt[0] = slices.Max(w.Running).Seconds() // the longest may decide when the batch ends
	}
	slices.Sort(freeAt)
	// Scaling down may leave less than one waiting job. At least one is simulated.
	for range max(int(waiting+random.Float64()), min(w.Waiting, 1)) {
		freeAt[0] += sample[random.IntN(len(sample))]
		siftDown(freeAt)
	}
	return before + slices.Max(freeAt)
}

// siftDown restores the order of a min-heap after its first element has grown.
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

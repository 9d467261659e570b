package dispatcher

import (
	"math"
	"time"

	"github.com/stokerd/stoker/job"
)

const (
	// refillTime is how long the loop takes to see a free place and to fill it, without the calls.
	refillTime = 2 * time.Second
	// headroomFactor times as many encodings as end while a place is seen and filled should be
	// queued: encodings do not end evenly.
	headroomFactor = 3
	// maxSetupTime is the longest set-up of a template's encoding that the average takes: a
	// longer one, probably an accident, counts as this long.
	maxSetupTime = 30 * time.Second
	// averageOver is the weight of the averages: a new value moves one by an eighth of the
	// difference.
	averageOver = 8
	// runsOver is the same for how long encodings run, which varies: the first ones count alike.
	runsOver = 32
	// starvingOver is the same for the share of encodings that starving encoders take.
	starvingOver = 48
	// minPreparePatience is how long the configuration of a job is waited for at least before jobs of other batches are
	// configured in its place: it takes some ten calls.
	minPreparePatience = 5 * time.Second
	// startsOver is the time over which starts are counted.
	startsOver = 5 * time.Second
)

// drainRate is what the loop has learnt about how fast encodings come and go.
type drainRate struct {
	runtime       time.Duration // how long encodings run, averaged; 0: not known yet
	runs          int           // how many the average is of; at most runsOver
	startTime     time.Duration // how long a start call takes, averaged
	prepareTime   time.Duration // how long configuring a job takes, averaged
	starts        float64       // accepted each second, averaged over startsOver, at latestStart
	latestStart   time.Time
	setupTime     time.Duration // how long the platform takes to queue a template's encoding, averaged
	starvingShare float64       // of the encodings that encoders took, those that they took as soon as they were queued; averaged
	starvingTime  time.Time     // when encoders were last seen to be starving
	headTakenTime time.Time     // when an encoder was last seen to have taken a queued encoding
}

// noteRun learns from an encoding that has run. finished is when it ended, by the platform's clock;
// zero if that is not known.
func (d *drainRate) noteRun(j *job.Job, finished, now time.Time) {
	if j.RunningTime.IsZero() {
		return
	}
	if finished.IsZero() {
		finished = now
	}
	run := max(finished.Sub(j.RunningTime), 0)
	d.runs = min(d.runs+1, runsOver)
	d.runtime += (run - d.runtime) / time.Duration(d.runs)
}

// noteSetup learns how long the platform took to queue the encoding of a template.
func (d *drainRate) noteSetup(took time.Duration) {
	took = min(took, maxSetupTime)
	if d.setupTime == 0 {
		d.setupTime = took
	}
	d.setupTime += (took - d.setupTime) / averageOver
}

// noteStartCall learns how long an accepted start took.
func (d *drainRate) noteStartCall(took time.Duration, now time.Time) {
	if d.startTime == 0 {
		d.startTime = took
	}
	d.startTime += (took - d.startTime) / averageOver
	d.starts = d.startsEachSecond(now) + 1/startsOver.Seconds()
	d.latestStart = now
}

// startPatience is how long a start is waited for.
func (d *drainRate) startPatience() time.Duration { return max(minStartPatience, 4*d.startTime) }

// preparePatience is how long the configuration of a job is waited for.
func (d *drainRate) preparePatience() time.Duration { return max(minPreparePatience, 4*d.prepareTime) }

// startsEachSecond is how many starts are accepted each second.
func (d *drainRate) startsEachSecond(now time.Time) float64 {
	return d.starts * math.Exp(-now.Sub(d.latestStart).Seconds()/startsOver.Seconds())
}

// startsDuring is how many starts are accepted within a time.
func (d *drainRate) startsDuring(span time.Duration, now time.Time) int {
	return int(math.Ceil(d.startsEachSecond(now) * span.Seconds()))
}

// notePrepare learns how long it took to configure a job.
func (d *drainRate) notePrepare(took time.Duration) {
	if d.prepareTime == 0 {
		d.prepareTime = took
	}
	d.prepareTime += (took - d.prepareTime) / averageOver
}

// queueNeeded is how many encodings should be queued while so many run, so that no encoder waits
// for a start; 0 if that is not known.
func (d *drainRate) queueNeeded(running int) int {
	if d.runtime <= 0 {
		return 0
	}
	perSecond := float64(running) / d.runtime.Seconds()
	return int(math.Ceil(headroomFactor * perSecond * (refillTime + d.startTime + d.setupTime).Seconds()))
}

// noteTaken learns that an encoder has taken a queued encoding; starving says that it did so as soon as
// the encoding was queued.
func (d *drainRate) noteTaken(starving bool, now time.Time) {
	is := 0.0
	if d.headTakenTime = now; starving {
		is, d.starvingTime = 1, now
	}
	d.starvingShare += (is - d.starvingShare) / starvingOver
}

// headPollInterval is how often to poll the head of the queue in case no other sign shows that
// it was taken: a third as often as encodings usually end.
func (d *drainRate) headPollInterval(running int) time.Duration {
	if d.runtime == 0 || running == 0 {
		return changePoll
	}
	return min(max(3*d.runtime/time.Duration(running), changePoll), maxHeadPoll)
}

package dispatcher

import (
	"math"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

const (
	// shortShare is the share of queued encodings that encoders take as soon as they are queued, from
	// which on the queue counts as too short; longShare is the share below which it no longer does.
	shortShare = 1.0 / 8
	longShare  = 1.0 / 24
	// adviceDelay is how long the queue must have been too short before the target is called too small,
	// and long enough before that is taken back.
	adviceDelay = 2 * time.Minute
	// adviceChange is by which share the numbers of an advice must have changed for it to change.
	adviceChange = 0.25
	// peakTime is how long the largest number of encodings that ran side by side counts.
	peakTime = 5 * time.Minute
	// nearLimit is the share of the platform's rate limit for starts from which on that limit bounds the
	// starts, and not the target.
	nearLimit = 0.9
)

// peak is the largest number of encodings that ran side by side of late: how many encoders there are.
type peak struct {
	running int
	time    time.Time
}

// note notes how many encodings run.
func (p *peak) note(running int, now time.Time) {
	if running >= p.running || now.Sub(p.time) >= peakTime {
		p.running, p.time = running, now
	}
}

// targetAdvisor finds out whether a queue target that somebody has chosen is too small, and says
// what an automatic one would be. It says so only once that has been so for a while, and takes it
// back in the same way.
type targetAdvisor struct {
	auto        autoTarget // not applied
	changeSince time.Time  // since when the opposite of what the advice says is true; zero: it is not
	given       job.TargetAdvice
}

// targetFacts are what advice rests on.
type targetFacts struct {
	target   int     // as chosen; 0 if it is automatic, or the platform accepts less
	highest  int     // automatic target
	waiting  bool    // jobs wait to be started
	running  int     // encodings side by side, at the peak
	starts   float64 // each second
	maxStart float64 // starts each second that the platform allows
}

// update brings the advice up to date.
func (a *targetAdvisor) update(f targetFacts, d drainRate, now time.Time) {
	wanted := a.auto.chooseTarget(d, f.running, DefaultQueueTarget, f.highest, false, now)
	if f.target == 0 || !f.waiting || a.given.Given() && a.given.Target != f.target {
		a.given, a.changeSince = job.TargetAdvice{}, time.Time{}
		return
	}
	share := shortShare
	if a.given.Given() {
		share = longShare
	}
	short := wanted > f.target && f.starts < nearLimit*f.maxStart && d.starvingShare >= share
	switch {
	case short == a.given.Given():
		a.changeSince = time.Time{}
	case a.changeSince.IsZero():
		a.changeSince = now
	}
	latest := job.TargetAdvice{Target: f.target, EncoderCount: f.running, CallTime: d.startTime, AutomaticTarget: wanted}
	switch changed := !a.changeSince.IsZero() && now.Sub(a.changeSince) >= adviceDelay; {
	case changed && !short:
		a.given, a.changeSince = job.TargetAdvice{}, time.Time{}
	case changed, short && a.given.Given() && (differs(a.given.EncoderCount, f.running) || differs(a.given.AutomaticTarget, wanted)):
		a.given, a.changeSince = latest, time.Time{}
	}
}

// differs reports whether a number has changed so much that it is to be said.
func differs(said, is int) bool { return math.Abs(float64(is-said)) > adviceChange*float64(said) }

// follow brings the advice up to date with the loop.
func (a *targetAdvisor) follow(l *accountLoop, now time.Time) {
	d := l.polls.drain
	f := targetFacts{
		target: l.limit.wanted, highest: max(DefaultAutoTarget, l.maxTarget, l.configured.Number), waiting: l.line.count() > 0, running: l.peak.running,
		starts: d.startsEachSecond(now), maxStart: l.worker.readBudget(bitmovin.ClassStart).PerSecond(),
	}
	if targetInForce(l).Auto || l.limit.effective < l.limit.wanted {
		f.target = 0
	}
	a.update(f, d, now)
}

package dispatcher

import (
	"cmp"
	"context"
	"time"
)

// finishAccountTask passes the result of a task for the account as a whole to the breaker and to
// the retry counts, and returns when to begin the task again if it failed.
func (l *accountLoop) finishAccountTask(kind taskKind, err error, now time.Time) (again time.Time) {
	l.noteCall(kind, "", err, now)
	return l.retries.note(kind, err, now)
}

// noteCall tells the breaker how a call about an object ended. An empty object stands for the
// account as a whole.
func (l *accountLoop) noteCall(kind taskKind, object string, err error, now time.Time) {
	if l.breaker.noteCall(cmp.Or(object, kind.String()), err, now) {
		l.logBreakerOpened(kind, err)
	}
}

// logBreakerOpened logs why the breaker opened.
func (l *accountLoop) logBreakerOpened(kind taskKind, err error) {
	l.log.Error("the platform cannot be used; jobs wait and lose no attempt", "task", kind.String(), "err", err)
}

// spawnPing makes the platform's cheapest call while the breaker is closed, to tell an outage from
// single objects without an answer.
func (l *accountLoop) spawnPing(ctx context.Context) {
	l.tasks.spawn(taskProbe, func() func() {
		err := l.worker.ping(ctx)
		return func() {
			if l.breaker.notePing(err, l.now()) {
				l.logBreakerOpened(taskProbe, err)
			}
		}
	})
}

// spawnProbe makes the platform's cheapest call while the breaker is open, to see whether an outage
// is over.
func (l *accountLoop) spawnProbe(ctx context.Context) {
	l.breaker.beginProbe()
	l.tasks.spawn(taskProbe, func() func() {
		err := l.worker.ping(ctx)
		return func() {
			now := l.now()
			if l.breaker.noteProbe(err, now) {
				l.log.Info("the platform can be used again")
				l.queue.nextTime, l.reconciliation.due = now, now
			}
		}
	})
}

// definitionsInterval is how often the client is asked whether the platform's definitions of
// errors are out of date. The client fetches them once a day, and sooner only if they could
// not be fetched.
const definitionsInterval = time.Hour

// spawnDefinitions fetches the platform's definitions of errors if they are due. No start depends
// on them, so that the breaker does not learn of an error.
func (l *accountLoop) spawnDefinitions(ctx context.Context, now time.Time) {
	if !l.worker.loadsDefinitions || l.tasks.stopping || !l.breaker.closed() || l.tasks.underWay[taskDefinitions] > 0 || l.definitionsDue.After(now) {
		return
	}
	l.tasks.spawn(taskDefinitions, func() func() {
		l.worker.loadDefinitions(ctx)
		return func() { l.definitionsDue = l.now().Add(definitionsInterval) }
	})
}

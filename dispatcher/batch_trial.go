package dispatcher

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// What the platform refuses for one job of a batch, by a 4xx while the job is configured or started
// from a template, it mostly refuses for all: they have one recipe or template. So the batch goes on
// trial: one job at a time, until one has passed. Each batch begins on trial, so that a refusal costs
// one job an attempt and not all that would have been configured side by side.

// errRefused is why a batch is on trial.
var errRefused = errors.New("the platform refuses to configure jobs of the batch")

// maxRefusedSkipPause is the limit of the pause between two jobs of a batch that are refused one after
// the other.
const maxRefusedSkipPause = maxJobPause

// refusal is the platform's refusal of a job by which its batch has to be judged; nil if there is
// none.
func (r taskResult) refusal() error {
	before, after := r.before.Failure, r.outcome.job.Failure
	switch {
	case !r.outcome.called || r.outcome.callErr == nil:
		return nil
	case after == nil || after.Kind != job.FailedConfigure || before != nil && before.Time.Equal(after.Time):
		return nil
	}
	return fmt.Errorf("%w: %w", errRefused, r.outcome.callErr)
}

// noteRefusal puts a batch on trial. After one refusal another job is tried at once: the first may have
// been the exception. After more in a row the batch is skipped for a growing pause, and at least until
// the refused job is tried again, so that this job and not all others use up their attempts.
func (bs batchBackoffs) noteRefusal(batchID string, err error, refused *job.Job, now time.Time) {
	b := bs.of(batchID)
	b.record(err, now)
	if b.until.After(now) {
		return // refused side by side with the one before
	}
	if b.refusals++; b.refusals == 1 {
		return
	}
	b.until = now.Add(growingPause(firstSkipPause, b.refusals-1, maxRefusedSkipPause))
	if again := refused.NextAttemptTime; refused.State == job.Waiting && again.After(b.until) && again.Before(now.Add(maxSharedPause)) {
		b.until = again
	}
}

// provenBatches are the batches of which this process has configured or started a job.
type provenBatches map[string]bool

// note records that a job of a batch was configured or started. live are the batches that the loop knows:
// the others are forgotten now and then.
func (p provenBatches) note(batchID string, live map[string]*batch) {
	const enough = 1000
	if len(p) >= enough {
		for id := range p {
			if live[id] == nil {
				delete(p, id)
			}
		}
	}
	p[batchID] = true
}

// isProven reports whether the platform has accepted a job of a batch.
func (p provenBatches) isProven(b *batch) bool {
	return !b.StartTime.IsZero() || p[b.ID]
}

// findLateBatches returns the batches, by id, all of whose jobs wait for answers that are late. They must not keep others
// out of the line. They are batches on trial whose one job is being started from a template for longer than a start is
// waited for, and batches without a configured job of which each job being configured takes longer than that is waited for.
// next is when there may be another one.
func findLateBatches(l *accountLoop, now time.Time) (ids []string, next time.Time) {
	for t := range l.jobs.index.working {
		b := t.batch
		if t.task != taskStart || b.Template == nil || t.taskSince.Add(l.polls.drain.startPatience()).After(now) {
			continue
		}
		if l.batchBackoffs.onTrial(b.ID, l.provenBatches.isProven(b)) {
			ids = append(ids, b.ID)
		}
	}
	late := map[string]time.Time{} // when the job becomes late that was begun last, of each batch
	for t := range l.jobs.index.preparing {
		late[t.batch.ID] = later(late[t.batch.ID], t.taskSince.Add(l.polls.drain.preparePatience()))
	}
	for id, at := range late {
		switch {
		case at.After(now):
			next = earlier(next, at)
		case !l.jobs.hasPrepared(id):
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), next
}

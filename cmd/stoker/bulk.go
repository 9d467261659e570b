package main

import (
	"context"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// A change is one call of a verb. With validateOnly it changes nothing, and says what it would do.
type change func(ctx context.Context, validateOnly bool) (effect, error)

// effect is what a change did, or would do.
type effect struct {
	jobs      int64 // changed
	batches   int64 // changed, or those of the jobs
	unchanged int64 // batches that are selected, and stay as they are
	counts    *stokerv1.JobCounts
	refs      []*stokerv1.BatchRef // some of the batches
	answer    proto.Message        // of the API
}

// makeChanges makes the calls one after the other, and adds up what they do. The sum has the answer of the API
// if there is one call.
func makeChanges(ctx context.Context, changes []change, validateOnly bool) (effect, error) {
	sum := effect{counts: &stokerv1.JobCounts{}}
	for _, make := range changes {
		one, err := make(ctx, validateOnly)
		if err != nil {
			return sum, err
		}
		sum.jobs += one.jobs
		sum.batches += one.batches
		sum.unchanged += one.unchanged
		sum.refs = append(sum.refs, one.refs...)
		if len(changes) == 1 {
			sum.answer = one.answer
		}
		addCounts(sum.counts, one.counts)
	}
	return sum, nil
}

// addCounts adds counts of jobs to others.
func addCounts(to, more *stokerv1.JobCounts) {
	to.Waiting += more.GetWaiting()
	to.Starting += more.GetStarting()
	to.Queued += more.GetQueued()
	to.Running += more.GetRunning()
	to.Succeeded += more.GetSucceeded()
	to.Failed += more.GetFailed()
	to.Cancelling += more.GetCancelling()
	to.Cancelled += more.GetCancelled()
}

// batchEffect is the effect of a verb on batches.
func batchEffect(changes *stokerv1.BatchChanges, answer proto.Message) effect {
	return effect{
		batches: changes.GetCount(), unchanged: changes.GetUnchangedCount(), counts: changes.GetCounts(),
		refs: changes.GetBatches(), answer: answer,
	}
}

// jobsAnswer is the answer to a verb on jobs.
type jobsAnswer interface {
	proto.Message
	GetCount() int64
	GetBatchCount() int64
	GetCounts() *stokerv1.JobCounts
}

// jobsEffect is the effect of a verb on jobs.
func jobsEffect(answer jobsAnswer) effect {
	return effect{jobs: answer.GetCount(), batches: answer.GetBatchCount(), counts: answer.GetCounts(), answer: answer}
}

// wholeBatch is a change of one batch, with all of its jobs, that call makes. What it would do follows from the
// batch.
func wholeBatch(b *stokerv1.Batch, call func(ctx context.Context, id string) (proto.Message, error)) change {
	return func(ctx context.Context, validateOnly bool) (effect, error) {
		e := effect{batches: 1, counts: b.GetCounts()}
		if validateOnly {
			return e, nil
		}
		var err error
		e.answer, err = call(ctx, b.GetId())
		return e, err
	}
}

// atPlatform is how many jobs are at the platform.
func (e effect) atPlatform() int64 {
	return e.counts.GetStarting() + e.counts.GetQueued() + e.counts.GetRunning()
}

// ended is how many jobs have ended.
func (e effect) ended() int64 {
	return e.counts.GetSucceeded() + e.counts.GetFailed() + e.counts.GetCancelled()
}

// isNothing reports whether nothing was changed, or would be.
func (e effect) isNothing() bool { return e.jobs == 0 && e.batches == 0 }

// maxListed is how many batches a preview lists.
const maxListed = 10

// listBatches is the batches of a preview, a line each.
func (e effect) listBatches() []string {
	if len(e.refs) < 2 {
		return nil
	}
	var lines []string
	for _, ref := range e.refs[:min(len(e.refs), maxListed)] {
		lines = append(lines, refTitle(ref))
	}
	if more := e.batches - int64(len(lines)); more > 0 {
		lines = append(lines, "and "+output.Number(more)+" more")
	}
	return lines
}

// report ends a verb: it prints the answer for programs, or a number in a pipe. The number is of what the verb
// changes.
func (c *cli) report(e effect, n int64) error {
	switch {
	case c.out.ForPrograms() && e.answer != nil:
		return c.printMessage(e.answer)
	case c.look(c.stdout).OnTerminal():
		return nil
	}
	return c.printCount(n)
}

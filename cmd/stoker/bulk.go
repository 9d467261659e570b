package main

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// A change is one call of a verb.
type change struct {
	of string // what it is about, in words; a verb with one call needs none
	// make makes the call. With validateOnly it changes nothing, and says what it would do.
	make func(ctx context.Context, validateOnly bool) (effect, error)
}

// effect is what a change did, or would do.
type effect struct {
	jobs      int64 // changed
	batches   int64 // changed, or those of the jobs
	unchanged int64 // batches that are selected, and stay as they are
	counts    *stokerv1.JobCounts
	refs      []*stokerv1.BatchRef // some of the batches
	answers   []proto.Message      // of the API, one for each call
}

// planChanges adds up what changes would do.
func planChanges(ctx context.Context, changes []change) (effect, error) {
	sum, _, err := makeChanges(ctx, changes, true)
	return sum, err
}

// makeAll makes the changes of a verb. If one fails behind others, it says what is done and what is not, and prints
// the answers so far for programs: an error alone would read as if nothing had been changed. done is the verb as in
// "411 is cancelled".
func makeAll(ctx context.Context, c *cli, done string, changes []change) (effect, error) {
	sum, made, err := makeChanges(ctx, changes, false)
	if err != nil && len(changes) > 1 {
		names := mapSlice(changes, func(one change) string { return one.of })
		noteListed(c, done, names[:made])
		noteLeft(c, done, names[made:], err)
		if c.out.ForPrograms() {
			err = errors.Join(err, printMessages(c, sum.answers))
		}
	}
	return sum, err
}

// leave ends a verb that calls for one batch after the other, and has said of each what it did, with an error at the
// first of the batches that are left. done is as in [makeAll], and soFar what was done.
func leave(c *cli, done string, left []*stokerv1.Batch, err error, soFar effect) error {
	if len(left) > 1 || len(soFar.answers) > 0 {
		noteLeft(c, done, mapSlice(left, ui.BatchTitle), err)
	}
	if c.out.ForPrograms() {
		err = errors.Join(err, printMessages(c, soFar.answers))
	}
	return err
}

// noteLeft says what a verb has not done because of an error at the first of it.
func noteLeft(c *cli, done string, left []string, err error) {
	if _, lost := errors.AsType[*client.LostAnswerError](err); lost && len(left) > 0 {
		noteListed(c, "perhaps "+done, left[:1])
		left = left[1:]
	}
	noteListed(c, "not "+done, left)
}

// noteListed says of which things something is true.
func noteListed(c *cli, what string, things []string) {
	if len(things) == 0 {
		return
	}
	shown := things[:min(len(things), maxListed)]
	text := strings.Join(shown, "; ")
	if more := len(things) - len(shown); more > 0 {
		text += "; and " + output.Number(more) + " more"
	}
	c.note("%s: %s", what, text)
}

// makeChanges makes the calls one after the other until one fails, and adds up what they do. made is how many were
// answered.
func makeChanges(ctx context.Context, changes []change, validateOnly bool) (sum effect, made int, err error) {
	sum.counts = &stokerv1.JobCounts{}
	for i, c := range changes {
		one, err := c.make(ctx, validateOnly)
		if err != nil {
			return sum, i, err
		}
		sum.jobs += one.jobs
		sum.batches += one.batches
		sum.unchanged += one.unchanged
		sum.refs = append(sum.refs, one.refs...)
		sum.answers = append(sum.answers, one.answers...)
		addCounts(sum.counts, one.counts)
	}
	return sum, len(changes), nil
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
		refs: changes.GetBatches(), answers: []proto.Message{answer},
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
	return effect{jobs: answer.GetCount(), batches: answer.GetBatchCount(), counts: answer.GetCounts(), answers: []proto.Message{answer}}
}

// wholeBatch is a change of one batch, with all of its jobs, that call makes. What it would do follows from the
// batch.
func wholeBatch(b *stokerv1.Batch, call func(ctx context.Context, id string) (proto.Message, error)) change {
	return change{of: ui.BatchTitle(b), make: func(ctx context.Context, validateOnly bool) (effect, error) {
		e := effect{batches: 1, counts: b.GetCounts()}
		if validateOnly {
			return e, nil
		}
		answer, err := call(ctx, b.GetId())
		e.answers = []proto.Message{answer}
		return e, err
	}}
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

// report ends a verb: it prints the answers for programs, or a number in a pipe. The number is of what the verb
// changes.
func (c *cli) report(e effect, n int64) error {
	switch {
	case c.out.ForPrograms() && len(e.answers) > 0:
		return printMessages(c, e.answers)
	case c.look(c.stdout).OnTerminal():
		return nil
	}
	return c.printCount(n)
}

func mapSlice[A, B any](list []A, f func(A) B) []B {
	mapped := make([]B, len(list))
	for i, a := range list {
		mapped[i] = f(a)
	}
	return mapped
}

package server

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

const (
	// watchPage is the largest number of jobs in one message of a watch.
	watchPage = 500
	// defaultMinInterval is the shortest time between two messages of changes, if the request has
	// no min_interval. The pages of a snapshot, and changes that do not fit one message, follow
	// each other at once.
	defaultMinInterval = 50 * time.Millisecond
	// heartbeatInterval is the longest time without a message.
	heartbeatInterval = 15 * time.Second
	// waitInterval is the time between two checks of whether the batch waits for another reason.
	// The reason can change while the batch does not, because it depends on the account too.
	waitInterval = 2 * time.Second
	// sendTimeout is how long a client may take to make room for one message. Without it, a
	// stream that nobody reads would stay open until its connection ends.
	sendTimeout = 30 * time.Second
	// readTimeout is the longest time of a read that several watchers share. No watcher can
	// cancel such a read.
	readTimeout = 30 * time.Second
)

// WatchBatch sends the present state of a batch, then its changes, and ends with OK after the batch has
// ended. The package comment has its guarantees.
func (s *Server) WatchBatch(req *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
	ctx := stream.Context()
	jobs, err := scopeOf(req)
	if err != nil {
		return err
	}
	// The subscription comes before the first read, so that no change in between is lost.
	sub, err := s.hub.subscribe(callerName(ctx), req.GetBatchId())
	if err != nil {
		return err
	}
	defer sub.close()
	w := &watch{
		s: s, subscription: sub, stream: stream,
		interval: cmp.Or(req.GetMinInterval().AsDuration(), defaultMinInterval),
		sender:   newSender(stream, s),
	}
	defer w.sender.close()
	if err := w.start(ctx, req, jobs); err != nil {
		return err
	}
	return w.follow(ctx)
}

// apart runs f in a goroutine of its own and returns its result. A panic of f is one of the caller.
//
// There are thousands of watchers, and each has a goroutine for hours. What reads or makes a message needs
// a deep stack for a moment; if it ran in the watcher's own goroutine, this would keep much of it.
func apart[T any](f func() (T, error)) (result T, err error) {
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		result, err = f()
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return result, err
}

// watch is one watcher.
type watch struct {
	s            *Server
	subscription *subscription
	stream       grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]
	interval     time.Duration

	position cursor     // everything up to this position has been sent
	batch    *job.Batch // as it was last sent, or read at the start; shared, never written to
	lastWait job.Wait   // of the batch, as it was last sent, or read at the start
	sentTime time.Time  // when the last message was sent
	dueTime  time.Time  // when the last message of changes was due

	sender *sender
}

// start brings the watcher to a position from which it can follow changes: the position of its cursor
// or, if the cursor cannot be used, the end of a new snapshot. A cursor with another scope cannot be
// used, because the watcher has not seen all jobs up to its position.
func (w *watch) start(ctx context.Context, req *stokerv1.WatchBatchRequest, jobs jobScope) error {
	history := w.s.store.History() // before the batch: what is read after it may be of the next one
	b, err := apart(func() (*job.Batch, error) {
		b, err := w.s.store.Batch(ctx, req.GetBatchId())
		if err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
		w.lastWait, err = w.s.batchWait(ctx, b, time.Now())
		return &b, err
	})
	if err != nil {
		return err
	}
	w.batch, w.sentTime = b, time.Now()
	at, err := parseCursor(req.GetCursor())
	usable := err == nil && at.batch == b.ID && at.jobs == jobs && at.history == history && at.revision <= b.Revision
	if usable {
		w.position = at
		// There may be nothing to send for a long time. The client learns at once that it has come through.
		if err := w.stream.SendHeader(nil); err != nil {
			return err
		}
		return w.sendPages(ctx)
	}
	w.position = cursor{batch: b.ID, jobs: jobs}
	return w.sendSnapshot(ctx, b, history)
}

// sendSnapshot sends the batch, and the jobs in the scope of the watch.
func (w *watch) sendSnapshot(ctx context.Context, b *job.Batch, history string) error {
	w.batch = b
	w.position.revision, w.position.history = b.Revision, history
	if w.position.jobs != noJobs {
		w.position.page = 1
		return w.sendPages(ctx)
	}
	return w.sendBatch(ctx, true)
}

// sendBatch sends the batch as it was last sent or read, with its wait as it is now.
func (w *watch) sendBatch(ctx context.Context, snapshot bool) error {
	m, err := apart(func() (*stokerv1.Batch, error) { return w.s.renderBatch(ctx, *w.batch) })
	if err != nil {
		return err
	}
	return w.sendOwn(&stokerv1.WatchBatchResponse{Cursor: w.position.String(), Snapshot: snapshot, Batch: m})
}

// sendPages sends the pages of a snapshot from the watcher's position on.
func (w *watch) sendPages(ctx context.Context) error {
	for w.position.page > 0 {
		at, b := w.position, w.batch
		c, err := w.shareRead(ctx, position{revision: at.revision, jobs: at.jobs, page: at.page, history: at.history}, func(ctx context.Context) (change, error) {
			return w.s.readPage(ctx, at, b)
		})
		if err != nil {
			return err
		}
		w.position.page = c.next
		if c.msg == nil {
			continue
		}
		if err := w.send(c.msg); err != nil {
			return err
		}
	}
	return nil
}

// follow sends changes, waits and heartbeats until the batch has ended.
func (w *watch) follow(ctx context.Context) error {
	w.dueTime = w.sentTime
	c, err := w.sendChanges(ctx)
	if err != nil || c.batchEnded() {
		return err
	}
	heartbeat, reason := time.NewTicker(heartbeatInterval), time.NewTicker(waitInterval)
	defer heartbeat.Stop()
	defer reason.Stop()
	due := time.NewTimer(0) // one for all messages, of which there may be 30,000 a second
	due.Stop()
	defer due.Stop()
	var ready <-chan time.Time // of due, while changes wait to be sent
	wait := func() {
		w.dueTime = w.nextDue(time.Now())
		due.Reset(time.Until(w.dueTime))
		ready = due.C
	}
	if c.outdated {
		wait()
	}
	for {
		last := w.sentTime
		c, err = change{}, nil
		wakeup := w.subscription.wakeup
		if ready != nil {
			wakeup = nil // a message is due already, so that a wakeup says nothing new
		}
		select {
		case <-wakeup:
			wait()
		case <-ready:
			ready = nil
			now := time.Now()
			w.subscription.hub.pace.note(now, now.Sub(w.dueTime))
			w.subscription.askForWakeup()
			if c, err = w.sendChanges(ctx); c.outdated {
				wait()
			}
		case <-reason.C:
			if ready == nil {
				err = w.sendWait(ctx)
			}
		case <-heartbeat.C:
			err = w.sendHeartbeat(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.subscription.hub.done:
			return w.subscription.hub.cause
		}
		if err != nil || c.batchEnded() {
			return err
		}
		if w.sentTime != last {
			heartbeat.Reset(heartbeatInterval)
		}
	}
}

// nextDue is when the next message of changes may be sent: at once if the interval since the last one
// is over, else at a multiple of the interval. Watchers of a batch that changes all the time then wake
// at the same moments, are at the same positions, and share what is read and encoded.
//
// With many watches the interval is a multiple of the one asked for; see [pace]. Groups of watchers then
// take turns: if all woke together, the last would wait until the message of each other one is sent.
func (w *watch) nextDue(now time.Time) time.Time {
	h := w.subscription.hub
	turns := h.pace.turns(h.watchCount(), w.interval)
	interval := turns * w.interval
	earliest := w.dueTime.Add(interval)
	if !now.Before(earliest) {
		return now
	}
	turn := time.Duration(w.subscription.group) % turns * w.interval
	due := earliest.Add(-turn).Truncate(interval).Add(turn)
	if due.Before(earliest) {
		due = due.Add(interval)
	}
	return due
}

// sendChanges sends everything that changed after the watcher's position, and returns the last change.
// If that change is outdated, sendChanges has to be called again.
func (w *watch) sendChanges(ctx context.Context) (change, error) {
	for {
		at := position{revision: w.position.revision, jobs: w.position.jobs, history: w.position.history}
		c, err := w.shareRead(ctx, at, func(ctx context.Context) (change, error) { return w.s.readChanges(ctx, w.position.batch, at) })
		if err != nil {
			return change{}, err
		}
		if c.snapshot {
			if err := w.sendSnapshot(ctx, c.batch, c.history); err != nil {
				return change{}, err
			}
			continue
		}
		w.batch, w.position.revision = c.batch, c.next
		if c.msg != nil {
			if err := w.send(c.msg); err != nil {
				return change{}, err
			}
		}
		if !c.more {
			return c, nil
		}
	}
}

// batchEnded reports whether the batch had ended when the change was read. Without a change it had not.
func (c change) batchEnded() bool { return c.batch != nil && c.batch.State.Terminal() }

// shareRead reads at a position, for all watchers there, and makes room for what is to be sent. The read goes on
// if the stream of the watcher that began it ends. The error of a read that takes longer than readTimeout is
// [job.ErrUnavailable], so that clients reconnect; DEADLINE_EXCEEDED would be about their own deadline.
func (w *watch) shareRead(ctx context.Context, p position, read func(context.Context) (change, error)) (change, error) {
	return withRoom(ctx, w.sender.unread, func() (change, *encodedMessage, error) {
		c, err := w.subscription.sharedRead(ctx, p, func() (change, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
			defer cancel()
			c, err := apart(func() (change, error) { return w.subscription.hub.read(ctx, read) })
			if err != nil && ctx.Err() != nil {
				return change{}, fmt.Errorf("%w: a read took longer than %s", job.ErrUnavailable, readTimeout)
			}
			return c, err
		})
		if err != nil || c.msg == nil {
			return c, nil, err
		}
		return c, c.msg.encoded, nil
	})
}

// sendWait sends the batch again if its wait differs from the one that was last sent.
func (w *watch) sendWait(ctx context.Context) error {
	a, err := w.subscription.sharedWait(time.Now(), func(now time.Time) (waitAnswer, error) {
		return apart(func() (waitAnswer, error) { return w.s.readWait(ctx, w.batch.ID, now) })
	})
	if err != nil || a.revision != w.batch.Revision || a.wait.SimilarTo(w.lastWait) {
		return err // a change of the batch is sent anyway, with the wait
	}
	return w.sendBatch(ctx, false)
}

// sendHeartbeat sends a heartbeat. If the batch has changed, because a wakeup was lost or is not acted
// upon yet, sendHeartbeat wakes the watchers instead.
func (w *watch) sendHeartbeat(ctx context.Context) error {
	revision, err := apart(func() (int64, error) {
		b, err := w.s.store.Batch(ctx, w.position.batch)
		return b.Revision, err
	})
	if err != nil {
		return fmt.Errorf("read batch: %w", err)
	}
	if revision != w.position.revision {
		w.subscription.hub.notify(w.position.batch)
		return nil
	}
	return w.sendOwn(&stokerv1.WatchBatchResponse{Cursor: w.position.String(), Heartbeat: true})
}

// sendOwn sends a message that no other watcher shares.
func (w *watch) sendOwn(m *stokerv1.WatchBatchResponse) error {
	return w.send(&message{WatchBatchResponse: m})
}

// send sends one message; see [sender.send].
func (w *watch) send(m *message) error {
	if err := w.sender.send(m); err != nil {
		return err
	}
	w.sentTime = time.Now()
	if m.GetBatch() != nil {
		w.lastWait = waitFromMessage(m.GetBatch().GetWait())
	}
	return nil
}

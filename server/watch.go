package server

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

const (
	// watchPage is how many jobs one message of a watch carries at most.
	watchPage = 500
	// defaultMinInterval is the shortest time between two messages. The pages of
	// one snapshot, or of one catching up, are not spaced.
	defaultMinInterval = 100 * time.Millisecond
	// messageCost is what a message may take of the processor's time, by and large, so
	// that all watchers together leave most of it to others.
	messageCost = 50 * time.Microsecond
	// heartbeatInterval is the longest time without a message.
	heartbeatInterval = 15 * time.Second
	// waitInterval is how often a watch looks whether jobs wait for another reason:
	// that depends on the account and changes without the batch.
	waitInterval = 2 * time.Second
	// sendTimeout is how long a reader may keep one message waiting. A stream that
	// nobody reads would otherwise be held until its connection ends.
	sendTimeout = 30 * time.Second
	// readTimeout bounds a read that several watchers share and none can cancel.
	readTimeout = 30 * time.Second
)

// WatchBatch sends how a batch stands, then what changes, and ends with OK after
// the batch has ended. The package comment tells what it guarantees.
func (s *Server) WatchBatch(req *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
	ctx := stream.Context()
	jobs, err := scopeOf(req)
	if err != nil {
		return err
	}
	// The seat comes before the first read: what changes in between rings.
	seat, err := s.hub.subscribe(caller(ctx), req.GetBatchId())
	if err != nil {
		return err
	}
	defer seat.close()
	b, err := s.store.Batch(ctx, req.GetBatchId())
	if err != nil {
		return fmt.Errorf("read batch: %w", err)
	}
	w := &watch{
		s: s, subscription: seat, stream: stream,
		interval: cmp.Or(req.GetMinInterval().AsDuration(), defaultMinInterval),
	}
	if err := w.start(ctx, req.GetCursor(), jobs, b); err != nil {
		return err
	}
	return w.follow(ctx)
}

// caller is whose watches are counted together: those from one address.
func caller(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	if host, _, err := net.SplitHostPort(p.Addr.String()); err == nil {
		return host
	}
	return p.Addr.String()
}

// watch is one watcher.
type watch struct {
	s            *Server
	subscription *subscription
	stream       grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]
	interval     time.Duration

	position cursor    // what has been sent
	batch    job.Batch // as it was last sent, or seen at the start
	lastWait job.Wait  // why the batch does not move, as it was last sent
	sentTime time.Time // when the last message was
	dueTime  time.Time // when the last message was due
}

// start brings the watcher to where changes can be followed: to its cursor, or
// through a snapshot if that cannot be used. A cursor is good for the same jobs only:
// what was left out up to there is not known to the watcher.
func (w *watch) start(ctx context.Context, from string, jobs jobScope, b job.Batch) error {
	told, err := w.s.batchWait(ctx, b, time.Now())
	if err != nil {
		return err
	}
	w.batch, w.lastWait, w.sentTime = b, told, time.Now()
	at, err := parseCursor(from)
	usable := err == nil && at.batch == b.ID && at.jobs == jobs && at.revision <= b.Revision
	if usable {
		w.position = at
		return w.sendPages(ctx)
	}
	w.position = cursor{batch: b.ID, jobs: jobs}
	return w.sendSnapshot(ctx, b)
}

// sendSnapshot shows the watcher everything.
func (w *watch) sendSnapshot(ctx context.Context, b job.Batch) error {
	w.batch = b
	w.position.revision = b.Revision
	if w.position.jobs != noJobs {
		w.position.page = 1
		return w.sendPages(ctx)
	}
	m, err := w.s.renderBatch(ctx, b)
	if err != nil {
		return err
	}
	return w.sendOwn(&stokerv1.WatchBatchResponse{Cursor: w.position.String(), Snapshot: true, Batch: m})
}

// sendPages sends the pages of a snapshot from w.at on.
func (w *watch) sendPages(ctx context.Context) error {
	for w.position.page > 0 {
		at, b := w.position, w.batch
		c, err := w.shareRead(ctx, position{revision: at.revision, jobs: at.jobs, page: at.page}, func(ctx context.Context) (change, error) {
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

// readPage reads one page of the snapshot of b that at is in the midst of. Jobs that have
// changed since the snapshot began are left to be sent as changes.
func (s *Server) readPage(ctx context.Context, at cursor, b job.Batch) (change, error) {
	jobs, err := s.store.Jobs(ctx, job.Filter{BatchID: at.batch, States: at.jobs.states(), AfterNumber: at.page - 1, Limit: watchPage})
	if err != nil {
		return change{}, fmt.Errorf("read jobs: %w", err)
	}
	first, full := at.page == 1, len(jobs) == watchPage
	shown := slices.DeleteFunc(slices.Clone(jobs), func(j job.Job) bool { return j.Revision > at.revision })
	message, err := s.jobMessages(ctx, b, shown)
	if err != nil {
		return change{}, err
	}
	resp := &stokerv1.WatchBatchResponse{Snapshot: first, Jobs: pageOf(shown, message)}
	at.page = 0
	switch n := len(resp.Jobs); {
	case n < len(shown):
		at.page = shown[n-1].ID.Number + 1
	case full:
		at.page = jobs[len(jobs)-1].ID.Number + 1
	}
	resp.Cursor = at.String()
	c := change{batch: b, next: at.page}
	if !first && len(resp.Jobs) == 0 {
		return c, nil
	}
	if resp.Batch, err = s.renderBatch(ctx, b); err != nil {
		return change{}, err
	}
	c.msg, err = encodeMessage(resp)
	return c, err
}

// follow sends changes until the batch has ended.
func (w *watch) follow(ctx context.Context) error {
	w.dueTime = w.sentTime
	c, err := w.sendChanges(ctx)
	if err != nil || c.batchEnded() {
		return err
	}
	heartbeat, reason := time.NewTicker(heartbeatInterval), time.NewTicker(waitInterval)
	defer heartbeat.Stop()
	defer reason.Stop()
	var ready <-chan time.Time // set while there is something to send
	wait := func() {
		w.dueTime = w.nextDue(time.Now())
		ready = time.After(time.Until(w.dueTime))
	}
	if c.outdated {
		wait()
	}
	for {
		last := w.sentTime
		c, err = change{}, nil
		bell := w.subscription.wakeup
		if ready != nil {
			bell = nil // it says what is known; a thousand watchers need not wake to hear that
		}
		select {
		case <-bell:
			wait()
		case <-ready:
			ready = nil
			w.subscription.clearWakeup()
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

// nextDue is when the next message may be sent: at once if the last one is long ago, else
// at a multiple of the interval. So watchers of a batch that never rests wake at the
// same moments, stand at the same positions and share what is read and encoded.
//
// With more watchers than can be told so often, the interval is longer: messages that
// are late anyway had better be fewer.
func (w *watch) nextDue(now time.Time) time.Time {
	interval := w.interval
	if crowded := w.subscription.hub.watchCount() * messageCost; crowded > interval {
		interval = (crowded + interval - 1).Truncate(interval) // a multiple, for the same reason
	}
	earliest := w.dueTime.Add(interval)
	if !now.Before(earliest) {
		return now
	}
	due := earliest.Truncate(interval)
	if due.Before(earliest) {
		due = due.Add(interval)
	}
	return due
}

// sendChanges sends everything that changed since w.at, and returns the last of it. A
// change that is stale has to be followed by another catching up.
func (w *watch) sendChanges(ctx context.Context) (change, error) {
	for {
		at := position{revision: w.position.revision, jobs: w.position.jobs}
		c, err := w.shareRead(ctx, at, func(ctx context.Context) (change, error) { return w.s.readChanges(ctx, w.position.batch, at) })
		if err != nil {
			return change{}, err
		}
		if c.snapshot {
			if err := w.sendSnapshot(ctx, c.batch); err != nil {
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

// batchEnded reports whether the batch has ended.
func (c change) batchEnded() bool { return c.batch.State.Terminal() }

// shareRead is what f reads at p, for whoever stands there, so that it must not end with the
// caller who asks for it. If it takes too long, that is no deadline of theirs: they may
// come back.
func (w *watch) shareRead(ctx context.Context, p position, f func(context.Context) (change, error)) (change, error) {
	return w.subscription.sharedRead(ctx, p, func() (change, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		c, err := f(ctx)
		if err != nil && ctx.Err() != nil {
			return change{}, fmt.Errorf("%w: a read took longer than %s", job.ErrUnavailable, readTimeout)
		}
		return c, err
	})
}

// readChanges reads what changed in a batch after p.
func (s *Server) readChanges(ctx context.Context, id string, p position) (change, error) {
	var b job.Batch
	var jobs []job.Job
	var err error
	if p.jobs == noJobs {
		b, err = s.store.Batch(ctx, id)
	} else {
		b, jobs, err = s.store.Changes(ctx, id, p.revision, watchPage+1, p.jobs.states()...)
	}
	if err != nil {
		return change{}, fmt.Errorf("read changes: %w", err)
	}
	c := change{batch: b, next: b.Revision}
	switch {
	case b.Revision == p.revision:
		return c, nil
	case b.Revision < p.revision: // an older state of the job table was put back
		c.snapshot = true
		return c, nil
	}
	message, err := s.jobMessages(ctx, b, jobs)
	if err != nil {
		return change{}, err
	}
	fit := pageOf(jobs[:min(watchPage, len(jobs))], message)
	if c.more = len(fit) < len(jobs); c.more {
		c.next = jobs[len(fit)-1].Revision
	}
	m, err := s.renderBatch(ctx, b)
	if err != nil {
		return change{}, err
	}
	c.msg, err = encodeMessage(&stokerv1.WatchBatchResponse{
		Cursor: cursor{batch: id, jobs: p.jobs, revision: c.next}.String(), Batch: m, Jobs: fit,
	})
	return c, err
}

// sendWait sends the batch again if its jobs wait for another reason than
// the watcher has been told.
func (w *watch) sendWait(ctx context.Context) error {
	a, err := w.subscription.sharedWait(time.Now(), func(now time.Time) (waitAnswer, error) { return w.s.readWait(ctx, w.batch.ID, now) })
	if err != nil || a.revision != w.batch.Revision || a.wait.SimilarTo(w.lastWait) {
		return err // what has changed meanwhile is sent for itself, with its reason
	}
	m, err := w.s.renderBatch(ctx, w.batch)
	if err != nil {
		return err
	}
	return w.sendOwn(&stokerv1.WatchBatchResponse{Cursor: w.position.String(), Batch: m})
}

// readWait looks why a batch does not move. A change in between makes the answer worthless.
func (s *Server) readWait(ctx context.Context, id string, now time.Time) (waitAnswer, error) {
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return waitAnswer{}, fmt.Errorf("read batch: %w", err)
	}
	a := waitAnswer{time: now, revision: b.Revision}
	if a.wait, err = s.batchWait(ctx, b, now); err != nil {
		return waitAnswer{}, err
	}
	after, err := s.store.Batch(ctx, id)
	if err != nil {
		return waitAnswer{}, fmt.Errorf("read batch: %w", err)
	}
	if after.Revision != b.Revision {
		a.revision = 0
	}
	return a, nil
}

// sendHeartbeat sends a heartbeat. It also looks whether a ring got lost.
func (w *watch) sendHeartbeat(ctx context.Context) error {
	b, err := w.s.store.Batch(ctx, w.position.batch)
	if err != nil {
		return fmt.Errorf("read batch: %w", err)
	}
	if b.Revision != w.position.revision {
		w.subscription.hub.notify(w.position.batch)
		return nil
	}
	return w.sendOwn(&stokerv1.WatchBatchResponse{Cursor: w.position.String(), Heartbeat: true})
}

// sendOwn sends a message that is for this watcher alone.
func (w *watch) sendOwn(m *stokerv1.WatchBatchResponse) error {
	return w.send(&message{WatchBatchResponse: m})
}

// send hands one message to the reader, who has [sendTimeout] to make room for it.
func (w *watch) send(m *message) error {
	done := make(chan error, 1)
	// A blocked SendMsg ends with the stream's context, which ends when the handler returns.
	go func() { done <- w.stream.SendMsg(m) }()
	timer := time.NewTimer(sendTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
	case <-timer.C:
		return errSlowReader
	case <-w.subscription.hub.done:
		return w.subscription.hub.cause
	}
	w.sentTime = time.Now()
	if m.GetBatch() != nil {
		w.lastWait = waitFromMessage(m.GetBatch().GetWait())
	}
	return nil
}

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
	// heartbeatEvery is the longest time without a message.
	heartbeatEvery = 15 * time.Second
	// reasonEvery is how often a watch looks whether jobs wait for another reason:
	// that depends on the account and changes without the batch.
	reasonEvery = 2 * time.Second
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
	seat, err := s.hub.join(caller(ctx), req.GetBatchId())
	if err != nil {
		return err
	}
	defer seat.leave()
	b, err := s.store.Batch(ctx, req.GetBatchId())
	if err != nil {
		return fmt.Errorf("read batch: %w", err)
	}
	w := &watch{
		s: s, seat: seat, stream: stream,
		interval: cmp.Or(req.GetMinInterval().AsDuration(), defaultMinInterval),
	}
	if err := w.begin(ctx, req.GetCursor(), jobs, b); err != nil {
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
	s        *Server
	seat     *seat
	stream   grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]
	interval time.Duration

	at    cursor    // what has been sent
	batch job.Batch // as it was last sent, or seen at the start
	told  job.Wait  // why the batch does not move, as it was last sent
	sent  time.Time // when the last message was
	woke  time.Time // when the last message was due
}

// begin brings the watcher to where changes can be followed: to its cursor, or
// through a snapshot if that cannot be used. A cursor is good for the same jobs only:
// what was left out up to there is not known to the watcher.
func (w *watch) begin(ctx context.Context, from string, jobs scope, b job.Batch) error {
	told, err := w.s.batchWait(ctx, b, time.Now())
	if err != nil {
		return err
	}
	w.batch, w.told, w.sent = b, told, time.Now()
	at, err := parseCursor(from)
	usable := err == nil && at.batch == b.ID && at.jobs == jobs && at.revision <= b.Revision
	if usable {
		w.at = at
		return w.pages(ctx)
	}
	w.at = cursor{batch: b.ID, jobs: jobs}
	return w.snapshot(ctx, b)
}

// snapshot shows the watcher everything.
func (w *watch) snapshot(ctx context.Context, b job.Batch) error {
	w.batch = b
	w.at.revision = b.Revision
	if w.at.jobs != noJobs {
		w.at.page = 1
		return w.pages(ctx)
	}
	m, err := w.s.renderBatch(ctx, b)
	if err != nil {
		return err
	}
	return w.tell(&stokerv1.WatchBatchResponse{Cursor: w.at.String(), Snapshot: true, Batch: m})
}

// pages sends the pages of a snapshot from w.at on.
func (w *watch) pages(ctx context.Context) error {
	for w.at.page > 0 {
		at, b := w.at, w.batch
		c, err := w.read(ctx, position{revision: at.revision, jobs: at.jobs, page: at.page}, func(ctx context.Context) (change, error) {
			return w.s.page(ctx, at, b)
		})
		if err != nil {
			return err
		}
		w.at.page = c.next
		if c.msg == nil {
			continue
		}
		if err := w.send(c.msg); err != nil {
			return err
		}
	}
	return nil
}

// page reads one page of the snapshot of b that at is in the midst of. Jobs that have
// changed since the snapshot began are left to be sent as changes.
func (s *Server) page(ctx context.Context, at cursor, b job.Batch) (change, error) {
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
	c.msg, err = encoded(resp)
	return c, err
}

// follow sends changes until the batch has ended.
func (w *watch) follow(ctx context.Context) error {
	w.woke = w.sent
	c, err := w.catchUp(ctx)
	if err != nil || c.ended() {
		return err
	}
	heartbeat, reason := time.NewTicker(heartbeatEvery), time.NewTicker(reasonEvery)
	defer heartbeat.Stop()
	defer reason.Stop()
	var ready <-chan time.Time // set while there is something to send
	wait := func() {
		w.woke = w.due(time.Now())
		ready = time.After(time.Until(w.woke))
	}
	if c.stale {
		wait()
	}
	for {
		last := w.sent
		c, err = change{}, nil
		bell := w.seat.bell
		if ready != nil {
			bell = nil // it says what is known; a thousand watchers need not wake to hear that
		}
		select {
		case <-bell:
			wait()
		case <-ready:
			ready = nil
			w.seat.hush()
			if c, err = w.catchUp(ctx); c.stale {
				wait()
			}
		case <-reason.C:
			if ready == nil {
				err = w.tellReason(ctx)
			}
		case <-heartbeat.C:
			err = w.beat(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.seat.hub.done:
			return w.seat.hub.cause
		}
		if err != nil || c.ended() {
			return err
		}
		if w.sent != last {
			heartbeat.Reset(heartbeatEvery)
		}
	}
}

// due is when the next message may be sent: at once if the last one is long ago, else
// at a multiple of the interval. So watchers of a batch that never rests wake at the
// same moments, stand at the same positions and share what is read and encoded.
//
// With more watchers than can be told so often, the interval is longer: messages that
// are late anyway had better be fewer.
func (w *watch) due(now time.Time) time.Time {
	interval := w.interval
	if crowded := w.seat.hub.crowd() * messageCost; crowded > interval {
		interval = (crowded + interval - 1).Truncate(interval) // a multiple, for the same reason
	}
	earliest := w.woke.Add(interval)
	if !now.Before(earliest) {
		return now
	}
	due := earliest.Truncate(interval)
	if due.Before(earliest) {
		due = due.Add(interval)
	}
	return due
}

// catchUp sends everything that changed since w.at, and returns the last of it. A
// change that is stale has to be followed by another catching up.
func (w *watch) catchUp(ctx context.Context) (change, error) {
	for {
		at := position{revision: w.at.revision, jobs: w.at.jobs}
		c, err := w.read(ctx, at, func(ctx context.Context) (change, error) { return w.s.changes(ctx, w.at.batch, at) })
		if err != nil {
			return change{}, err
		}
		if c.snapshot {
			if err := w.snapshot(ctx, c.batch); err != nil {
				return change{}, err
			}
			continue
		}
		w.batch, w.at.revision = c.batch, c.next
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

// ended reports whether the batch has ended.
func (c change) ended() bool { return c.batch.State.Terminal() }

// read is what f reads at p, for whoever stands there, so that it must not end with the
// caller who asks for it. If it takes too long, that is no deadline of theirs: they may
// come back.
func (w *watch) read(ctx context.Context, p position, f func(context.Context) (change, error)) (change, error) {
	return w.seat.share(ctx, p, func() (change, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		c, err := f(ctx)
		if err != nil && ctx.Err() != nil {
			return change{}, fmt.Errorf("%w: a read took longer than %s", job.ErrUnavailable, readTimeout)
		}
		return c, err
	})
}

// changes reads what changed in a batch after p.
func (s *Server) changes(ctx context.Context, id string, p position) (change, error) {
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
	c.msg, err = encoded(&stokerv1.WatchBatchResponse{
		Cursor: cursor{batch: id, jobs: p.jobs, revision: c.next}.String(), Batch: m, Jobs: fit,
	})
	return c, err
}

// tellReason sends the batch again if its jobs wait for another reason than
// the watcher has been told.
func (w *watch) tellReason(ctx context.Context) error {
	a, err := w.seat.ask(time.Now(), func(now time.Time) (asked, error) { return w.s.askWhy(ctx, w.batch.ID, now) })
	if err != nil || a.revision != w.batch.Revision || a.wait.Like(w.told) {
		return err // what has changed meanwhile is sent for itself, with its reason
	}
	m, err := w.s.renderBatch(ctx, w.batch)
	if err != nil {
		return err
	}
	return w.tell(&stokerv1.WatchBatchResponse{Cursor: w.at.String(), Batch: m})
}

// askWhy looks why a batch does not move. A change in between makes the answer worthless.
func (s *Server) askWhy(ctx context.Context, id string, now time.Time) (asked, error) {
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return asked{}, fmt.Errorf("read batch: %w", err)
	}
	a := asked{time: now, revision: b.Revision}
	if a.wait, err = s.batchWait(ctx, b, now); err != nil {
		return asked{}, err
	}
	after, err := s.store.Batch(ctx, id)
	if err != nil {
		return asked{}, fmt.Errorf("read batch: %w", err)
	}
	if after.Revision != b.Revision {
		a.revision = 0
	}
	return a, nil
}

// beat sends a heartbeat. It also looks whether a ring got lost.
func (w *watch) beat(ctx context.Context) error {
	b, err := w.s.store.Batch(ctx, w.at.batch)
	if err != nil {
		return fmt.Errorf("read batch: %w", err)
	}
	if b.Revision != w.at.revision {
		w.seat.hub.ring(w.at.batch)
		return nil
	}
	return w.tell(&stokerv1.WatchBatchResponse{Cursor: w.at.String(), Heartbeat: true})
}

// tell sends a message that is for this watcher alone.
func (w *watch) tell(m *stokerv1.WatchBatchResponse) error {
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
	case <-w.seat.hub.done:
		return w.seat.hub.cause
	}
	w.sent = time.Now()
	if m.GetBatch() != nil {
		w.told = waitOf(m.GetBatch().GetWait())
	}
	return nil
}

package server

import (
	"cmp"
	"context"
	"fmt"
	"net"
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
	defaultMinInterval = 200 * time.Millisecond
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
	if err := w.begin(ctx, req, b); err != nil {
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

	at     cursor    // what has been sent
	batch  job.Batch // as it was last sent, or seen at the start
	reason string    // why jobs wait, as it was last sent
	sent   time.Time // when the last message was
}

// begin brings the watcher to where changes can be followed: to its cursor, or
// through a snapshot if that cannot be used.
func (w *watch) begin(ctx context.Context, req *stokerv1.WatchBatchRequest, b job.Batch) error {
	w.batch, w.reason, w.sent = b, w.s.waitReason(b, time.Now()), time.Now()
	at, err := parseCursor(req.GetCursor())
	usable := err == nil && at.batch == b.ID && at.jobs == req.GetIncludeJobs() && at.revision <= b.Revision
	if usable {
		w.at = at
		return w.pages(ctx, false)
	}
	w.at = cursor{batch: b.ID, jobs: req.GetIncludeJobs()}
	return w.snapshot(ctx, b)
}

// snapshot shows the watcher everything.
func (w *watch) snapshot(ctx context.Context, b job.Batch) error {
	w.batch = b
	w.at.revision = b.Revision
	if w.at.jobs {
		w.at.page = 1
		return w.pages(ctx, true)
	}
	m, err := w.s.show(ctx, b)
	if err != nil {
		return err
	}
	return w.send(&stokerv1.WatchBatchResponse{Cursor: w.at.String(), Snapshot: true, Batch: m})
}

// pages sends the pages of a snapshot from w.at on. Jobs that have changed since
// the snapshot began are left to be sent as changes.
func (w *watch) pages(ctx context.Context, first bool) error {
	for ; w.at.page > 0; first = false {
		jobs, err := w.s.store.Jobs(ctx, job.Filter{BatchID: w.at.batch, AfterNumber: w.at.page - 1, Limit: watchPage})
		if err != nil {
			return fmt.Errorf("read jobs: %w", err)
		}
		full := len(jobs) == watchPage
		jobs, cut := fitting(jobs)
		w.at.page = 0
		if full || cut {
			w.at.page = jobs[len(jobs)-1].ID.Number + 1
		}
		resp := &stokerv1.WatchBatchResponse{Cursor: w.at.String(), Snapshot: first}
		for _, j := range jobs {
			if j.Revision <= w.at.revision {
				resp.Jobs = append(resp.Jobs, jobMessage(j))
			}
		}
		if !first && len(resp.Jobs) == 0 {
			continue
		}
		if resp.Batch, err = w.s.show(ctx, w.batch); err != nil {
			return err
		}
		if err := w.send(resp); err != nil {
			return err
		}
	}
	return nil
}

// follow sends changes until the batch has ended.
func (w *watch) follow(ctx context.Context) error {
	if ended, err := w.catchUp(ctx); ended || err != nil {
		return err
	}
	heartbeat, reason := time.NewTicker(heartbeatEvery), time.NewTicker(reasonEvery)
	defer heartbeat.Stop()
	defer reason.Stop()
	var ready <-chan time.Time // set while there is something to send
	for {
		last := w.sent
		var err error
		ended := false
		select {
		case <-w.seat.bell:
			if ready == nil {
				ready = time.After(time.Until(w.sent.Add(w.interval)))
			}
		case <-ready:
			ready = nil
			ended, err = w.catchUp(ctx)
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
		if ended || err != nil {
			return err
		}
		if w.sent != last {
			heartbeat.Reset(heartbeatEvery)
		}
	}
}

// catchUp sends everything that changed since w.at, and reports whether the batch
// has ended and all of that has been sent.
func (w *watch) catchUp(ctx context.Context) (ended bool, err error) {
	for {
		at := position{revision: w.at.revision, jobs: w.at.jobs}
		c, err := w.seat.share(ctx, at, func() (change, error) { return w.s.changes(ctx, w.at.batch, at) })
		if err != nil {
			return false, err
		}
		if c.snapshot {
			if err := w.snapshot(ctx, c.batch); err != nil {
				return false, err
			}
			continue
		}
		w.batch, w.at.revision = c.batch, c.next
		if c.msg != nil {
			if err := w.send(c.msg); err != nil {
				return false, err
			}
		}
		if !c.more {
			return c.batch.State.Terminal(), nil
		}
	}
}

// changes reads what changed in a batch after p.
func (s *Server) changes(ctx context.Context, id string, p position) (change, error) {
	// Others wait for this read, so it must not end with the caller who made it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	var b job.Batch
	var jobs []job.Job
	var err error
	if p.jobs {
		b, jobs, err = s.store.Changes(ctx, id, p.revision, watchPage+1)
	} else {
		b, err = s.store.Batch(ctx, id)
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
	fit, _ := fitting(jobs[:min(watchPage, len(jobs))])
	if c.more = len(fit) < len(jobs); c.more {
		c.next = fit[len(fit)-1].Revision
	}
	m, err := s.show(ctx, b)
	if err != nil {
		return change{}, err
	}
	c.msg = &stokerv1.WatchBatchResponse{
		Cursor: cursor{batch: id, jobs: p.jobs, revision: c.next}.String(), Batch: m, Jobs: each(fit, jobMessage),
	}
	return c, nil
}

// tellReason sends the batch again if its jobs wait for another reason than
// the watcher has been told.
func (w *watch) tellReason(ctx context.Context) error {
	if w.s.waitReason(w.batch, time.Now()) == w.reason {
		return nil
	}
	m, err := w.s.show(ctx, w.batch)
	if err != nil {
		return err
	}
	return w.send(&stokerv1.WatchBatchResponse{Cursor: w.at.String(), Batch: m})
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
	return w.send(&stokerv1.WatchBatchResponse{Cursor: w.at.String(), Heartbeat: true})
}

// send hands one message to the reader, who has [sendTimeout] to make room for it.
func (w *watch) send(m *stokerv1.WatchBatchResponse) error {
	done := make(chan error, 1)
	// A blocked Send ends with the stream's context, which ends when the handler returns.
	go func() { done <- w.stream.Send(m) }()
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
		w.reason = m.GetBatch().GetWaitReason()
	}
	return nil
}

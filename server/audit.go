package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/internal/access"
)

const (
	// refusedPerMinute is how many refused calls of a principal have an entry each, in a minute. The others
	// are counted.
	refusedPerMinute = 10
	// auditTimeout is how long an entry that comes with no change may take to be written.
	auditTimeout = 5 * time.Second
	// maxCounted is how many principals have their refused calls counted side by side.
	maxCounted = 10_000
)

// auditLog keeps what callers have changed, and what they were refused.
type auditLog struct {
	store     AccessStore
	methods   methodTable
	refusals  *refusals
	retention time.Duration // 0: for ever
	log       *slog.Logger
}

// unary keeps an entry of each call that may change something. The job table writes it together with
// the first change that the call makes; see [access.WithRecord]. What is known only at the end, such as how
// many jobs a call has changed in many transactions, is written then.
func (l *auditLog) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if v, ok := req.(interface{ GetValidateOnly() bool }); l.methods.of(info.FullMethod).reads || ok && v.GetValidateOnly() {
		return handle(ctx, req)
	}
	e := l.newEntry(ctx, info.FullMethod, req)
	record := access.NewRecord(e)
	resp, err := handle(access.WithRecord(ctx, record), req)
	if err != nil {
		st, _ := toStatus(err, req)
		if !record.Written() && isRefusal(err) {
			l.writeRefused(ctx, e, st)
			return nil, err
		}
		why := st.Message()
		if st.Code() == codes.Canceled || st.Code() == codes.DeadlineExceeded {
			why = "" // the change may have been made, and the entry says which it is
		}
		l.endRecord(ctx, record, reasonOf(st.Code()), why)
		return nil, err
	}
	if m, ok := resp.(proto.Message); ok {
		record.Describe("", withResult(e.Detail, m))
	}
	l.logChange(ctx, l.endRecord(ctx, record, access.OutcomeOK, ""))
	return resp, nil
}

// maxLoggedDetail is how much of an entry's detail is in the log, in bytes.
const maxLoggedDetail = 200

// logChange logs a call that may have changed something.
func (l *auditLog) logChange(ctx context.Context, e access.Entry) {
	l.log.LogAttrs(ctx, slog.LevelInfo, "call carried out", slog.String(callIDKey, e.CallID), slog.String("method", e.Method),
		slog.String("principal", e.Principal), slog.String("target", e.Target), slog.String("detail", clip(e.Detail, maxLoggedDetail)))
}

// newEntry makes the entry of a call that begins.
func (l *auditLog) newEntry(ctx context.Context, method string, req any) access.Entry {
	call := callOf(ctx)
	p := call.grant.principal
	now := time.Now()
	e := access.Entry{
		ID: access.NewEntryID(now), Time: now, Principal: p.Name, Kind: p.Kind, Address: call.address,
		Method: methodName(method), CallID: call.id,
	}
	e.Target, e.Detail = describeRequest(req)
	return e
}

// endRecord writes what the job table has not written yet of the entry of a call that has ended, and returns
// the entry.
func (l *auditLog) endRecord(ctx context.Context, record *access.Record, outcome, why string) access.Entry {
	e, write := record.End(outcome, clip(why, access.MaxDetail))
	if write {
		l.writeEntry(ctx, e)
	}
	return e
}

// writeEntry writes an entry. The call that it is about has been answered for, whatever becomes of the entry.
func (l *auditLog) writeEntry(ctx context.Context, e access.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	if err := l.store.WriteEntry(ctx, e); err != nil {
		l.log.ErrorContext(ctx, "entry of the audit log not written", callIDKey, e.CallID, "method", e.Method, "principal", e.Principal, "outcome", e.Outcome, "err", err)
	}
}

// noteRefused keeps an entry of a call that the role of its principal does not allow.
func (l *auditLog) noteRefused(ctx context.Context, method string, req any, err error) {
	if _, ok := errors.AsType[*roleError](err); !ok {
		return
	}
	e := l.newEntry(ctx, method, req)
	st, _ := toStatus(err, req)
	l.writeRefused(ctx, e, st)
}

// writeRefused writes the entry of a refused call, or counts the call if there were many of its principal.
func (l *auditLog) writeRefused(ctx context.Context, e access.Entry, st *status.Status) {
	e.Outcome, e.Detail = reasonOf(st.Code()), clip(st.Message(), access.MaxDetail)
	earlier, write := l.refusals.count(e)
	for _, counted := range earlier {
		l.writeEntry(ctx, counted)
	}
	if write {
		l.writeEntry(ctx, e)
	}
}

// refusals counts refused calls by principal.
type refusals struct {
	mu          sync.Mutex
	byPrincipal map[string]*refusalCount
}

// refusalCount is the refused calls of a principal in a minute.
type refusalCount struct {
	minute  time.Time
	written int
	last    access.Entry // the latest that has no entry of its own
	counted int64        // how many have none
}

func newRefusals() *refusals { return &refusals{byPrincipal: map[string]*refusalCount{}} }

// count counts a refused call. It reports whether the call is to have an entry of its own, and returns the
// entries that count those of earlier minutes.
func (r *refusals) count(e access.Entry) (earlier []access.Entry, write bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	minute := e.Time.Truncate(time.Minute)
	c := r.byPrincipal[e.Principal]
	if c == nil {
		if len(r.byPrincipal) >= maxCounted {
			earlier = r.take(time.Time{})
		}
		c = &refusalCount{minute: minute}
		r.byPrincipal[e.Principal] = c
	}
	if !c.minute.Equal(minute) {
		if c.counted > 0 {
			earlier = append(earlier, c.entry())
		}
		*c = refusalCount{minute: minute}
	}
	if c.written < refusedPerMinute {
		c.written++
		return earlier, true
	}
	c.last = e
	c.counted++
	return earlier, false
}

// entry is the entry that counts.
func (c *refusalCount) entry() access.Entry {
	e := c.last
	e.Refused = c.counted
	return e
}

// take returns the entries that count the calls of minutes other than one, and forgets them.
func (r *refusals) take(except time.Time) []access.Entry {
	var entries []access.Entry
	for principal, c := range r.byPrincipal {
		if c.minute.Equal(except) {
			continue
		}
		if c.counted > 0 {
			entries = append(entries, c.entry())
		}
		delete(r.byPrincipal, principal)
	}
	return entries
}

// takeBefore is take for every minute but that of now.
func (r *refusals) takeBefore(now time.Time) []access.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.take(now.Truncate(time.Minute))
}

// run keeps counts of refused calls and shortens the log until ctx ends.
func (l *auditLog) run(ctx context.Context) {
	minute, hour := time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	defer minute.Stop()
	defer hour.Stop()
	l.shorten(ctx)
	for {
		select {
		case <-ctx.Done():
			for _, e := range l.refusals.takeBefore(time.Time{}) {
				l.writeEntry(ctx, e)
			}
			return
		case now := <-minute.C:
			for _, e := range l.refusals.takeBefore(now) {
				l.writeEntry(ctx, e)
			}
		case <-hour.C:
			l.shorten(ctx)
		}
	}
}

// shorten removes entries that are older than they are kept.
func (l *auditLog) shorten(ctx context.Context) {
	if l.retention <= 0 {
		return
	}
	n, err := l.store.DeleteEntries(ctx, time.Now().Add(-l.retention))
	switch {
	case err != nil && ctx.Err() == nil:
		l.log.WarnContext(ctx, "audit log not shortened", "err", err)
	case n > 0:
		l.log.InfoContext(ctx, "audit log shortened", "entries", n, "kept", l.retention)
	}
}

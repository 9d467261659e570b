package server

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/stokerd/stoker/internal/access"
)

const (
	// linesPerMinute is how many refused calls of one address are logged in a minute. The calls of strangers
	// have as many lines, all together.
	linesPerMinute = 10
	// maxLineSources is how many addresses have lines of their own. What is beyond counts as one address.
	maxLineSources = 10_000
	// strangerLines is the source of the calls of strangers, which is no address.
	strangerLines = "strangers"
)

// refusedLines limits what refused calls write into the log, by where they come from. Nobody may fill a disk by
// being refused.
type refusedLines struct {
	mu     sync.Mutex
	of     map[string]*linesOf // by source
	tidied time.Time           // when sources that write nothing were last removed
}

// linesOf is the lines of one source.
type linesOf struct {
	limiter *rate.Limiter
	left    int // calls without a line since the last line
}

func newRefusedLines() *refusedLines { return &refusedLines{of: map[string]*linesOf{}} }

// note reports whether a refused call may be logged, and how many of the same source were not since the last one
// that was.
func (r *refusedLines) note(source string, now time.Time) (log bool, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tidy(now)
	one := r.of[source]
	if one == nil && len(r.of) >= maxLineSources {
		source = ""
		one = r.of[source]
	}
	if one == nil {
		one = &linesOf{limiter: rate.NewLimiter(rate.Every(time.Minute/linesPerMinute), linesPerMinute)}
		r.of[source] = one
	}
	if !one.limiter.AllowN(now, 1) {
		one.left++
		return false, 0
	}
	left, one.left = one.left, 0
	return true, left
}

// tidy removes sources that have not been refused for a minute. r.mu has to be held.
func (r *refusedLines) tidy(now time.Time) {
	if now.Sub(r.tidied) < tidyInterval {
		return
	}
	r.tidied = now
	for source, one := range r.of {
		if one.left == 0 && one.limiter.TokensAt(now) >= linesPerMinute {
			delete(r.of, source)
		}
	}
}

// take returns how many refused calls were not logged, nor counted on a line, and of how many sources.
func (r *refusedLines) take() (calls, sources int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.of {
		if one.left > 0 {
			calls, sources = calls+one.left, sources+1
			one.left = 0
		}
	}
	return calls, sources
}

// logRefusals counts in the log, once a minute, the refused calls that have no line of their own.
func (s *Server) logRefusals(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.logRefusedCalls()
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) logRefusedCalls() {
	if calls, sources := s.refusedLines.take(); calls > 0 {
		s.log.Info("refused calls that have no line of their own", "calls", calls, "callers", sources)
	}
}

// Refusals logs and counts requests to other servers of the process that are refused, as those of a [Server] are and
// within the same bounds. Use [NewRefusals].
type Refusals struct{ server *Server }

// NewRefusals returns the refusals of a server.
func NewRefusals(s *Server) *Refusals { return &Refusals{server: s} }

// NoteStranger logs and counts a request for a page, made by somebody whom nobody knows, as a call that is refused for
// that. It reports whether the address has made too many of them.
func (r *Refusals) NoteStranger(ctx context.Context, page, address string, err error) (tooMany bool) {
	return r.server.gate.noteStranger(ctx, address, err, "method", clip(page, maxName))
}

// NoteRefusal logs a request for a page that the role of a principal does not allow, as a call that is refused for that.
func (r *Refusals) NoteRefusal(ctx context.Context, page, address string, p *access.Principal) {
	log, left := r.server.refusedLines.note(networkName(address), time.Now())
	if !log {
		return
	}
	attrs := []any{"method", clip(page, maxName), "address", address, "principal", p.Name}
	if left > 0 {
		attrs = append(attrs, "refused_before", left)
	}
	r.server.log.InfoContext(ctx, "call refused", attrs...)
}

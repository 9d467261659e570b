package logdedup

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Options are how a [Handler] compares and cuts lines.
type Options struct {
	// Interval is how long equal lines are counted after the first one. It doubles while
	// they go on. Default: a minute.
	Interval time.Duration
	// MaxInterval is the longest time they are counted. Default: an hour.
	MaxInterval time.Duration
	// MaxLines is how many different lines are remembered. For each beyond that another
	// one is forgotten, after its count has been written. Default: 1,000.
	MaxLines int
}

// Handler is a [slog.Handler] that hands the lines to write to another one. Use [New].
type Handler struct {
	lines *lines
	with  []scope // what WithAttrs and WithGroup added, in their order
}

// scope is a group that was opened, or, without a name, attributes that were added.
type scope struct {
	group string
	attrs []slog.Attr
}

// New returns a handler that writes to next. It has to be closed, or counts are lost.
func New(next slog.Handler, o Options) *Handler {
	return &Handler{lines: &lines{
		next: next, known: map[key]*line{}, max: cmp.Or(o.MaxLines, 1_000),
		interval: cmp.Or(o.Interval, time.Minute), maxInterval: cmp.Or(o.MaxInterval, time.Hour),
	}}
}

// Enabled asks the handler that the lines are written to.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.lines.next.Enabled(ctx, level)
}

// WithAttrs returns a handler for lines with these attributes. It shares what is counted.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return &Handler{lines: h.lines, with: append(slices.Clip(h.with), scope{attrs: shortenAttrs(attrs)})}
}

// WithGroup returns a handler for lines whose attributes are in a group. It shares what is
// counted.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &Handler{lines: h.lines, with: append(slices.Clip(h.with), scope{group: name})}
}

// Handle writes a line, or counts it.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	attrs = shortenAttrs(attrs)
	for _, s := range slices.Backward(h.with) {
		if s.group == "" {
			attrs = append(slices.Clip(s.attrs), attrs...)
		} else if len(attrs) > 0 {
			attrs = []slog.Attr{{Key: s.group, Value: slog.GroupValue(attrs...)}}
		}
	}
	whole := slog.NewRecord(r.Time, r.Level, shorten(r.Message), r.PC)
	whole.AddAttrs(attrs...)
	if r.Level < slog.LevelInfo {
		return h.lines.next.Handle(ctx, whole)
	}
	return h.lines.handle(ctx, keyOf(whole.Level, whole.Message, attrs), whole)
}

// Close writes what has been counted. Lines that come later are written at once. To close
// again does nothing.
func (h *Handler) Close() error { return h.lines.close() }

// lines are the different lines that were written lately.
type lines struct {
	next                  slog.Handler
	interval, maxInterval time.Duration
	max                   int

	mu     sync.Mutex // also held while a line is written: they stay in order
	known  map[key]*line
	closed bool
}

// line is a line that was written, and how often it came since.
type line struct {
	timer    *time.Timer // ends the interval
	interval time.Duration

	count int         // since it was written
	first time.Time   // when the first of these came
	last  slog.Record // the latest of them
}

func (l *lines) handle(ctx context.Context, k key, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.next.Handle(ctx, r)
	}
	if known := l.known[k]; known != nil {
		if known.count++; known.count == 1 {
			known.first = r.Time
		}
		known.last = r
		return nil
	}
	if len(l.known) >= l.max {
		if err := l.makeRoom(ctx); err != nil {
			return err
		}
	}
	fresh := &line{interval: l.interval}
	fresh.timer = time.AfterFunc(fresh.interval, func() { l.ended(k, fresh) })
	l.known[k] = fresh
	return l.next.Handle(ctx, r)
}

// ended is the end of an interval. Nobody can be told of an error.
func (l *lines) ended(k key, of *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[k] != of {
		return // forgotten in the same moment
	}
	if of.count == 0 {
		delete(l.known, k)
		return
	}
	_ = l.write(context.Background(), of)
	of.interval = min(2*of.interval, l.maxInterval)
	of.timer.Reset(of.interval)
}

// makeRoom forgets a line, one that did not come again if there is one.
func (l *lines) makeRoom(ctx context.Context) error {
	var victim key
	for k, known := range l.known {
		victim = k
		if known.count == 0 {
			break
		}
	}
	return l.forget(ctx, victim)
}

// forget writes what was counted of a line, and counts it no longer.
func (l *lines) forget(ctx context.Context, k key) error {
	known := l.known[k]
	known.timer.Stop()
	delete(l.known, k)
	return l.write(ctx, known)
}

// write writes what was counted of a line, if it is anything.
func (l *lines) write(ctx context.Context, of *line) error {
	if of.count == 0 {
		return nil
	}
	r := of.last.Clone()
	r.AddAttrs(slog.Int("repeated", of.count), slog.Time("since", of.first), slog.Time("until", of.last.Time))
	of.count, of.last = 0, slog.Record{}
	return l.next.Handle(ctx, r)
}

func (l *lines) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	// In the order in which they last came, as a log is read.
	rest := make([]key, 0, len(l.known))
	for k := range l.known {
		rest = append(rest, k)
	}
	slices.SortFunc(rest, func(a, b key) int { return l.known[a].last.Time.Compare(l.known[b].last.Time) })
	var first error
	for _, k := range rest {
		if err := l.forget(context.Background(), k); err != nil && first == nil {
			first = err
		}
	}
	return first
}

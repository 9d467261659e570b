package logdedup

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Options configure a [Handler].
type Options struct {
	// Interval is how long equal lines are counted after the first one. The interval doubles
	// as long as equal lines follow. Default: a minute.
	Interval time.Duration
	// MaxInterval bounds the doubled interval. Default: an hour.
	MaxInterval time.Duration
	// MaxLines is how many different lines are counted at a time. One more line ends the
	// count of another line, which is written first. Default: 1,000.
	MaxLines int
	// MaxPerMinute is how many different lines with one message are written in a minute. Default: 300.
	MaxPerMinute int
}

// Handler is a [slog.Handler] that writes lines to another one. Use [New].
type Handler struct {
	counter *lineCounter
	scopes  []scope // added by WithAttrs and WithGroup, in their order
}

// scope is a group, or attributes if it has no name.
type scope struct {
	group string
	attrs []slog.Attr
}

// New returns a handler that writes to next. The caller must close it, or the last counts are
// lost.
func New(next slog.Handler, o Options) *Handler {
	return &Handler{counter: &lineCounter{
		next: next, lines: map[key]*line{}, max: cmp.Or(o.MaxLines, 1_000),
		messages: map[messageKey]*minute{}, perMinute: cmp.Or(o.MaxPerMinute, 300),
		interval: cmp.Or(o.Interval, time.Minute), maxInterval: cmp.Or(o.MaxInterval, time.Hour),
	}}
}

// Enabled reports whether the next handler writes lines of a level.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.counter.next.Enabled(ctx, level)
}

// WithAttrs returns a handler whose lines also have these attributes. Both handlers count
// together.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return &Handler{counter: h.counter, scopes: append(slices.Clip(h.scopes), scope{attrs: shortenAttrs(attrs)})}
}

// WithGroup returns a handler whose lines have their attributes in a group. Both handlers count
// together.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &Handler{counter: h.counter, scopes: append(slices.Clip(h.scopes), scope{group: name})}
}

// eachKey is the key of what [Each] puts into a context.
type eachKey struct{}

// Each returns a context with which every line is written, equal ones too. It is for lines that answer what somebody has
// just done: without one it would seem that nothing has happened.
func Each(ctx context.Context) context.Context { return context.WithValue(ctx, eachKey{}, true) }

// Handle writes a line, or counts it.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	attrs = shortenAttrs(attrs)
	for _, s := range slices.Backward(h.scopes) {
		if s.group == "" {
			attrs = append(slices.Clip(s.attrs), attrs...)
		} else if len(attrs) > 0 {
			attrs = []slog.Attr{{Key: s.group, Value: slog.GroupValue(attrs...)}}
		}
	}
	whole := slog.NewRecord(r.Time, r.Level, shorten(r.Message), r.PC)
	whole.AddAttrs(attrs...)
	if r.Level < slog.LevelInfo || ctx.Value(eachKey{}) != nil {
		return h.counter.next.Handle(ctx, whole)
	}
	return h.counter.handle(ctx, keyOf(whole.Level, whole.Message, attrs), whole)
}

// Close writes all counts. Later lines are written at once. Closing again does nothing.
func (h *Handler) Close() error { return h.counter.close() }

// lineCounter counts equal lines.
type lineCounter struct {
	next                  slog.Handler
	interval, maxInterval time.Duration
	max                   int
	perMinute             int

	mu       sync.Mutex // held even while a line is written, so that lines stay in order
	lines    map[key]*line
	messages map[messageKey]*minute
	closed   bool
}

// line is a line that was written and whose repetitions are counted.
type line struct {
	timer    *time.Timer // ends the interval
	interval time.Duration

	count int         // repetitions since the line was last written
	first time.Time   // time of the first of these
	last  slog.Record // the latest of these
}

func (l *lineCounter) handle(ctx context.Context, k key, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.next.Handle(ctx, r)
	}
	if known := l.lines[k]; known != nil {
		if known.count++; known.count == 1 {
			known.first = r.Time
		}
		known.last = r
		return nil
	}
	if l.leaveOut(r) {
		return nil
	}
	if len(l.lines) >= l.max {
		if err := l.makeRoom(ctx); err != nil {
			return err
		}
	}
	added := &line{interval: l.interval}
	added.timer = time.AfterFunc(added.interval, func() { l.endInterval(k, added) })
	l.lines[k] = added
	return l.next.Handle(ctx, r)
}

// endInterval writes a count at the end of an interval. It drops the error of the next handler,
// because there is no caller to return it to.
func (l *lineCounter) endInterval(k key, of *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines[k] != of {
		return // the count has been ended meanwhile
	}
	if of.count == 0 {
		delete(l.lines, k)
		return
	}
	_ = l.writeCount(context.Background(), of)
	of.interval = min(2*of.interval, l.maxInterval)
	of.timer.Reset(of.interval)
}

// makeRoom ends the count of one line, if possible of a line that was not repeated.
func (l *lineCounter) makeRoom(ctx context.Context) error {
	var victim key
	for k, known := range l.lines {
		victim = k
		if known.count == 0 {
			break
		}
	}
	return l.endCount(ctx, victim)
}

// endCount writes the count of a line and stops counting it.
func (l *lineCounter) endCount(ctx context.Context, k key) error {
	known := l.lines[k]
	known.timer.Stop()
	delete(l.lines, k)
	return l.writeCount(ctx, known)
}

// writeCount writes the count of a line, if it was repeated.
func (l *lineCounter) writeCount(ctx context.Context, of *line) error {
	if of.count == 0 {
		return nil
	}
	r := of.last.Clone()
	r.AddAttrs(slog.Int("repeated", of.count), slog.Time("since", of.first), slog.Time("until", of.last.Time))
	of.count, of.last = 0, slog.Record{}
	return l.next.Handle(ctx, r)
}

func (l *lineCounter) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	// The latest repetitions are written in the order of their times.
	rest := make([]key, 0, len(l.lines))
	for k := range l.lines {
		rest = append(rest, k)
	}
	slices.SortFunc(rest, func(a, b key) int { return l.lines[a].last.Time.Compare(l.lines[b].last.Time) })
	first := l.endMinutes(context.Background())
	for _, k := range rest {
		if err := l.endCount(context.Background(), k); err != nil && first == nil {
			first = err
		}
	}
	return first
}

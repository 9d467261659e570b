package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

const (
	// maxMessage is less than what a notification may have, in bytes.
	maxMessage = 7900
	// maxChanges is how many changes are kept for one message.
	maxChanges = 200
	// pingInterval is how often a process sends itself a wakeup, to see whether wakeups arrive, and pongLimit how long
	// that may take.
	pingInterval, pongLimit = 10 * time.Second, 5 * time.Second
	// listenRetry is the pause after a failure of the connection that listens.
	listenRetry = time.Second
)

// message is what processes send each other.
type message struct {
	Holder string // of who sends it
	Freed  bool   `json:",omitempty"` // a lease was given back

	store.Wakeups
}

// wakeups sends and receives wakeups.
type wakeups struct {
	log     *slog.Logger
	holder  string
	channel string
	pool    *pgxpool.Pool                           // sends
	connect func(context.Context) (*session, error) // receives
	freed   func()

	mu      sync.Mutex
	pending message       // to be sent next
	news    chan struct{} // capacity 1: there is something to send

	up   atomic.Bool   // wakeups arrive
	pong chan struct{} // capacity 1: an own wakeup has arrived
}

func newWakeups(log *slog.Logger, holder, channel string, pool *pgxpool.Pool, connect func(context.Context) (*session, error), freed func()) *wakeups {
	return &wakeups{
		log: log, holder: holder, channel: channel, pool: pool, connect: connect, freed: freed,
		news: make(chan struct{}, 1), pong: make(chan struct{}, 1),
	}
}

// tell has a message be sent soon. Messages that have not been sent yet become one.
func (w *wakeups) tell(m message) {
	w.mu.Lock()
	p := &w.pending
	for _, c := range m.Changes {
		p.Changes = join(p.Changes, c)
	}
	p.Freed, p.Outbox, p.Deleted = p.Freed || m.Freed, p.Outbox || m.Outbox, p.Deleted || m.Deleted
	p.Status, p.Everything = p.Status || m.Status, p.Everything || m.Everything || len(p.Changes) > maxChanges
	if p.Everything {
		p.Changes = nil
	}
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default: // it is going to be sent anyway
	}
}

// take returns what is to be sent.
func (w *wakeups) take() ([]byte, error) {
	w.mu.Lock()
	m := w.pending
	w.pending = message{}
	w.mu.Unlock()
	m.Holder = w.holder
	text, err := json.Marshal(m)
	if err == nil && len(text) > maxMessage {
		m.Changes = withoutNumbers(m.Changes)
		text, err = json.Marshal(m)
	}
	if err == nil && len(text) > maxMessage {
		m.Changes, m.Everything = nil, true
		text, err = json.Marshal(m)
	}
	return text, err
}

// join adds a change to a list, to that of the same batch if there is one.
func join(list []job.Change, c job.Change) []job.Change {
	at := slices.IndexFunc(list, func(o job.Change) bool {
		return o.BatchID == c.BatchID && o.AccountID == c.AccountID && o.EncodingID == c.EncodingID
	})
	if at < 0 {
		c.Numbers = slices.Clone(c.Numbers)
		return append(list, c)
	}
	o := &list[at]
	o.Everything, o.Dispatch = o.Everything || c.Everything, o.Dispatch || c.Dispatch
	o.Starts, o.Ends = o.Starts+c.Starts, o.Ends+c.Ends
	o.Numbers = append(o.Numbers, c.Numbers...)
	return list
}

// withoutNumbers names no jobs: whoever drives the account reads everything of it instead.
func withoutNumbers(list []job.Change) (short []job.Change) {
	for _, c := range list {
		numbered := len(c.Numbers) > 0
		c.Numbers = nil
		short = join(short, c)
		if numbered {
			short = join(short, job.Change{AccountID: c.AccountID, Everything: true, Dispatch: true})
		}
	}
	return short
}

// send sends messages until ctx ends.
//
// They are sent after the commits that they tell of, in transactions that wait for no disk and no standby: NOTIFY in a
// transaction holds a lock of the whole server until that is committed.
func (w *wakeups) send(ctx context.Context) {
	for {
		select {
		case <-w.news:
		case <-ctx.Done():
			return
		}
		if err := w.sendNext(ctx); err != nil && ctx.Err() == nil {
			w.log.DebugContext(ctx, "a wakeup was not sent", "err", err)
			w.tell(message{Wakeups: store.Wakeups{Everything: true}})
			if !pause(ctx, listenRetry) {
				return
			}
		}
	}
}

func (w *wakeups) sendNext(ctx context.Context) error {
	text, err := w.take()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pongLimit)
	defer cancel()
	b := &pgx.Batch{}
	b.Queue(`BEGIN`)
	b.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
	b.Queue(`SELECT pg_notify($1, $2)`, w.channel, string(text))
	b.Queue(`COMMIT`)
	return w.pool.SendBatch(ctx, b).Close()
}

// pause waits, and reports whether ctx has not ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errDeaf says that the connection listens in vain.
var errDeaf = errors.New("wakeups do not arrive: name the server itself with --db-listen if there is a pooler before it")

// listen calls hear for the messages of others until ctx ends. After each interruption hear gets a wakeup that says that
// others may be lost.
func (w *wakeups) listen(ctx context.Context, hear func(store.Wakeups)) {
	for said := false; ; {
		err := w.listenOnce(ctx, hear)
		wasUp := w.up.Swap(false)
		if ctx.Err() != nil {
			return
		}
		if wasUp || !said {
			w.log.WarnContext(ctx, "wakeups of other replicas do not arrive; they are looked for every quarter of a second", "err", err)
			said = true
		}
		if !pause(ctx, listenRetry) {
			return
		}
	}
}

// listenOnce listens until the connection fails.
func (w *wakeups) listenOnce(ctx context.Context, hear func(store.Wakeups)) error {
	conn, err := w.connect(ctx)
	if err != nil {
		return interpret(err)
	}
	defer conn.abandon()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{w.channel}.Sanitize()); err != nil {
		return interpret(err)
	}
	select {
	case <-w.pong:
	default:
	}
	receiving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var pinging sync.WaitGroup
	defer pinging.Wait()
	defer stop(nil)
	pinging.Go(func() {
		if err := w.ping(receiving, hear); err != nil {
			stop(err)
		}
	})
	for {
		n, err := conn.WaitForNotification(receiving)
		if err != nil {
			if receiving.Err() != nil {
				return context.Cause(receiving)
			}
			return interpret(err)
		}
		w.receive(n.Payload, hear)
	}
}

// ping sends the process itself wakeups. It returns an error when one does not arrive.
func (w *wakeups) ping(ctx context.Context, hear func(store.Wakeups)) error {
	for {
		w.tell(message{})
		timer := time.NewTimer(pongLimit)
		select {
		case <-w.pong:
			timer.Stop()
		case <-timer.C:
			return errDeaf
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		if !w.up.Swap(true) {
			w.log.InfoContext(ctx, "wakeups of other replicas arrive")
			hear(store.Wakeups{Everything: true})
		}
		if !pause(ctx, pingInterval) {
			return nil
		}
	}
}

// receive passes a message on.
func (w *wakeups) receive(text string, hear func(store.Wakeups)) {
	var m message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		w.log.Debug("a wakeup that is no message", "err", fmt.Errorf("%q: %w", text, err))
		hear(store.Wakeups{Everything: true})
		return
	}
	if m.Holder == w.holder {
		select {
		case w.pong <- struct{}{}:
		default:
		}
		return
	}
	if m.Freed {
		w.freed()
	}
	hear(m.Wakeups)
}

// channelOf is the name of the channel of a schema. Names have 63 bytes at most, and no half of a character.
func channelOf(schema string) string { return "stoker_" + storable(schema[:min(len(schema), 50)]) }

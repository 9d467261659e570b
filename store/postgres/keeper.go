package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/store"
)

// presenceInterval is how often a process says that it is there, and presenceEnd after what time it is taken to be gone.
const presenceInterval, presenceEnd = 2 * time.Second, 6 * time.Second

// keeper renews the leases of this process, on a connection of its own, and says that the process is there.
type keeper struct {
	connect func(context.Context) (*session, error)
	log     *slog.Logger
	times   leaseTimes
	tell    func(message) // the other processes

	holder, address, version string

	mu     sync.Mutex
	leases map[*lease]bool
	freed  chan struct{} // closed and replaced when a lease may have become free
	held   heldBack      // to be free: see loseHistory
	conn   *session      // of the goroutine that renews; nil: there is none at present
	use    sync.Mutex    // held while conn is used
	seen   time.Time     // when the process has said last that it is there

	figures figures
	stop    context.CancelCauseFunc
	done    chan struct{} // closed when nobody renews any more
}

// start has leases be renewed until close is called.
func (k *keeper) start(ctx context.Context) {
	ctx, k.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	k.leases, k.freed, k.done = map[*lease]bool{}, make(chan struct{}), make(chan struct{})
	go k.run(ctx)
}

// errClosed is why leases end with their process.
var errClosed = errors.New("the job table is closed")

// close gives all leases back.
func (k *keeper) close() {
	k.stop(errClosed)
	<-k.done
	for _, l := range k.list() {
		l.Release()
	}
	k.use.Lock()
	defer k.use.Unlock()
	if k.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := k.conn.Exec(ctx, `DELETE FROM replicas WHERE holder = $1`, k.holder); err != nil {
		k.log.Debug("this replica stays in the list for some seconds", "err", err)
	}
	k.conn.close()
	k.conn = nil
}

func (k *keeper) list() []*lease {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []*lease
	for l := range k.leases {
		list = append(list, l)
	}
	return list
}

// run renews leases until ctx ends.
func (k *keeper) run(ctx context.Context) {
	defer close(k.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		if err := k.renew(ctx); err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "leases were not renewed", "err", err)
		}
		k.giveUp()
		timer.Reset(max(k.times.renew-time.Since(began), k.times.renew/4))
	}
}

// giveUp ends the leases that were not renewed for long. Their accounts are campaigned for like those of others.
func (k *keeper) giveUp() {
	for _, l := range k.list() {
		if age := l.age(); age > k.times.give {
			k.lose(l, fmt.Errorf("%w: the lease could not be renewed for %s", store.ErrDeposed, age.Round(time.Second)))
		}
	}
}

// lose ends a lease that was taken over, or may have been.
func (k *keeper) lose(l *lease, why error) {
	k.mu.Lock()
	had := k.leases[l]
	delete(k.leases, l)
	k.mu.Unlock()
	if had && l.ctx.Err() == nil {
		k.log.Warn("this replica does not drive accounts any more", "account", strings.Join(l.names, " "), "why", why)
	}
	l.end(why)
}

// heldBack are names that nobody can take over yet because the history with a word has just begun: see [history.begin].
type heldBack struct {
	names []string
	word  string
}

// loseHistory ends all leases because the database goes on from another history. Who trusted itself until now is the one
// for whose sake the next terms wait, so they need not wait any longer.
func (k *keeper) loseHistory(word string) {
	held := heldBack{word: word}
	for _, l := range k.list() {
		if l.Trusted() == nil {
			held.names = append(held.names, l.names...)
		}
		k.lose(l, fmt.Errorf("%w: %w", store.ErrDeposed, errHistory))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = held
}

func (k *keeper) hasHeld() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.held.names) > 0
}

// free has the names that were held back be free.
func (k *keeper) free(ctx context.Context) error {
	k.mu.Lock()
	held := k.held
	k.held = heldBack{}
	k.mu.Unlock()
	if len(held.names) == 0 {
		return nil
	}
	const free = `
UPDATE leases SET expires = 'epoch'
 WHERE name = ANY ($1::text[]) AND holder = '' AND (SELECT value FROM meta WHERE name = 'history') = $2`
	if _, err := k.conn.Exec(ctx, free, held.names, held.word); err != nil {
		return interpret(err) // they become free a little later
	}
	k.tell(message{Freed: true})
	k.noteFreed()
	return nil
}

// renew renews all leases. One that has ended is renewed as well, if nobody has taken it.
func (k *keeper) renew(ctx context.Context) error {
	k.use.Lock()
	defer k.use.Unlock()
	leases := k.list()
	if len(leases) == 0 && !k.hasHeld() && time.Since(k.seen) < presenceInterval {
		return nil
	}
	// The standby may be away: then the server does not answer, and trust ends meanwhile.
	ctx, cancel := context.WithTimeout(ctx, roundTripLimit)
	defer cancel()
	if k.conn == nil || k.conn.IsClosed() {
		conn, err := k.connect(ctx)
		if err != nil {
			return interpret(err)
		}
		k.conn = conn
	}
	err := k.renewOn(ctx, leases)
	if err == nil {
		err = k.free(ctx)
	}
	if err == nil && time.Since(k.seen) >= presenceInterval {
		err = k.sayPresent(ctx)
	}
	if err != nil {
		k.conn.abandon()
		k.conn = nil
	}
	return err
}

func (k *keeper) renewOn(ctx context.Context, leases []*lease) error {
	if len(leases) == 0 {
		return nil
	}
	const renew = `
UPDATE leases AS l SET expires = clock_timestamp() + $4 * interval '1 millisecond'
  FROM unnest($1::text[], $2::bigint[]) AS w(name, epoch)
 WHERE l.name = w.name AND l.epoch = w.epoch AND l.holder = $3 RETURNING l.name`
	names, epochs := namesOf(leases)
	k.conn.unsynced.Store(false)
	began := time.Now()
	rows, err := k.conn.Query(ctx, renew, names, epochs, k.holder, k.times.length.Milliseconds())
	if err != nil {
		return interpret(err)
	}
	renewed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return interpret(err)
	}
	if k.conn.unsynced.Load() {
		return errUnknown
	}
	k.figures.noteRenewal(time.Since(began))
	for _, l := range leases {
		if slices.ContainsFunc(l.names, func(name string) bool { return !slices.Contains(renewed, name) }) {
			k.lose(l, store.ErrDeposed)
			continue
		}
		l.note(began)
	}
	return nil
}

// namesOf are the names and epochs of leases.
func namesOf(leases []*lease) (names []string, epochs []int64) {
	for _, l := range leases {
		names, epochs = append(names, l.names...), append(epochs, l.epochs...)
	}
	return names, epochs
}

// sayPresent says that this process is there, and forgets those that have been gone for long.
func (k *keeper) sayPresent(ctx context.Context) error {
	const present = `
INSERT INTO replicas (holder, address, version, since, seen) VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp())
    ON CONFLICT (holder) DO UPDATE SET seen = excluded.seen`
	b := &pgx.Batch{}
	b.Queue(`BEGIN`)
	b.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
	b.Queue(present, k.holder, k.address, k.version)
	b.Queue(`DELETE FROM replicas WHERE seen < clock_timestamp() - interval '1 hour'`)
	b.Queue(`COMMIT`)
	if err := k.conn.SendBatch(ctx, b).Close(); err != nil {
		return interpret(err)
	}
	k.seen = time.Now()
	return nil
}

// release gives a lease back that has ended.
func (k *keeper) release(l *lease) {
	k.mu.Lock()
	had := k.leases[l]
	delete(k.leases, l)
	k.mu.Unlock()
	if !had {
		return
	}
	k.use.Lock()
	defer k.use.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), k.times.length)
	defer cancel()
	if err := k.releaseNow(ctx, l); err != nil {
		k.log.Warn("a lease was not given back; the next replica waits until it ends", "account", strings.Join(l.names, " "), "err", interpret(err))
		return
	}
	k.tell(message{Freed: true})
	k.noteFreed()
}

func (k *keeper) releaseNow(ctx context.Context, l *lease) (err error) {
	if k.conn == nil || k.conn.IsClosed() {
		if k.conn, err = k.connect(ctx); err != nil {
			k.conn = nil
			return err
		}
	}
	const release = `
UPDATE leases SET expires = 'epoch'
 WHERE (name, epoch) IN (SELECT * FROM unnest($1::text[], $2::bigint[])) AND holder = $3`
	if _, err := k.conn.Exec(ctx, release, l.names, l.epochs, k.holder); err != nil {
		k.conn.abandon()
		k.conn = nil
		return err
	}
	return nil
}

// noteFreed has all who wait for a lease look at once.
func (k *keeper) noteFreed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.freed)
	k.freed = make(chan struct{})
}

// awaitFreed returns a channel that is closed when a lease may have become free.
func (k *keeper) awaitFreed() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.freed
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
)

// serviceLease is the name of the lease of the process that works on the table.
const serviceLease = "*"

// leaseTimes are the times of a lease.
type leaseTimes struct {
	length time.Duration // from a renewal to the end
	renew  time.Duration // from a renewal to the next one
	retry  time.Duration // from one attempt to gain it to the next
	margin time.Duration // before the end, in which nothing is begun any more
}

// defaultLease has the lease be free three seconds after its holder died.
var defaultLease = leaseTimes{length: 3 * time.Second, renew: 750 * time.Millisecond, retry: 500 * time.Millisecond, margin: 500 * time.Millisecond}

// fence begins every transaction that writes. It finds no row if the lease was taken over.
const fence = `SELECT 1 FROM leases WHERE name = $1 AND epoch = $2 AND holder = $3 FOR KEY SHARE`

// lease is the right of this process to write. The database's clock alone decides when it ends, and a lease that
// has ended is still this process's until another one takes it over.
type lease struct {
	connect func(context.Context) (*session, error)
	log     *slog.Logger
	times   leaseTimes
	onLost  func(error)

	name, holder, address string
	epoch                 int64

	mu      sync.Mutex
	renewed time.Time // when the latest renewal that succeeded began
	ended   error     // set once the lease is another one's

	stop context.CancelCauseFunc
	done chan struct{} // closed when nobody renews any more
}

// heldError says who has the lease.
type heldError struct{ address string }

func (e *heldError) Error() string {
	if e.address == "" {
		return ErrLocked.Error()
	}
	return fmt.Sprintf("%s, at %s", ErrLocked, e.address)
}

func (e *heldError) Unwrap() error { return ErrLocked }

// gain gains the lease and has it be renewed. It waits as long as a dead process may still have it, and returns
// [ErrLocked] if it is renewed meanwhile.
func (l *lease) gain(ctx context.Context) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	const insert = `INSERT INTO leases (name, epoch, holder, address, since, expires) VALUES ($1, 0, '', '', 'epoch', 'epoch') ON CONFLICT DO NOTHING`
	if _, err := conn.Exec(ctx, insert, l.name); err != nil {
		conn.abandon()
		return interpret(err)
	}
	for began := time.Now(); ; {
		err := l.take(ctx, conn)
		if err == nil {
			break
		}
		if held, ok := errors.AsType[*heldError](err); !ok || time.Since(began) > l.times.length+2*l.times.retry {
			conn.abandon()
			return err
		} else if time.Since(began) < l.times.retry {
			l.log.InfoContext(ctx, "another Stoker has worked on the job table; waiting until its lease ends", "address", held.address)
		}
		timer := time.NewTimer(l.times.retry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			conn.abandon()
			return context.Cause(ctx)
		}
	}
	renewing, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	l.stop, l.done = stop, make(chan struct{})
	go l.keep(renewing, conn)
	return nil
}

// take takes the lease over if it has ended. It returns a [*heldError] if it has not.
func (l *lease) take(ctx context.Context, conn *session) error {
	const (
		read = `SELECT address FROM leases WHERE name = $1 AND expires >= clock_timestamp()`
		lock = `SELECT 1 FROM leases WHERE name = $1 AND expires < clock_timestamp() FOR UPDATE`
		take = `
UPDATE leases SET epoch = epoch + 1, holder = $2, address = $3, since = clock_timestamp(), expires = clock_timestamp() + $4 * interval '1 millisecond'
 WHERE name = $1 RETURNING epoch`
	)
	conn.unsynced.Store(false)
	began := time.Now()
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		const limits = `SELECT set_config('lock_timeout', '500ms', true), set_config('idle_in_transaction_session_timeout', $1, true)`
		if _, err := tx.Exec(ctx, limits, idleLimit); err != nil {
			return err
		}
		var address string
		err := tx.QueryRow(ctx, read, l.name).Scan(&address)
		if err == nil {
			return &heldError{address}
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		tag, err := tx.Exec(ctx, lock, l.name)
		if isCode(err, codeNoLock) || err == nil && tag.RowsAffected() == 0 {
			return &heldError{} // its last transactions have not ended, or another one was faster
		}
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, take, l.name, l.holder, l.address, l.times.length.Milliseconds()).Scan(&l.epoch)
	})
	if _, held := errors.AsType[*heldError](err); held {
		return err
	}
	if err == nil && conn.unsynced.Load() {
		err = errUnknown
	}
	if err != nil {
		return interpret(err)
	}
	l.note(began)
	return nil
}

func (l *lease) note(renewed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = renewed
}

// keep renews the lease until it is lost or stopped, and releases it in the latter case.
func (l *lease) keep(ctx context.Context, conn *session) {
	defer close(l.done)
	defer func() {
		if conn != nil {
			l.release(conn)
			conn.close()
		}
	}()
	ticker := time.NewTicker(l.times.renew)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if conn == nil {
			var err error
			if conn, err = l.connect(ctx); err != nil {
				if errors.Is(err, ErrTimeline) {
					l.end(err)
					return
				}
				l.log.WarnContext(ctx, "the lease of the job table cannot be renewed", "err", interpret(err))
				continue
			}
		}
		if err := l.renew(ctx, conn); err != nil {
			if ctx.Err() != nil {
				return
			}
			if errors.Is(err, ErrDeposed) {
				l.end(err)
				return
			}
			l.log.WarnContext(ctx, "the lease of the job table was not renewed", "err", err)
			conn.abandon()
			conn = nil
		}
	}
}

// renew renews the lease. One that has ended is renewed as well, if nobody has taken it.
func (l *lease) renew(ctx context.Context, conn *session) error {
	const renew = `
UPDATE leases SET expires = clock_timestamp() + $4 * interval '1 millisecond' WHERE name = $1 AND epoch = $2 AND holder = $3`
	conn.unsynced.Store(false)
	began := time.Now()
	// The standby may be away: then the server does not answer, and trust ends meanwhile.
	ctx, cancel := context.WithTimeout(ctx, roundTripLimit)
	defer cancel()
	tag, err := conn.Exec(ctx, renew, l.name, l.epoch, l.holder, l.times.length.Milliseconds())
	switch {
	case err != nil:
		return interpret(err)
	case conn.unsynced.Load():
		return errUnknown
	case tag.RowsAffected() == 0:
		return ErrDeposed
	}
	l.note(began)
	return nil
}

// release gives the lease back, so that the next process need not wait until it ends.
func (l *lease) release(conn *session) {
	ctx, cancel := context.WithTimeout(context.Background(), l.times.length)
	defer cancel()
	const release = `UPDATE leases SET expires = 'epoch' WHERE name = $1 AND epoch = $2 AND holder = $3`
	if _, err := conn.Exec(ctx, release, l.name, l.epoch, l.holder); err != nil {
		l.log.Warn("the lease of the job table was not given back; the next Stoker waits until it ends", "err", err)
	}
}

// end notes that the lease is lost, and says so once.
func (l *lease) end(why error) {
	l.mu.Lock()
	first := l.ended == nil
	if first {
		l.ended = why
	}
	l.mu.Unlock()
	if first && l.onLost != nil {
		l.onLost(why)
	}
}

// errUntrusted says that the lease may be another one's.
var errUntrusted = fmt.Errorf("%w: it is not certain that no other Stoker has taken over", job.ErrUnavailable)

// trusted returns nil while nobody else can have the lease. It asks two clocks: one stands still while a virtual
// machine is paused, and the other may be set.
func (l *lease) trusted() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return l.ended
	}
	now, limit := time.Now(), l.times.length-l.times.margin
	if now.Sub(l.renewed) > limit || now.Round(0).Sub(l.renewed.Round(0)) > limit {
		return errUntrusted
	}
	return nil
}

// errReleased is why a lease is not renewed any more.
var errReleased = errors.New("the job table is closed")

// close gives the lease back.
func (l *lease) close() {
	l.stop(errReleased)
	<-l.done
}

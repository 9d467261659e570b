package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/stokerd/stoker/store"
)

// defaultReaders is how many connections read side by side, unless the options say another number.
const defaultReaders = 8

// Open opens the job table in the database that a URL names. The schema must be there: see [Migrate].
//
// Any number of processes may have it open. What one of them at a time may do needs a term: see [store.Store.Campaign].
//
// The errors are [ErrNotMigrated], [ErrNewer], [ErrNotJobTable], [ErrOldServer], [ErrEncoding],
// [ErrNotDurable], [ErrReadOnly], [ErrRights], [ErrRefused] and [ErrPooler], and those of a server that cannot be
// reached. None has the password in it.
//
// Of the options, Unsafe, MustExist, AcceptNoLog and OnLost mean nothing here. The context is for opening only.
func Open(ctx context.Context, url string, o store.Options) (*store.Store, error) {
	db, err := openDatabase(ctx, url, o, defaultLease)
	if err != nil {
		return nil, err
	}
	return store.New(db, o), nil
}

// database is the engine of a job table in PostgreSQL.
type database struct {
	queries // on the readers' connections
	log     *slog.Logger

	instance  string
	connector *connector
	writer    *writer
	reader    *reader
	keeper    *keeper
	wakeups   *wakeups
	closing   context.Context //nolint:containedctx // ends when the table is closed
	close     context.CancelCauseFunc
}

var _ store.Engine = (*database)(nil)

func openDatabase(ctx context.Context, url string, o store.Options, times leaseTimes) (*database, error) {
	config, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	db := &database{log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
	if err := db.open(ctx, config, o, times); err != nil {
		return nil, fmt.Errorf("open job table %s: %w", nameOf(config.ConnConfig), err)
	}
	return db, nil
}

func (db *database) open(ctx context.Context, config *pgxpool.Config, o store.Options, times leaseTimes) (err error) {
	c := &connector{config: config}
	listening := c
	if o.ListenURL != "" {
		listenConfig, err := parse(o.ListenURL)
		if err != nil {
			return fmt.Errorf("--db-listen: %w", err)
		}
		listening = &connector{config: listenConfig}
		db.warnOfUnverified(listenConfig.ConnConfig)
	}
	db.warnOfUnverified(config.ConnConfig)
	schema, err := db.inspect(ctx, c, times.length)
	if err != nil {
		return err
	}
	db.connector = c
	db.closing, db.close = context.WithCancelCause(context.WithoutCancel(ctx))
	db.keeper = &keeper{
		connect: c.connect, log: db.log, times: times,
		holder: strings.ToLower(rand.Text()), address: cmp.Or(o.Address, ownAddress()), version: o.Version,
	}
	config.MaxConns = int32(cmp.Or(o.Readers, defaultReaders)) //nolint:gosec // a small number
	config.AfterConnect = c.check
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return interpret(err)
	}
	db.reader = &reader{pool}
	db.queries = newQueries(db.reader)
	db.writer = &writer{connect: c.connect, log: db.log, keeper: db.keeper, dropAll: pool.Reset}
	db.wakeups = newWakeups(db.log, db.keeper.holder, channelOf(schema), pool, listening.connect, db.keeper.noteFreed)
	db.keeper.tell = db.wakeups.tell
	c.history.onChange = func(word string) {
		db.keeper.loseHistory(word)
		db.wakeups.tell(message{Wakeups: store.Wakeups{Everything: true}})
	}
	db.keeper.start(ctx)
	return nil
}

// ownAddress says on which machine this process runs.
func ownAddress() string {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return fmt.Sprintf("%s, process %d", host, os.Getpid())
}

// inspect refuses a database that is not for this Stoker, and reads the instance id. It returns the name of the schema.
// A lease lasts for leaseLength.
func (db *database) inspect(ctx context.Context, c *connector, leaseLength time.Duration) (schema string, err error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return "", interpret(err)
	}
	defer conn.close()
	if err := checkServer(ctx, conn.Conn); err != nil {
		return "", err
	}
	if err := checkSchema(ctx, conn.Conn); err != nil {
		return "", err
	}
	if err := checkRights(ctx, conn.Conn); err != nil {
		return "", err
	}
	db.reportDurability(ctx, conn.Conn)
	err = conn.QueryRow(ctx, `SELECT value, current_schema() FROM meta WHERE name = 'instance_id'`).Scan(&db.instance, &schema)
	if err != nil {
		return "", fmt.Errorf("read the name of the instance: %w", interpret(err))
	}
	if err := noteOpened(ctx, conn); err != nil {
		return "", fmt.Errorf("note when the table was last changed: %w", interpret(err))
	}
	c.history = &history{log: db.log, length: leaseLength}
	return schema, c.history.check(ctx, conn.Conn)
}

// noteOpened notes when each account was last changed, before this process changes anything: the database may have been
// restored from a copy. If somebody drives an account it was not restored just now.
func noteOpened(ctx context.Context, conn *session) error {
	return pgx.BeginTxFunc(ctx, conn, readCommitted, func(tx pgx.Tx) error {
		var driven bool
		if err := tx.QueryRow(ctx, `SELECT count(*) > 0 FROM leases WHERE expires >= clock_timestamp()`).Scan(&driven); err != nil || driven {
			return err
		}
		_, err := tx.Exec(ctx, noteLastChange)
		return err
	})
}

// reportDurability says in the log what a commit survives.
func (db *database) reportDurability(ctx context.Context, conn *pgx.Conn) {
	var fsync, standbys string
	const query = `SELECT current_setting('fsync'), CASE current_setting('synchronous_commit') WHEN 'local' THEN '' ELSE current_setting('synchronous_standby_names') END`
	if err := conn.QueryRow(ctx, query).Scan(&fsync, &standbys); err != nil {
		db.log.WarnContext(ctx, "the server does not say how durable a commit is", "err", err)
		return
	}
	if fsync != "on" {
		db.log.WarnContext(ctx, "fsync of the server is off: a power failure destroys the job table", "db", nameOf(conn.Config()))
	}
	if standbys == "" {
		db.log.InfoContext(ctx, "no synchronous standby: a failover loses what was acknowledged last, and Stoker then looks for it at the platform")
		return
	}
	db.log.InfoContext(ctx, "commits wait for a standby", "db", nameOf(conn.Config()))
}

// InstanceID is the random name of this job table.
func (db *database) InstanceID() string { return db.instance }

// DiskSpace says nothing: the disk is the server's.
func (db *database) DiskSpace() (free, total int64, err error) { return 0, 0, nil }

// TableSize is the size of the database. What is unused in it is not known without reading all of it.
func (db *database) TableSize(ctx context.Context) (size, unused int64, err error) {
	size, err = one(ctx, db.reader, scalar[int64], `SELECT pg_database_size(current_database())`)
	return size, 0, err
}

// Close gives all leases back and closes all connections.
func (db *database) Close() error {
	db.close(errClosed)
	db.keeper.close()
	db.writer.close()
	db.reader.pool.Close()
	return nil
}

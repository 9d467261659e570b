package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// table is a store together with its file, for tests that look behind the methods.
type table struct {
	*store.Store
	db *hookedDatabase
}

// openTable is [Open].
func openTable(ctx context.Context, path string, o store.Options) (*table, error) {
	return openHooked(ctx, path, o, func(*hookedDatabase) {})
}

// openHooked is openTable. prepare sees the database before anything works on it.
func openHooked(ctx context.Context, path string, o store.Options, prepare func(*hookedDatabase)) (*table, error) {
	db, err := openDatabase(ctx, path, o)
	if err != nil {
		return nil, err
	}
	hooked := &hookedDatabase{database: db, hooks: map[string]func(*transaction) error{}}
	prepare(hooked)
	return &table{store.New(hooked, o), hooked}, nil
}

func mustOpen(t *testing.T) *table {
	t.Helper()
	return mustOpenAt(t, filepath.Join(t.TempDir(), "stoker.db"))
}

// mustOpenAt opens a table and closes it when the test ends, unless the test
// has done so.
func mustOpenAt(t *testing.T, path string) *table {
	t.Helper()
	s, err := openTable(t.Context(), path, store.Options{Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// mustOpenDurable opens a table as in production.
func mustOpenDurable(t *testing.T, path string) *table {
	t.Helper()
	s, err := openTable(t.Context(), path, store.Options{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hookedDatabase lets tests run statements of their own in the transactions of the writer.
type hookedDatabase struct {
	*database
	mu    sync.Mutex
	hooks map[string]func(*transaction) error // by the encoding of the orphan whose deletion stands for it
	// reaped is what was removed of deleted batches, also by transactions that were rolled back.
	reaped []store.Reaped
	// onNextDeleted and onReap are called before a deleted batch is looked for, and before jobs of it are removed,
	// unless they are nil. An error stands for one of the database.
	onNextDeleted func()
	onReap        func() error
}

// hooksAccount is the account of orphans that are hooks.
const hooksAccount = "the account of hooks"

func (db *hookedDatabase) Begin(ctx context.Context, fences []store.Lease) (store.Tx, error) {
	tx, err := db.database.Begin(ctx, fences)
	if err != nil {
		return nil, err
	}
	return &hookedTransaction{tx.(*transaction), db}, nil //nolint:errcheck // it is one
}

type hookedTransaction struct {
	*transaction
	db *hookedDatabase
}

func (t *hookedTransaction) Write(ctx context.Context, rows *store.Rows) error {
	for _, o := range rows.DeletedOrphans {
		if o.AccountID != hooksAccount {
			continue
		}
		t.db.mu.Lock()
		hook := t.db.hooks[o.EncodingID]
		t.db.mu.Unlock()
		if err := hook(t.transaction); err != nil {
			return t.fault(err)
		}
	}
	return t.transaction.Write(ctx, rows)
}

func (t *hookedTransaction) NextDeleted(ctx context.Context) (job.Batch, error) {
	if t.db.onNextDeleted != nil {
		t.db.onNextDeleted()
	}
	return t.transaction.NextDeleted(ctx)
}

func (t *hookedTransaction) ReapJobs(ctx context.Context, batchSeq, jobs int64) (store.Reaped, error) {
	if t.db.onReap != nil {
		if err := t.db.onReap(); err != nil {
			return store.Reaped{}, t.fault(err)
		}
	}
	done, err := t.transaction.ReapJobs(ctx, batchSeq, jobs)
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	if done.Jobs > 0 {
		t.db.reaped = append(t.db.reaped, done)
	}
	return done, err
}

// inTransaction is a write that runs f. An error of f takes back the transaction.
func (s *table) inTransaction(ctx context.Context, f func(*transaction) error) error {
	s.db.mu.Lock()
	name := fmt.Sprint(len(s.db.hooks))
	s.db.hooks[name] = f
	s.db.mu.Unlock()
	return s.DeleteOrphan(ctx, hooksAccount, name)
}

// exec is a write of one statement, past the methods of the store.
func (s *table) exec(tb testing.TB, text string, args ...any) (n int64, err error) {
	tb.Helper()
	err = s.inTransaction(tb.Context(), func(t *transaction) error {
		n, err = t.exec(tb.Context(), text, args...)
		return err
	})
	return n, err
}

func mustBatch(t *testing.T, s *table, id string) job.Batch {
	t.Helper()
	b, err := s.Batch(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/store"
)

// bareChanges makes a table with 10,000 jobs and returns a function that makes the nth
// change to it: the guarded update, the event and the batch's counts in a transaction
// that is flushed. It is what [store.Store.UpdateJob] is measured against.
func bareChanges(b *testing.B) (change func(n int)) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bare.db")
	s, err := Open(b.Context(), path, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	mustSubmit(b, s, specs(10_000))
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"+
		"&_pragma=cache_size(-16384)&_pragma=wal_autocheckpoint(10000)&_pragma=journal_size_limit(67108864)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() }) // nothing is read from it any more
	db.SetMaxOpenConns(1)
	prepared := map[string]*sql.Stmt{}
	exec := func(text string, args ...any) {
		stmt := prepared[text]
		if stmt == nil {
			if stmt, err = db.PrepareContext(b.Context(), text); err != nil {
				b.Fatal(err)
			}
			prepared[text] = stmt
		}
		result, err := stmt.ExecContext(b.Context(), args...)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := result.RowsAffected(); args != nil && (n != 1 || err != nil) {
			b.Fatalf("%s: %d rows, %v", text, n, err)
		}
	}
	const (
		job = `
UPDATE jobs SET state = $1, version = version + 1, revision = $2, update_time = $3, step = '', encoding_id = 'encoding'
 WHERE batch = 1 AND number = $4 AND state = $5 AND version = $6`
		event = `
INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason)
VALUES (1, $1, $2, $3, $4, $5, 1, 'round and round')`
		batch = `UPDATE batches SET waiting = waiting + $1, starting = starting - $1, revision = $2, update_time = $3 WHERE seq = 1`
	)
	states := []string{"WAITING", "STARTING"} // there and back
	return func(n int) {
		number, round := n%10_000+1, n/10_000
		from, to := states[round%2], states[(round+1)%2]
		now, waiting := benchTime.UnixMilli(), 2*(round%2)-1
		exec("BEGIN IMMEDIATE")
		exec(job, to, n+2, now, number, from, round+1)
		exec(event, number, round+2, now, from, to)
		exec(batch, waiting, n+2, now)
		exec("COMMIT")
	}
}

package postgres

import (
	"errors"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Behind a pooler in transaction mode a table is opened, written, read, and driven by one process after the other, if
// the URL says that nothing is prepared. Without that it says what to do.
func TestPooler(t *testing.T) {
	t.Parallel()
	server := pgserver.StartHost(t, "fsync=off")
	name := server.NewDatabase(t)
	pooled := server.Pooled(t, name)
	through := pooled + "?default_query_exec_mode=exec"
	if _, _, err := Migrate(t.Context(), server.URL(name)); err != nil {
		t.Fatal(err)
	}
	first, second := openFor(t, through, quick), openFor(t, through, quick)
	b := submit(t, first, 20)
	term := campaign(t, first, "default")
	if err := term.Trusted(); err != nil {
		t.Error(err)
	}
	driving := first.As(term)
	for number := range int64(10) {
		if err := cancel(t, driving, b, number+1); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := second.Batch(t.Context(), b.ID); err != nil || got.Counts.Cancelled != 10 {
		t.Errorf("the other process sees %+v, %v", got.Counts, err)
	}
	pgserver.Exec(t, server.URL(name), `UPDATE leases SET expires = 'epoch', epoch = epoch + 1, holder = 'another'`)
	if err := cancel(t, driving, b, 11); !errors.Is(err, store.ErrDeposed) {
		t.Errorf("a write after the takeover: %v, want %v", err, store.ErrDeposed)
	}
	if err := cancel(t, second.As(campaign(t, second, "default")), b, 12); err != nil {
		t.Error(err)
	}

	// One process alone may be lucky: it gets the sessions again in which it has prepared something.
	var err error
	for range 8 {
		var s *store.Store
		if s, err = Open(t.Context(), pooled, store.Options{}); err != nil {
			break
		}
		defer func() { _ = s.Close() }() // it has nothing to write
		if _, err = s.Job(t.Context(), job.ID{Batch: b.ID, Number: 1}); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrPooler) {
		t.Errorf("with prepared statements: %v, want %v", err, ErrPooler)
	}
}

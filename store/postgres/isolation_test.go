package postgres

import "testing"

// What waits for a lock sees what it has waited for, also in a database whose transactions are isolated in another way by
// default.
func TestIsolation(t *testing.T) {
	s := mustOpen(t, configured(t, migrated(t), `SET default_transaction_isolation = 'serializable'`))
	tx, err := s.db.BeginBeside(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	beside, ok := tx.(singleTransaction)
	if !ok {
		t.Fatalf("%T", tx)
	}
	got, err := one(t.Context(), beside, scalar[string], `SHOW transaction_isolation`)
	if err != nil || got != "read committed" {
		t.Errorf("a transaction is %s, %v", got, err)
	}
}

package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/store"
)

// BenchmarkEntries reads what an audit log of a million entries has about one batch: of the time since the batch was
// submitted, a hundredth of the log, and of all time.
func BenchmarkEntries(b *testing.B) {
	const million = 1_000_000
	s, err := openTable(b.Context(), filepath.Join(b.TempDir(), "stoker.db"), store.Options{Unsafe: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	const fill = `
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
INSERT INTO audit (id, time, principal, kind, address, method, target, outcome, detail, call_id, refused)
SELECT $2 + ((i - $1) << 22), $3 + i - $1, 'token:ci', 'TOKEN', '192.0.2.1', 'BatchService/UpdateBatch',
       printf('01a22ab5-acd6-7695-af1b-%012x', i / 10), 'OK', 'batch {priority 3}; update mask priority', printf('%012x', i), 0
  FROM n`
	now := time.Now()
	if _, err := s.exec(b, fill, million, access.FirstEntryID(now), now.UnixMilli()); err != nil {
		b.Fatal(err)
	}
	table := store.NewAccessTable(s.Store)
	const target = "01a22ab5-acd6-7695-af1b-000000018500"
	for name, since := range map[string]time.Time{"all_time": {}, "since": now.Add(-million * time.Millisecond / 100)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := table.Entries(b.Context(), access.EntryFilter{Target: target, Since: since, Limit: 101}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

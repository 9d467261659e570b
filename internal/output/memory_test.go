package output

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// A listing is printed while it is read: however long it is, little of it is in memory.
func TestListingsAreNotHeldInMemory(t *testing.T) {
	const rows, most = 30_000, 10 << 20 // 30,000 rows would take 30 MiB
	inUse := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for name, tt := range map[string]struct {
		look Look
		o    Options
	}{
		"table":     {look: Look{Width: 120}},
		"wide":      {look: Look{Width: 120}, o: Options{Format: FormatWide}},
		"pipe":      {},
		"json":      {o: Options{Format: FormatJSON}},
		"jsonl":     {o: Options{Format: FormatJSONL}},
		"jsonl, jq": {o: Options{Format: FormatJSONL, JQ: ".id"}},
		"csv":       {o: Options{Format: FormatCSV}},
		"name":      {o: Options{Format: FormatName}},
	} {
		t.Run(name, func(t *testing.T) {
			before := inUse()
			w, err := batches().NewWriter(io.Discard, tt.look, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				b := &stokerv1.Batch{
					Id: fmt.Sprintf("%0500d", i), DisplayName: fmt.Sprintf("night run %0200d", i), StateReason: fmt.Sprintf("%0200d", i), Account: fmt.Sprintf("%0100d", i),
				}
				if err := w.Add(b); err != nil {
					t.Fatal(err)
				}
			}
			if held := inUse() - before; held > most {
				t.Errorf("%d bytes are held after %d rows", held, rows)
			}
			if err := w.End(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

package ui

import (
	"io"
	"testing"

	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/night"
)

// BenchmarkJobs writes 100,000 jobs in each format.
func BenchmarkJobs(b *testing.B) {
	jobs := night.Jobs()
	terminal := nightLook(120)
	terminal.Colour = true
	for name, tt := range map[string]struct {
		look output.Look
		o    output.Options
	}{
		"table": {terminal, output.Options{}},
		"pipe":  {},
		"csv":   {o: output.Options{Format: output.FormatCSV}},
		"jsonl": {o: output.Options{Format: output.FormatJSONL}},
		"yaml":  {o: output.Options{Format: output.FormatYAML}},
		"name":  {o: output.Options{Format: output.FormatName}},
		"jq":    {o: output.Options{Format: output.FormatJSONL, JQ: ".key"}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, err := Jobs().NewWriter(io.Discard, tt.look, tt.o)
				if err != nil {
					b.Fatal(err)
				}
				for i := range 100_000 {
					if err := w.Add(jobs[i%len(jobs)]); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.End(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// BenchmarkSearch measures searches among a million jobs, in ten batches and in ten thousand. What is
// searched for is in the oldest batch, so that no search stops early, unless its name says so.
func BenchmarkSearch(b *testing.B) {
	for _, batches := range []int{10, 10_000} {
		s := openWithTitles(b, batches, 1_000_000/batches)
		for _, tt := range []struct {
			name   string
			search job.Search
			want   int
		}{
			{"key_prefix", job.Search{KeyPrefix: "films/0000001/sintel"}, 1},
			{"key_prefix_of_all", job.Search{KeyPrefix: "films/"}, 50},
			{"key", job.Search{Keys: []string{"films/0000001/sintel"}}, 1},
			{"encoding", job.Search{EncodingID: encodingTitle(1)}, 1},
			{"encoding_as_text", job.Search{Text: encodingTitle(1)}, 1},
			{"encoding_prefix_as_text", job.Search{Text: encodingTitle(1)[:13]}, 1},
			{"text", job.Search{Text: "0001/SINTEL"}, 1},
			{"text_of_hexadecimal_digits", job.Search{Text: "beef000"}, 0},
			{"text_of_all", job.Search{Text: "master"}, 50},
			{"text_of_none", job.Search{Text: "nobody's"}, 0},
			{"text_and_state", job.Search{Text: "master", States: []job.State{job.Failed}}, 1},
			{"state", job.Search{States: []job.State{job.Failed}}, 1},
			{"newest", job.Search{}, 50},
		} {
			b.Run(fmt.Sprintf("batches=%d/%s", batches, tt.name), func(b *testing.B) {
				for b.Loop() {
					found, err := s.FindJobs(b.Context(), tt.search, job.SearchPage{Limit: 50})
					if err != nil || len(found.Jobs) != tt.want {
						b.Fatalf("found %d jobs, %v", len(found.Jobs), err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("batches=%d/batch_name", batches), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Batches(b.Context(), job.BatchFilter{Text: "nobody's", Limit: 50}); err != nil {
					b.Fatal(err)
				}
			}
		})
		_ = s.Close()
	}
}

// encodingTitle is the id of the encoding of a job.
func encodingTitle(n int64) string { return fmt.Sprintf("%08x-0b7d-4e19-8f3e-6cc1d2f7a310", n) }

// openWithTitles opens a store with batches of titles, all of which have succeeded but the first.
func openWithTitles(b *testing.B, batches, jobs int) *table {
	b.Helper()
	s, err := openTable(b.Context(), filepath.Join(b.TempDir(), "stoker.db"), store.Options{Unsafe: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	n := 0
	for batch := range batches {
		list := make([]job.Spec, jobs)
		for i := range list {
			title := "marathon-finish"
			if n++; n == 1 {
				title = "sintel"
			}
			list[i] = job.Spec{
				Key:       fmt.Sprintf("films/%07d/%s", n, title),
				InputPath: fmt.Sprintf("vod/masters/films/%07d/%s.mov", n, title), OutputPath: fmt.Sprintf("published/films/%07d/%s", n, title),
			}
		}
		_, _, err := s.Submit(b.Context(), job.Submission{Batch: job.Batch{AccountID: "default", DisplayName: fmt.Sprintf("night run %d", batch)}, Jobs: list}, testTime.Add(time.Duration(batch)*time.Second))
		if err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.exec(b, `DROP TRIGGER jobs_transition`); err != nil { // it knows no way from WAITING to SUCCEEDED
		b.Fatal(err)
	}
	const end = `
UPDATE jobs
   SET state = iif(batch = 1 AND number = 1, 'FAILED', 'SUCCEEDED'), finish_time = 2,
       encoding_id = printf('%08x-0b7d-4e19-8f3e-6cc1d2f7a310', (batch - 1) * $1 + number)`
	if _, err := s.exec(b, end, jobs); err != nil {
		b.Fatal(err)
	}
	const endBatches = `
UPDATE batches
   SET state = iif(seq = 1, 'FAILED', 'SUCCEEDED'), finish_time = 2, waiting = 0, failed = (seq = 1), succeeded = $1 - (seq = 1)`
	if _, err := s.exec(b, endBatches, jobs); err != nil {
		b.Fatal(err)
	}
	return s
}

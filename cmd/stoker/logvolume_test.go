package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// The log of a busy day stays small at INFO: calls that read write nothing, and of those that change something so many
// lines are written in a minute and no more, however many calls there are.
func TestLogVolume(t *testing.T) {
	calls := 1_500 // of each kind
	if os.Getenv("STOKER_EXHAUSTIVE") != "" {
		calls = 20_000
	}
	const lines, lineBytes, callers = 300, 700, 16
	s := startService(t, serviceEnv(t, &simulator.Simulator{Unlimited: true, Duration: time.Hour}))
	conn, err := client.Dial(s.grpc, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	batch, err := conn.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: []*stokerv1.JobSpec{{InputPath: "a.mov"}}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for n := caller; n < calls; n += callers {
				_, err := conn.Batches().UpdateBatch(t.Context(), &stokerv1.UpdateBatchRequest{
					Batch: &stokerv1.Batch{Id: batch.GetId(), DisplayName: fmt.Sprint(n)}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
				})
				if err == nil {
					_, err = conn.Batches().GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: batch.GetId()})
				}
				if err != nil {
					t.Error(err)
					return
				}
				// A refusal is told as well.
				if _, err := conn.Batches().GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: "999999"}); err == nil {
					t.Error("a batch that is not there was found")
				}
			}
		})
	}
	group.Wait()
	minutes := int(time.Since(began)/time.Minute) + 1
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	bytes, count := map[string]int{}, map[string]int{}
	for scanner := bufio.NewScanner(s.log); scanner.Scan(); {
		var line struct{ Level, Msg string }
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("%q: %v", scanner.Text(), err)
		}
		if line.Level == "ERROR" || line.Level == "WARN" {
			t.Errorf("nobody has to look at %s", scanner.Text())
		}
		bytes[line.Msg] += len(scanner.Bytes()) + 1
		count[line.Msg]++
	}
	total := 0
	for _, msg := range slices.Sorted(maps.Keys(bytes)) {
		total += bytes[msg]
		t.Logf("%8d bytes, %5d lines: %s", bytes[msg], count[msg], msg)
		if most := (lines + 1) * minutes; count[msg] > most || bytes[msg] > most*lineBytes {
			t.Errorf("%d lines of %q with %d bytes for %d calls in %d minutes; want at most %d lines", count[msg], msg, bytes[msg], 3*calls, minutes, most)
		}
	}
	t.Logf("%8d bytes for %d calls", total, 3*calls)
}

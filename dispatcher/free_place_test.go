package dispatcher

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// refill is how fast an account fills its queue again.
type refill struct {
	p50, p99, longest time.Duration // from an encoder that takes an encoding to the next start's arrival
	figures
}

// measureRefill runs a workload in simulated time. The n-th place that becomes free is filled by the n-th
// start after those that filled the queue at first. Places count that become free while all encoders
// are busy and jobs wait.
func (l workload) measureRefill(t *testing.T, way time.Duration, change func(*http.Response)) (r refill) {
	t.Helper()
	platform := l.simulated()
	platform.Latency = way
	inSimulation(t, platform, func(w *world, sim *clock.Simulation) {
		w.target, w.auto = l.target, l.auto
		if change != nil {
			w.network = func(request *http.Request) (*http.Response, error) {
				response, err := platform.Client().Transport.RoundTrip(request)
				if err == nil {
					change(response)
				}
				return response, err
			}
		}
		b := w.submitAt(sim.Now(), l.jobs(), l.edit)
		w.prepare(sim)
		if err := w.disp.Simulate(t.Context(), sim); err != nil {
			t.Fatal(err)
		}
		if b, err := w.store.Batch(t.Context(), b.ID); err != nil || b.State != job.BatchSucceeded {
			t.Errorf("the batch is %s, %v", b.State, err)
		}
		w.audit(b.ID)
		var taken, started []time.Time
		for _, e := range platform.Encodings() {
			taken = append(taken, e.RunningAt)
			started = append(started, e.Starts...)
		}
		slices.SortFunc(taken, time.Time.Compare)
		slices.SortFunc(started, time.Time.Compare)
		var waits []time.Duration
		for n := l.encoders; n+l.target < len(started); n++ {
			waits = append(waits, started[n+l.target].Sub(taken[n]))
		}
		slices.Sort(waits)
		r.p50, r.p99, r.longest = quantile(waits, 0.5), quantile(waits, 0.99), waits[len(waits)-1]
		end := platform.ReadStats()
		r.makespan = float64(end.Makespan) * float64(l.encoders) / float64(end.Busy)
		r.calls, r.throttled = float64(end.Calls)/float64(l.jobs()), end.RateLimited
	})
	return r
}

// quantile is a quantile of sorted times.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(math.Ceil(q*float64(len(sorted))))-1, len(sorted)-1)]
}

// editETA changes the estimate of the end in every status; 0 removes it.
func editETA(edit func(eta float64) float64) func(*http.Response) {
	return func(r *http.Response) {
		body, err := io.ReadAll(r.Body)
		if err == nil && bytes.Contains(body, []byte(`"eta"`)) {
			var envelope struct {
				RequestID string `json:"requestId"`
				Status    string `json:"status"`
				Data      struct {
					Result map[string]any `json:"result"`
				} `json:"data"`
			}
			if err = json.Unmarshal(body, &envelope); err == nil {
				told, _ := envelope.Data.Result["eta"].(float64)
				if eta := edit(told); eta > 0 {
					envelope.Data.Result["eta"] = eta
				} else {
					delete(envelope.Data.Result, "eta")
				}
				body, err = json.Marshal(envelope)
			}
		}
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(body), errReader{err})), int64(len(body))
	}
}

// errReader fails with an error; without one it is empty.
type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, cmp.Or(r.err, io.EOF) }

// The estimates that a platform may give.
var estimates = map[string]func(*http.Response){
	"exact":   nil,
	"seconds": editETA(math.Ceil),
	"rough": editETA(func(eta float64) float64 {
		return eta * (0.8 + 0.4*math.Abs(math.Sin(1000*eta))) // 20 % off
	}),
	"none": editETA(func(float64) float64 { return 0 }),
}

// A free place is seen at once: from an encoder that takes an encoding to the next start's arrival half
// of the places take less than three calls, and 99 of 100 less than a second, by polling alone. The second holds
// even if the platform estimates badly or not at all. `make bench` runs all of it.
func TestFreePlace(t *testing.T) {
	takesFigures(t)
	const ms = time.Millisecond
	few := workload{encoders: 5, duration: 10 * time.Second, rounds: 50, target: 3}
	ways := []time.Duration{100 * ms}
	loads := map[string][]workload{"exact": {few}, "none": {few}}
	if os.Getenv("STOKER_FIGURES") != "" {
		few.rounds, ways = 100, []time.Duration{50 * ms, 100 * ms, 250 * ms, 500 * ms}
		long, more := workload{encoders: 5, duration: time.Minute, rounds: 50, target: 3}, workload{encoders: 20, duration: 10 * time.Second, rounds: 50, target: 10}
		loads = map[string][]workload{"exact": {few, long, more}, "seconds": {few}, "rough": {few}, "none": {few, more}}
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| workload | target | estimates | a call takes | p50 | p99 | longest | calls a job | makespan / bound |")
	fmt.Fprintln(&table, "|---|---|---|---|---|---|---|---|---|")
	for _, kind := range slices.Sorted(maps.Keys(loads)) {
		for _, l := range loads[kind] {
			for _, way := range ways {
				r := l.measureRefill(t, way, estimates[kind])
				if way == 100*ms && (kind == "exact" && r.p50 > 3*way || r.p99 > time.Second) || r.throttled > 0 {
					t.Errorf("%v, %v a call, estimates %s: p50 %v, p99 %v, and %d 429s", l, way, kind, r.p50, r.p99, r.throttled)
				}
				row := fmt.Sprintf("| %v | %d | %s | %v | %v | %v | %v | %.1f | %.3f |", l, l.target, kind, way,
					r.p50.Round(ms), r.p99.Round(ms), r.longest.Round(ms), r.calls, r.makespan)
				t.Log(row) // as it comes: all rows take minutes
				fmt.Fprintln(&table, row)
			}
		}
	}
	t.Logf("in simulated time, at the documented rate limits:\n%s", table.String())
}

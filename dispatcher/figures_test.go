package dispatcher

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// workload is an account under load, in simulated time.
type workload struct {
	encoders int
	duration time.Duration
	rounds   int // jobs for each encoder
	target   int
	auto     bool
	poll     time.Duration    // poll interval; 0: the default
	edit     func(*job.Batch) // changes the batch before it is submitted; nil: nothing
	disturb  int              // which of 20 calls on a route fails; see disturbance; 0: none
}

func (l workload) jobs() int { return l.encoders * l.rounds }

func (l workload) String() string {
	s := fmt.Sprintf("%d encoders, %v", l.encoders, l.duration)
	if l.auto {
		s += ", automatic target"
	}
	if l.poll != 0 {
		s += fmt.Sprintf(", looking every %v", l.poll)
	}
	if l.disturb != 0 {
		s += ", disturbed"
	}
	if l.edit != nil {
		s += ", template"
	}
	return s
}

// figures are the results of a workload.
type figures struct {
	makespan  float64 // divided by its lower bound: the work spread evenly over all encoders
	idle      float64 // share of encoder time without work while jobs waited
	calls     float64 // per job
	throttled int
	queue     []sample
}

// sample is how many encodings are queued and running at one moment.
type sample struct{ queued, running int }

// simulated returns a simulator for the workload, at the documented rate limits and with 100 ms
// for each call. An encoding takes between half and one and a half times the duration, which does
// not change from run to run.
func (l workload) simulated() *simulator.Simulator {
	s := &simulator.Simulator{Seed: 1, Encoders: l.encoders, Duration: l.duration, Latency: 100 * time.Millisecond, LedgerLimit: 1}
	n := 0
	s.EncodingDuration = func(simulator.Encoding) time.Duration {
		n++
		h := fnv.New32a()
		_, _ = fmt.Fprint(h, n)
		return l.duration/2 + l.duration*time.Duration(h.Sum32()%1000)/1000
	}
	if l.disturb != 0 {
		s.Fault = disturbance(l.disturb)
	}
	return s
}

// disturbance refuses every second start, throttles every 10th listing, and fails one of
// 20 calls.
func disturbance(fails int) func(simulator.Call) simulator.Fault {
	return func(c simulator.Call) simulator.Fault {
		switch {
		case c.Route == "POST /encoding/encodings/{id}/start" && c.Nth%2 == 0:
			return simulator.Fault{Kind: simulator.JSONFault, Status: 403, Code: 8004}
		case c.Route == "GET /encoding/encodings" && c.Nth%10 == 7:
			return simulator.Fault{Kind: simulator.RateLimitFault}
		case c.Nth%20 == fails:
			return simulator.Fault{Kind: simulator.JSONFault, Status: 500}
		}
		return simulator.Fault{}
	}
}

// measure runs a workload and takes its figures from the simulator. Idle time counts until the
// last job is started, since until then jobs wait.
func (l workload) measure(w *world, run func()) figures {
	var f figures
	var waiting simulator.Stats // when a job was last seen to wait
	stop := make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				s := w.sim.ReadStats()
				f.queue = append(f.queue, sample{s.ByStatus[simulator.Queued], s.ByStatus[simulator.Running]})
				if s.Starts < l.jobs() {
					waiting = s
				}
			}
		}
	})
	run()
	close(stop)
	sampling.Wait()
	end := w.sim.ReadStats()
	f.makespan = float64(end.Makespan) * float64(l.encoders) / float64(end.Busy)
	f.idle = float64(waiting.IdleEmpty) / float64(waiting.IdleEmpty+waiting.Busy)
	f.calls = float64(end.Calls) / float64(l.jobs())
	f.throttled = end.RateLimited
	return f
}

func (l workload) stoker(t *testing.T) (f figures) {
	t.Helper()
	inWorld(t, l.simulated(), func(w *world) {
		w.target, w.auto, w.poll = l.target, l.auto, l.poll
		w.run()
		b := w.submit(l.jobs(), l.edit)
		f = l.measure(w, func() {
			if b := w.awaitEnd(b.ID, 24*time.Hour); b.State != job.BatchSucceeded {
				t.Errorf("%v: batch is %s with %+v", l, b.State, b.Counts)
			}
		})
	})
	return f
}

func (l workload) example(t *testing.T) (f figures) {
	t.Helper()
	inWorld(t, l.simulated(), func(w *world) {
		client, err := bitmovin.New(bitmovin.Options{APIKey: w.apiKey, HTTPClient: w.sim.Client(), Governor: w.governor})
		if err != nil {
			t.Fatal(err)
		}
		f = l.measure(w, func() {
			if err := (&exampleRules{client: client, target: l.target}).run(w.ctx, l.jobs()); err != nil {
				t.Error(err)
			}
		})
	})
	return f
}

// TestFigures prints the figures of design and documentation. It takes minutes and checks nothing
// that other tests do not: `make bench` runs it.
func TestFigures(t *testing.T) {
	if os.Getenv("STOKER_FIGURES") == "" {
		t.Skip("prints figures; make bench runs it")
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| workload | rules | makespan / bound | idle while jobs wait | calls a job | 429s |")
	fmt.Fprintln(&table, "|---|---|---|---|---|---|")
	row := func(l workload, rules string, f figures) {
		fmt.Fprintf(&table, "| %v | %s | %.3f | %.1f %% | %.1f | %d |\n", l, rules, f.makespan, 100*f.idle, f.calls, f.throttled)
	}
	for _, l := range []workload{
		{encoders: 20, duration: time.Minute, rounds: 50, target: 3},
		{encoders: 100, duration: time.Minute, rounds: 50, target: 3},
		{encoders: 100, duration: 10 * time.Minute, rounds: 50, target: 3},
		{encoders: 4, duration: 10 * time.Minute, rounds: 50, target: 3},
	} {
		ours, theirs := l.stoker(t), l.example(t)
		row(l, "Stoker", ours)
		row(l, "the example", theirs)
		if path := os.Getenv("STOKER_CHART"); path != "" && l.encoders == 20 {
			writeChart(t, path, l, ours, theirs)
		}
	}
	for _, l := range []workload{
		{encoders: 100, duration: time.Minute, rounds: 50, target: 50, auto: true},
		{encoders: 100, duration: 10 * time.Minute, rounds: 50, target: 3, poll: time.Minute},
		{encoders: 4, duration: 10 * time.Minute, rounds: 50, target: 3, poll: 5 * time.Minute},
		{encoders: 20, duration: time.Minute, rounds: 50, target: 3, edit: ladder(t)},
	} {
		row(l, "Stoker", l.stoker(t))
	}
	disturbed := workload{encoders: 20, duration: time.Minute, rounds: 50, target: 3}
	var runs []figures
	for _, disturbed.disturb = range []int{1, 3, 5, 7, 9} { // odd, since every second start is refused anyway
		runs = append(runs, disturbed.stoker(t))
	}
	slices.SortFunc(runs, func(a, b figures) int { return cmp.Compare(a.makespan, b.makespan) })
	row(disturbed, "Stoker, median of 5", runs[2])
	fmt.Fprintf(&table, "disturbed, makespan over bound: %.3f to %.3f\n", runs[0].makespan, runs[4].makespan)
	t.Logf("in simulated time, at the documented rate limits, 100 ms a call:\n%s", table.String())
}

// writeChart draws queue depth and busy encoders over the first twenty minutes.
func writeChart(t *testing.T, path string, l workload, ours, theirs figures) {
	t.Helper()
	const seconds = 1200
	chart := drawChart(l, seconds, []series{
		{"Stoker", "#0b7a4b", ours.queue},
		{"the example's rules", "#c2410c", theirs.queue},
	})
	if err := os.WriteFile(path, []byte(chart), 0o644); err != nil {
		t.Fatal(err)
	}
}

// series is one line of the chart.
type series struct {
	name, colour string
	samples      []sample
}

func drawChart(l workload, seconds int, all []series) string {
	const width, height, left = 960, 180, 56
	w := new(strings.Builder)
	panel := func(top int, title string, highest int, value func(sample) int) {
		fmt.Fprintf(w, `<text x="%d" y="%d" class="t">%s</text>`+"\n", left, top-8, title)
		fmt.Fprintf(w, `<rect x="%d" y="%d" width="%d" height="%d" class="f"/>`+"\n", left, top, width, height)
		for _, tick := range []int{0, highest / 2, highest} {
			fmt.Fprintf(w, `<text x="%d" y="%d" class="n">%d</text>`+"\n", left-6, top+height-tick*height/highest+4, tick)
		}
		for _, s := range all {
			var points []string
			for i := 0; i < min(len(s.samples), seconds); i += 2 {
				points = append(points, fmt.Sprintf("%d,%d", left+i*width/seconds, top+height-min(value(s.samples[i]), highest)*height/highest))
			}
			fmt.Fprintf(w, `<polyline points="%s" stroke="%s" class="l"/>`+"\n", strings.Join(points, " "), s.colour)
		}
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d 520" font-family="sans-serif">`+"\n", width+left+40)
	fmt.Fprintln(w, `<style>.t{font-size:15px}.n{font-size:12px;text-anchor:end}.x{font-size:12px}.f{fill:#fafafa;stroke:#bbb}.l{fill:none;stroke-width:1.5}</style>`)
	panel(40, "encodings running", l.encoders, func(s sample) int { return s.running })
	panel(270, "encodings queued", l.target+1, func(s sample) int { return s.queued })
	for m := 0; m <= seconds/60; m += 5 {
		fmt.Fprintf(w, `<text x="%d" y="468" class="x">%d min</text>`+"\n", left+m*60*width/seconds-10, m)
	}
	for i, s := range all {
		fmt.Fprintf(w, `<rect x="%d" y="490" width="14" height="4" fill="%s"/><text x="%d" y="497" class="x">%s</text>`+"\n",
			left+i*220, s.colour, left+i*220+20, s.name)
	}
	fmt.Fprintln(w, "</svg>")
	return w.String()
}

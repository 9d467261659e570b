package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// The queue target of the service, and the jobs of each kind at the platform when it starts. Ten places of
// the queue are free.
const (
	startTarget   = 50
	startRunning  = 960
	startQueued   = 40
	startPrepared = 64 // configured, not started
)

// measureStart starts the service on a table with a million jobs, 1,000 of which are at the platform, and
// measures how long it takes until the first encoding is started.
func measureStart(t *testing.T) {
	sim := &simulator.Simulator{Encoders: startRunning, QueueLimit: -1, Duration: 10 * time.Hour, Unlimited: true}
	far := newDistant(t, sim)
	s := newService(t, far.url, "STOKER_QUEUE_TARGET=50")
	life := s.run()
	// Nothing may be started before the table is as it should be.
	if _, err := s.client.Accounts().PauseAccount(t.Context(), &stokerv1.PauseAccountRequest{AccountId: "default"}); err != nil {
		t.Fatal(err)
	}
	id := s.submitMillion()
	life.signal(syscall.SIGTERM)
	if code := life.wait(processTimeout); code != 0 {
		t.Fatalf("stopped with exit code %d", code)
	}
	s.populate(sim, id)
	for _, tt := range []struct {
		name    string
		latency time.Duration
		idle    time.Duration // since the job table was last changed
	}{
		{"no latency, in flight for half an hour", 0, 30 * time.Minute},
		{"100 ms a call, in flight for half an hour", 100 * time.Millisecond, 30 * time.Minute},
		{"100 ms a call, all of it begun just now", 100 * time.Millisecond, 0},
	} {
		s.touch(id, time.Now().Add(tt.idle))
		far.begin(tt.latency)
		began := time.Now()
		life := s.run()
		listening := time.Since(began)
		select {
		case at := <-far.started:
			t.Logf("%-42s listening after %6.3f s, first start after %6.3f s and %s; %s", tt.name,
				listening.Seconds(), at.Sub(began).Seconds(), far.summary(), memory(t, life.cmd.Process.Pid))
		case <-time.After(2 * processTimeout):
			t.Errorf("%s: nothing was started", tt.name)
		}
		life.kill()
	}
}

// populate makes the first jobs of a batch RUNNING, the next ones QUEUED and further ones configured, at
// the platform and in the job table. The service does not run meanwhile.
func (s *service) populate(sim *simulator.Simulator, batch string) {
	s.t.Helper()
	table := s.table()
	p := newOwner(s.t, sim, "stoker-"+table.InstanceID())
	for n := range int64(startRunning + startQueued + startPrepared) {
		id := job.ID{Batch: batch, Number: n + 1}
		encoding := p.prepare(id)
		started := n < startRunning+startQueued
		if started {
			p.start(encoding)
		}
		now := time.Now()
		facts := []func(*job.Update) error{
			func(u *job.Update) error { return u.Configured(string(encoding), nil, now) },
			func(u *job.Update) error { return u.BeginStart(now) },
			func(u *job.Update) error { return u.StartAccepted(now) },
			func(u *job.Update) error {
				seen := job.Observation{EncodingID: string(encoding), Status: job.RemoteRunning, QueuedAt: now, RunningAt: now}
				return u.Observe(seen, job.Rules{}, now)
			},
		}
		switch {
		case !started:
			facts = facts[:1]
		case n >= startRunning:
			facts = facts[:3]
		}
		for _, fact := range facts {
			if _, err := table.UpdateJob(s.t.Context(), id, now, fact); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	resume := func(a *job.AccountSettings) error {
		a.Resume()
		return nil
	}
	if _, err := table.UpdateAccountSettings(s.t.Context(), "default", time.Now(), resume); err != nil {
		s.t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// touch changes a batch at the given time. When the service starts, it looks for encodings that were
// created since the latest change of the job table. A change in the future makes it find none, as if all
// encodings were older.
func (s *service) touch(batch string, now time.Time) {
	s.t.Helper()
	table := s.table()
	_, err := table.UpdateBatch(s.t.Context(), batch, now, func(b *job.Batch) error {
		b.DisplayName = now.String()
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// table opens the job table while the service does not run.
func (s *service) table() *store.Store {
	s.t.Helper()
	table, err := sqlite.Open(s.t.Context(), s.db, store.Options{Unsafe: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return table
}

// distant serves a simulator with a delay before every call. It tells when the first encoding is started,
// and counts the calls before that.
type distant struct {
	url     string
	started chan time.Time // the first start; capacity 1

	mu      sync.Mutex
	latency time.Duration
	calls   map[string]int // until the first start, by what they are for
	over    bool
}

func newDistant(t *testing.T, sim *simulator.Simulator) *distant {
	d := &distant{started: make(chan time.Time, 1)}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(d.note(r))
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		sim.Close()
		web.Close()
	})
	d.url = web.URL + "/v1"
	return d
}

func (d *distant) begin(latency time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latency, d.calls, d.over = latency, map[string]int{}, false
}

// note counts a call and returns how long to delay it. The first start of an encoding ends the count.
func (d *distant) note(r *http.Request) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over || d.calls == nil {
		return d.latency
	}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/start") && r.Method == http.MethodPost:
		d.over = true
		d.started <- time.Now()
	case strings.HasSuffix(path, "/status"):
		d.calls["status"]++
	case strings.HasSuffix(path, "/encodings") && r.Method == http.MethodGet:
		d.calls["list"]++
	default:
		d.calls["other"]++
	}
	return d.latency
}

func (d *distant) summary() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var parts []string
	for _, name := range []string{"list", "status", "other"} {
		parts = append(parts, fmt.Sprint(d.calls[name], " ", name))
	}
	return strings.Join(parts, ", ") + " calls"
}

// owner configures and starts encodings as the service would.
type owner struct {
	t      *testing.T
	client *bitmovin.Client
	label  string
	input  bitmovin.InputID
	output bitmovin.OutputID
	config bitmovin.ConfigID
}

func newOwner(t *testing.T, sim *simulator.Simulator, label string) *owner {
	t.Helper()
	unlimited := bitmovin.Limits{}
	for class := range bitmovin.DefaultLimits() {
		unlimited[class] = 1_000_000_000
	}
	client, err := bitmovin.New(bitmovin.Options{
		APIKey: func() (string, error) { return "key", nil }, HTTPClient: sim.Client(), Governor: bitmovin.NewGovernor(unlimited),
	})
	if err != nil {
		t.Fatal(err)
	}
	o := &owner{t: t, client: client, label: label}
	o.input = done(client.CreateInput(t.Context(), bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "h.example"}))(t)
	o.output = done(client.CreateOutput(t.Context(), bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "b", AccessKey: "a", SecretKey: "s"}))(t)
	o.config = done(client.CreateConfiguration(t.Context(), bitmovin.Configuration{Type: bitmovin.H264, Name: "v", Height: 480, Bitrate: 800_000}))(t)
	return o
}

// prepare configures an encoding for a job.
func (o *owner) prepare(id job.ID) bitmovin.EncodingID {
	o.t.Helper()
	ctx := o.t.Context()
	encoding := done(o.client.CreateEncoding(ctx, bitmovin.Encoding{Name: "title [" + id.String() + "]", Labels: []string{o.label}}, nil))(o.t)
	stream := done(o.client.CreateStream(ctx, encoding.ID, bitmovin.Stream{
		InputStreams: []bitmovin.InputStream{{InputID: o.input, InputPath: "a.mp4", SelectionMode: "AUTO"}}, CodecConfigID: o.config,
	}))(o.t)
	done(o.client.CreateMuxing(ctx, encoding.ID, bitmovin.Muxing{
		Type: bitmovin.MuxingFMP4, SegmentLength: 4, Streams: []bitmovin.MuxingStream{{StreamID: stream.ID}},
		Outputs: []bitmovin.EncodingOutput{{OutputID: o.output, OutputPath: "out/" + id.String(), ACL: []bitmovin.ACLEntry{{Permission: bitmovin.PublicRead}}}},
	}))(o.t)
	return encoding.ID
}

func (o *owner) start(id bitmovin.EncodingID) {
	o.t.Helper()
	if err := o.client.StartEncoding(o.t.Context(), id, nil, nil); err != nil {
		o.t.Fatal(err)
	}
}

// done is the result of a call that has to succeed.
func done[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

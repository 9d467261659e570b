package bitmovin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// newClient returns a client of sim that needs no network.
func newClient(t *testing.T, sim *simulator.Simulator) *bitmovin.Client {
	t.Helper()
	t.Cleanup(sim.Close)
	c, err := bitmovin.New(bitmovin.Options{
		APIKey:     func() (string, error) { return "key", nil },
		HTTPClient: sim.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// must fails the test on an error and otherwise returns v.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A simulator is not taken for the platform, whatever it answers.
func TestIsSimulated(t *testing.T) {
	platform := httptest.NewServer(http.NotFoundHandler())
	defer platform.Close()
	real, err := bitmovin.New(bitmovin.Options{BaseURL: platform.URL, APIKey: func() (string, error) { return "key", nil }})
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[*bitmovin.Client]bool{
		newClient(t, &simulator.Simulator{}): true,
		real:                                 false,
	} {
		if client.IsSimulated() {
			t.Error("simulated before the first answer")
		}
		if _, err := client.ReadEncoding(t.Context(), "none"); err == nil {
			t.Error("an encoding that is not there was read")
		}
		if client.IsSimulated() != want {
			t.Errorf("simulated: %v, want %v", !want, want)
		}
	}
}

// shop holds the ids that encodings share.
type shop struct {
	input  bitmovin.InputID
	output bitmovin.OutputID
	video  bitmovin.ConfigID
}

func newShop(t *testing.T, c *bitmovin.Client) shop {
	t.Helper()
	ctx := t.Context()
	return shop{
		input:  must[bitmovin.InputID](t)(c.CreateInput(ctx, bitmovin.Storage{Type: bitmovin.StorageHTTP, Host: "h.example"})),
		output: must[bitmovin.OutputID](t)(c.CreateOutput(ctx, bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "b", AccessKey: "a", SecretKey: "s"})),
		video:  must[bitmovin.ConfigID](t)(c.CreateConfiguration(ctx, bitmovin.Configuration{Type: bitmovin.H264, Name: "H.264 480", Height: 480, Bitrate: 800_000})),
	}
}

// encoding configures an encoding with one rendition and leaves it CREATED.
func (s shop) encoding(t *testing.T, c *bitmovin.Client, name string) bitmovin.EncodingID {
	t.Helper()
	ctx := t.Context()
	e := must[bitmovin.Encoding](t)(c.CreateEncoding(ctx, bitmovin.Encoding{Name: name, Labels: []string{"batch"}}, nil))
	stream := must[bitmovin.Stream](t)(c.CreateStream(ctx, e.ID, bitmovin.Stream{
		InputStreams:  []bitmovin.InputStream{{InputID: s.input, InputPath: "in.mp4", SelectionMode: bitmovin.SelectAuto}},
		CodecConfigID: s.video,
	}))
	must[bitmovin.Muxing](t)(c.CreateMuxing(ctx, e.ID, bitmovin.Muxing{
		Type: bitmovin.MuxingFMP4, SegmentLength: 4,
		Streams: []bitmovin.MuxingStream{{StreamID: stream.ID}},
		Outputs: []bitmovin.EncodingOutput{{OutputID: s.output, OutputPath: "out/video/480", ACL: []bitmovin.ACLEntry{{Permission: bitmovin.PublicRead}}}},
	}))
	return e.ID
}

func TestLifeOfAnEncoding(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		sim := &simulator.Simulator{Encoders: 1, StartDelay: time.Second}
		c := newClient(t, sim)
		ctx := t.Context()
		s := newShop(t, c)
		id := s.encoding(t, c, "a-1")
		outputs := []bitmovin.EncodingOutput{{OutputID: s.output, OutputPath: "out"}}
		dash := must[bitmovin.ManifestID](t)(c.CreateDashManifest(ctx, bitmovin.ManifestRequest{EncodingID: id, Outputs: outputs}))
		hls := must[bitmovin.ManifestID](t)(c.CreateHLSManifest(ctx, bitmovin.ManifestRequest{EncodingID: id, Outputs: outputs, Name: "main"}))
		request := bitmovin.StartRequest{
			Scheduling: &bitmovin.Scheduling{Priority: new(70)}, ManifestGenerator: "V2",
			VODDashManifests: []bitmovin.ManifestResource{{ManifestID: dash}},
			VODHLSManifests:  []bitmovin.ManifestResource{{ManifestID: hls}},
		}
		if err := c.StartEncoding(ctx, id, &request, nil); err != nil {
			t.Fatal(err)
		}
		queued := must[bitmovin.Page[bitmovin.Encoding]](t)(c.ListEncodings(ctx, bitmovin.EncodingQuery{Status: bitmovin.StatusQueued}))
		if queued.Total != 1 || !queued.TotalKnown {
			t.Errorf("%d encodings queued, want 1", queued.Total)
		}
		if err := c.Reprioritize(ctx, id, 10); err != nil {
			t.Error(err)
		}
		started, _ := sim.FindEncoding(string(id))
		var got bitmovin.StartRequest
		if err := json.Unmarshal(started.StartRequest, &got); err != nil || got.Scheduling == nil || got.ManifestGenerator != "V2" {
			t.Errorf("start request arrived as %+v, %v", got, err)
		}
		time.Sleep(15 * time.Second)
		if task := must[bitmovin.Task](t)(c.ReadStatus(ctx, id)); task.Status != bitmovin.StatusRunning || task.Progress == 0 || task.QueuedAt.IsZero() {
			t.Errorf("half-way through: %+v", task)
		}
		if err := sim.AwaitIdle(ctx); err != nil {
			t.Fatal(err)
		}
		if task := must[bitmovin.Task](t)(c.ReadStatus(ctx, id)); task.Status != bitmovin.StatusFinished || task.FinishedAt.IsZero() || task.Error != nil {
			t.Errorf("at the end: %+v", task)
		}
		if e := must[bitmovin.Encoding](t)(c.ReadEncoding(ctx, id)); e.Name != "a-1" || !slices.Equal(e.Labels, []string{"batch"}) || e.Type != bitmovin.EncodingVOD {
			t.Errorf("encoding reads back as %+v", e)
		}
		if p := must[bitmovin.Page[bitmovin.Encoding]](t)(c.ListEncodings(ctx, bitmovin.EncodingQuery{Search: "labels:batch"})); len(p.Items) != 1 || p.Total != 1 {
			t.Errorf("search by label: %+v", p)
		}
		if err := c.DeleteEncoding(ctx, id); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ReadEncoding(ctx, id); !bitmovin.NotFound(err) {
			t.Errorf("after the deletion: err = %v, want not found", err)
		}
	})
}

func TestFullQueueAndStop(t *testing.T) {
	for _, omit := range []bool{false, true} {
		bubble.Test(t, func(t *testing.T) {
			sim := &simulator.Simulator{Encoders: -1, QueueLimit: 1, OmitTotalCount: omit}
			c := newClient(t, sim)
			s := newShop(t, c)
			first, second := s.encoding(t, c, "1"), s.encoding(t, c, "2")
			if err := c.StartEncoding(t.Context(), first, nil, nil); err != nil {
				t.Fatal(err)
			}
			err := c.StartEncoding(t.Context(), second, nil, nil)
			if !bitmovin.QueueFull(err) || bitmovin.Outage(err) || bitmovin.Ambiguous(err) {
				t.Errorf("err = %v, want a full queue and nothing else", err)
			}
			if err := c.StopEncoding(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			if task := must[bitmovin.Task](t)(c.ReadStatus(t.Context(), first)); task.Status != bitmovin.StatusCanceled {
				t.Errorf("stopped encoding is %s", task.Status)
			}
			if err := c.StartEncoding(t.Context(), second, nil, nil); err != nil {
				t.Errorf("start into the free place: %v", err)
			}
		})
	}
}

func TestFailedRun(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		sim := &simulator.Simulator{Outcome: func(simulator.Encoding, int) simulator.Outcome {
			return simulator.Outcome{Status: "ERROR", Error: &simulator.TaskError{Code: 10006, Category: "DECODING ERROR", Text: "t", RetryHint: "NO_RETRY"}}
		}}
		c := newClient(t, sim)
		id := newShop(t, c).encoding(t, c, "x")
		if err := c.StartEncoding(t.Context(), id, nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := sim.AwaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		task := must[bitmovin.Task](t)(c.ReadStatus(t.Context(), id))
		want := bitmovin.TaskError{Code: 10006, Category: "DECODING ERROR", Text: "t", RetryHint: bitmovin.RetryPointless}
		if task.Status != bitmovin.StatusError || task.Error == nil || *task.Error != want {
			t.Errorf("got %+v with %+v", task, task.Error)
		}
	})
}

// Every fault must be recognised, and whatever had its effect must be ambiguous.
func TestFaults(t *testing.T) {
	for kind := simulator.JSONFault; kind <= simulator.EmptyFault; kind++ {
		for _, after := range []bool{false, true} {
			name := kind.String() + " before the effect"
			if after {
				name = kind.String() + " after the effect"
			}
			t.Run(name, func(t *testing.T) {
				bubble.Test(t, func(t *testing.T) {
					sim := &simulator.Simulator{Encoders: -1, Fault: func(call simulator.Call) simulator.Fault {
						if call.Route == "POST /encoding/encodings/{id}/start" && call.Nth == 1 {
							return simulator.Fault{Kind: kind, After: after}
						}
						return simulator.Fault{}
					}}
					c := newClient(t, sim)
					id := newShop(t, c).encoding(t, c, "x")
					err := c.StartEncoding(t.Context(), id, nil, nil)
					if err == nil || !bitmovin.Outage(err) {
						t.Errorf("err = %v, want an outage", err)
					}
					status := must[bitmovin.Task](t)(c.ReadStatus(t.Context(), id)).Status
					throttled := kind == simulator.RateLimitFault
					if bitmovin.Throttled(err) != throttled {
						t.Errorf("err = %v: throttled %v, want %v", err, !throttled, throttled)
					}
					if throttled {
						return // a limiter that acts after the effect is no limiter
					}
					if !bitmovin.Ambiguous(err) {
						t.Errorf("err = %v is not ambiguous, encoding is %s", err, status)
					}
					if started := status == bitmovin.StatusQueued; started != after {
						t.Errorf("encoding is %s", status)
					}
				})
			})
		}
	}
}

// The client at full speed for ten minutes, beside the documented limits: no 429.
func TestFullSpeedIsNeverThrottled(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		sim := &simulator.Simulator{Encoders: -1}
		c := newClient(t, sim)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for _, call := range []func() error{
			func() error { _, err := c.ListEncodings(ctx, bitmovin.EncodingQuery{Limit: 1}); return err },
			func() error { _, err := c.CreateEncoding(ctx, bitmovin.Encoding{Name: "x"}, nil); return err },
			func() error { return c.Ping(ctx) },
		} {
			for range 3 {
				wg.Go(func() {
					for {
						switch err := call(); {
						case ctx.Err() != nil:
							return
						case err != nil:
							t.Error(err)
							return
						}
					}
				})
			}
		}
		wg.Wait()
		if lists := sim.ReadStats().CallsBy["GET /encoding/encodings"]; len(lists) != 1 || lists[http.StatusOK] < 500 {
			t.Errorf("answers to lists: %v, want at least 500 times 200 and nothing else", lists)
		}
	})
}

func TestEveryResourceIsAccepted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		sim := &simulator.Simulator{}
		c := newClient(t, sim)
		ctx := t.Context()
		storages := []bitmovin.Storage{
			{Type: bitmovin.StorageHTTP, Host: "h"},
			{Type: bitmovin.StorageHTTPS, Host: "h"},
			{Type: bitmovin.StorageS3, Bucket: "b", AccessKey: "a", SecretKey: "s"},
			{Type: bitmovin.StorageS3RoleBased, Bucket: "b", RoleARN: "r"},
			{Type: bitmovin.StorageGCS, Bucket: "b", AccessKey: "a", SecretKey: "s"},
			{Type: bitmovin.StorageGCSServiceAccount, Bucket: "b", ServiceAccountCredentials: "{}"},
			{Type: bitmovin.StorageAzure, AccountName: "n", AccountKey: "k", Container: "c"},
			{Type: bitmovin.StorageGenericS3, Host: "h", Bucket: "b", AccessKey: "a", SecretKey: "s"},
		}
		for _, s := range storages {
			s.Name = "name"
			in := must[bitmovin.InputID](t)(c.CreateInput(ctx, s))
			if id, found, err := c.FindInput(ctx, s.Type, "name"); id != in || !found || err != nil {
				t.Errorf("%s input: found %q, %v, want %q", s.Type, id, err, in)
			}
			if ok, err := c.InputExists(ctx, in); !ok || err != nil {
				t.Errorf("%s input exists: %v, %v", s.Type, ok, err)
			}
			if got, _ := sim.FindResource(string(in)); got.Type != string(s.Type) {
				t.Errorf("%s input is stored as %+v", s.Type, got)
			}
			if ok, err := c.InputExists(ctx, "missing"); ok || err != nil {
				t.Errorf("%s input that was never created: %v, %v", s.Type, ok, err)
			}
			if !s.Type.Output() {
				continue
			}
			out := must[bitmovin.OutputID](t)(c.CreateOutput(ctx, s))
			if id, found, err := c.FindOutput(ctx, s.Type, "name"); id != out || !found || err != nil {
				t.Errorf("%s output: found %q, %v, want %q", s.Type, id, err, out)
			}
			if ok, err := c.OutputExists(ctx, out); !ok || err != nil {
				t.Errorf("%s output exists: %v, %v", s.Type, ok, err)
			}
		}
		for _, codec := range []bitmovin.Codec{
			bitmovin.H264, bitmovin.H265, bitmovin.VP9, bitmovin.AV1, bitmovin.AAC, bitmovin.HEAACv1, bitmovin.HEAACv2, bitmovin.Opus,
		} {
			conf := bitmovin.Configuration{Type: codec, Name: "n", Bitrate: 128_000}
			id := must[bitmovin.ConfigID](t)(c.CreateConfiguration(ctx, conf))
			if got, found, err := c.FindConfiguration(ctx, codec, "n"); got != id || !found || err != nil {
				t.Errorf("%s: found %q, %v, want %q", codec, got, err, id)
			}
			stored, _ := sim.FindResource(string(id))
			var got bitmovin.Configuration
			if err := json.Unmarshal(stored.Fields, &got); err != nil || got.Type != codec || got.Bitrate != conf.Bitrate {
				t.Errorf("%s is stored as %+v, %v", codec, got, err)
			}
		}
	})
}

func TestTemplateStart(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		sim := &simulator.Simulator{}
		c := newClient(t, sim)
		s := newShop(t, c)
		id := must[bitmovin.EncodingID](t)(c.StartTemplate(t.Context(), `
metadata: {type: VOD, name: t}
configurations: {video: {h264: {v: {properties: {name: v, height: 480, bitrate: 800000}}}}}
encodings:
  main:
    properties: {name: from-template}
    streams: {v: {properties: {inputStreams: [{inputId: `+string(s.input)+`, inputPath: in.mp4, selectionMode: AUTO}], codecConfigId: $/configurations/video/h264/v}}}
    muxings: {fmp4: {v: {properties: {segmentLength: 4, streams: [{streamId: $/encodings/main/streams/v}], outputs: [{outputId: `+string(s.output)+`, outputPath: out}]}}}}
    start: {}
`, nil))
		if err := sim.AwaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if task := must[bitmovin.Task](t)(c.ReadStatus(t.Context(), id)); task.Status != bitmovin.StatusFinished {
			t.Errorf("got %+v", task)
		}
		if p := must[bitmovin.Page[bitmovin.Encoding]](t)(c.ListEncodings(t.Context(), bitmovin.EncodingQuery{Name: "from-template"})); len(p.Items) != 1 || p.Items[0].ID != id {
			t.Errorf("search by name: %+v", p)
		}
	})
}

// A real delivery over real HTTP: registered, signed, verified, parsed, listed, removed.
func TestWebhookDelivery(t *testing.T) {
	const key = "signing-key"
	events := make(chan bitmovin.WebhookEvent, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		event, parseErr := bitmovin.ParseWebhook(body)
		if err := errors.Join(err, parseErr, bitmovin.VerifyWebhookSignature(key, body, r.Header.Get(bitmovin.SignatureHeader))); err != nil {
			t.Error(err)
		}
		events <- event
	}))
	defer receiver.Close()
	sim := &simulator.Simulator{Duration: time.Millisecond}
	c := newClient(t, sim)
	ctx := t.Context()
	hook := must[bitmovin.Webhook](t)(c.CreateWebhook(ctx, bitmovin.OnFinished, bitmovin.Webhook{URL: receiver.URL, SignatureKey: key}))
	id := newShop(t, c).encoding(t, c, "x")
	if err := c.StartEncoding(ctx, id, nil, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-events:
		if e.EncodingID != id || e.EventType != bitmovin.EventEncodingFinished || e.WebhookID != hook.ID || e.EventID == "" {
			t.Errorf("event %+v for encoding %s, webhook %s", e, id, hook.ID)
		}
	case <-time.After(time.Minute):
		t.Fatal("no delivery within a minute")
	}
	if hooks := must[[]bitmovin.Webhook](t)(c.ListWebhooks(ctx, bitmovin.OnFinished)); len(hooks) != 1 || hooks[0].URL != receiver.URL {
		t.Errorf("webhooks: %v", hooks)
	}
	if n := must[[]bitmovin.Notification](t)(c.Notifications(ctx)); len(n) != 1 || n[0].ID != hook.ID || n[0].Muted {
		t.Errorf("notifications: %+v", n)
	}
	if err := c.Unmute(ctx, hook.ID); err != nil {
		t.Error(err)
	}
	if err := c.DeleteWebhook(ctx, bitmovin.OnFinished, hook.ID); err != nil {
		t.Error(err)
	}
	if hooks := must[[]bitmovin.Webhook](t)(c.ListWebhooks(ctx, bitmovin.OnFinished)); len(hooks) != 0 {
		t.Errorf("webhooks after the deletion: %v", hooks)
	}
}

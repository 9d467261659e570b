package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/gobuild"
	"github.com/stokerd/stoker/internal/testkit/transcript"
)

const (
	mostMemory = 200       // MiB that an attack may cost
	mostLog    = 100 << 10 // bytes that an attack may write into the log
)

const (
	submit = stokerv1.BatchService_SubmitBatch_FullMethodName
	list   = stokerv1.BatchService_ListJobs_FullMethodName
	get    = stokerv1.BatchService_GetBatch_FullMethodName
	watch  = stokerv1.BatchService_WatchBatch_FullMethodName
)

// attacks has each attack. It returns when it has done all that it can, or ctx has ended.
var attacks = []struct {
	name   string
	attack func(ctx context.Context, t *testing.T, s *service)
}{
	{"large uploads that stall", stalledUploads},
	{"uploads that trickle", trickle},
	{"millions of empty jobs", emptyJobs},
	{"data in crumbs", crumbs},
	{"rapid resets", rapidResets},
	{"floods of frames", frameFloods},
	{"endless headers", endlessHeaders},
	{"headers that unpack to many", headerBomb},
	{"methods with long names", longNames},
	{"answers that nobody reads", deafReaders},
	{"small answers that nobody reads", deafCrowd},
	{"watches that nobody reads", deafWatches},
	{"connections that do nothing", idleConnections},
	{"metrics that nobody reads", deafScrapes},
	{"HTTP headers that never end", slowHeaders},
	{"HTTP requests that stall", stalledRequests},
	{"large uploads in JSON", jsonUploads},
}

func TestAttacks(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "stoker")
	if err := gobuild.Program(t.Context(), binary, "cmd/stoker"); err != nil {
		t.Fatal(err)
	}
	lasts, err := time.ParseDuration(os.Getenv("STOKER_ATTACK_TIME"))
	if err != nil {
		lasts = 0
	}
	for _, tt := range attacks {
		t.Run(tt.name, func(t *testing.T) { endure(t, newService(t, binary, 2_000), tt.name, tt.attack, lasts) })
	}
}

// endure attacks a service, again and again for so long, while an honest client calls it from a process of its own.
func endure(t *testing.T, s *service, name string, attack func(context.Context, *testing.T, *service), lasts time.Duration) {
	before, said := s.memory(t, "VmRSS"), s.logSize(t)
	s.forgetPeak(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), max(lasts, 3*time.Second), errors.New("the attack is over"))
	defer cancel()
	honest := startHonestClient(t, s)
	for again := true; again; again = lasts > 0 && ctx.Err() == nil {
		attack(ctx, t, s)
	}
	peak := s.memory(t, "VmHWM")
	calls := honest.attackOver(t)
	wrote := s.logSize(t) - said
	transcript.Add(t, "%s: %d MiB more memory, %d bytes of log; GetBatch p50 %v, p99 %v in %d calls meanwhile, p99 %v and at most %v in %d after", name, peak-before, wrote,
		percentile(calls.During, 0.5).Round(time.Microsecond*100), percentile(calls.During, 0.99).Round(time.Microsecond*100), len(calls.During), percentile(calls.After, 0.99).Round(time.Microsecond*100), percentile(calls.After, 1).Round(time.Microsecond*100), len(calls.After))
	if peak-before > mostMemory {
		t.Errorf("the attack cost %d MiB, want at most %d", peak-before, mostMemory)
	}
	if wrote > mostLog {
		t.Errorf("the attack wrote %d bytes into the log, want at most %d", wrote, mostLog)
	}
}

// each runs f for so many numbers at once.
func each(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// stalledUploads sends as much of a hundred requests of 31 MiB as it can, and never their ends.
func stalledUploads(ctx context.Context, t *testing.T, s *service) {
	const size = 31 << 20
	c := openSession(t, s.grpc, false)
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // ends the wait for windows
	defer stop()
	part := make([]byte, size-1)
	each(100, func(int) {
		if stream, err := c.call(submit); err == nil && c.send(stream, head(size), false) == nil {
			_ = c.send(stream, part, false) // it is cut off
		}
	})
	<-ctx.Done()
}

// trickle sends a byte of many requests from time to time.
func trickle(ctx context.Context, t *testing.T, s *service) {
	c := openSession(t, s.grpc, false)
	var streams []uint32
	for range 1_000 {
		stream, err := c.call(submit)
		if err != nil {
			return
		}
		_ = c.send(stream, head(1<<20), false) // it may be refused
		streams = append(streams, stream)
	}
	for ctx.Err() == nil {
		for _, stream := range streams {
			_ = c.send(stream, []byte{0}, false) // it may be refused
		}
	}
}

// emptyJobs sends requests with eleven million jobs of two bytes each.
func emptyJobs(ctx context.Context, t *testing.T, s *service) {
	body := bytes.Repeat([]byte{byte((&stokerv1.SubmitBatchRequest{}).ProtoReflect().Descriptor().Fields().ByName("jobs").Number()<<3 | 2), 0}, 11_000_000)
	each(4, func(int) {
		c := openSession(t, s.grpc, false)
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		defer stop()
		if stream, err := c.call(submit); err == nil {
			_ = c.send(stream, append(head(len(body)), body...), true) // it is refused
		}
	})
}

// crumbs sends requests in frames of a byte each.
func crumbs(ctx context.Context, t *testing.T, s *service) {
	c := openSession(t, s.grpc, false)
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	each(20, func(int) {
		stream, err := c.call(submit)
		if err != nil {
			return
		}
		for _, b := range append(head(60_000), make([]byte, 59_999)...) {
			if c.send(stream, []byte{b}, false) != nil {
				return
			}
		}
	})
}

// rapidResets begins calls and cancels them at once.
func rapidResets(ctx context.Context, t *testing.T, s *service) {
	c := openSession(t, s.grpc, false)
	for range 100_000 {
		stream, err := c.call(submit)
		if err != nil || c.framer.WriteRSTStream(stream, http2.ErrCodeCancel) != nil || ctx.Err() != nil {
			return
		}
	}
}

// frameFloods sends each kind of frame that costs its sender next to nothing.
func frameFloods(ctx context.Context, t *testing.T, s *service) {
	floods := []func(c *session, stream uint32) error{
		func(c *session, _ uint32) error { return c.framer.WriteSettings() },
		func(c *session, _ uint32) error { return c.framer.WriteSettingsAck() },
		func(c *session, _ uint32) error { return c.framer.WritePing(false, [8]byte{}) },
		func(c *session, _ uint32) error { return c.framer.WritePing(true, [8]byte{}) },
		func(c *session, _ uint32) error { return c.framer.WriteWindowUpdate(0, 1) },
		func(c *session, stream uint32) error { return c.framer.WriteWindowUpdate(stream, 1) },
		func(c *session, stream uint32) error { return c.framer.WriteData(stream, false, nil) },
		func(c *session, stream uint32) error {
			return c.framer.WritePriority(stream, http2.PriorityParam{Weight: 1})
		},
		func(c *session, _ uint32) error { return c.framer.WriteRawFrame(0xfa, 0, 0, nil) },
	}
	each(2*len(floods), func(i int) {
		flood, deaf := floods[i/2], i%2 == 1 // a deaf one does not read what it is answered
		c := openSession(t, s.grpc, deaf)
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		defer stop()
		stream, err := c.call(submit)
		for range 300_000 {
			if err != nil {
				return
			}
			err = flood(c, stream)
		}
	})
}

// endlessHeaders continues the headers of a call for ever.
func endlessHeaders(ctx context.Context, t *testing.T, s *service) {
	each(4, func(int) {
		c := openSession(t, s.grpc, false)
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		defer stop()
		var block bytes.Buffer
		if err := hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("x", 10_000), Sensitive: true}); err != nil {
			t.Error(err)
			return
		}
		err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes()})
		for range 30_000 {
			if err != nil {
				return
			}
			err = c.framer.WriteContinuation(1, false, block.Bytes())
		}
	})
}

// headerBomb refers to a large header many times, in one byte each.
func headerBomb(ctx context.Context, t *testing.T, s *service) {
	each(4, func(int) {
		c := openSession(t, s.grpc, false)
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		defer stop()
		var block bytes.Buffer
		e := hpack.NewEncoder(&block)
		for range 12_000 {
			if err := e.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("x", 4_000)}); err != nil {
				t.Error(err)
				return
			}
		}
		for id := uint32(1); id < 4_000; id += 2 {
			if c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}) != nil {
				return
			}
		}
	})
}

// longNames calls methods that do not exist and have names of 20 KB.
func longNames(ctx context.Context, t *testing.T, s *service) {
	each(4, func(i int) {
		c := openSession(t, s.grpc, false)
		for n := range 1_250 {
			stream, err := c.call(fmt.Sprintf("/stoker.v1.BatchService/%d-%d%s", i, n, strings.Repeat("x", 20_000)))
			if err != nil || ctx.Err() != nil {
				return
			}
			_ = c.send(stream, head(0), true) // it is refused
		}
	})
}

// deafReaders asks for large answers and reads none.
func deafReaders(ctx context.Context, t *testing.T, s *service) {
	unread(ctx, t, s, list, 2_000, &stokerv1.ListJobsRequest{BatchId: s.batch, PageSize: 1_000})
}

// deafCrowd asks for small answers on some connections, and lets none be sent. It waits until the service has ended
// the connections.
func deafCrowd(ctx context.Context, t *testing.T, s *service) {
	body, err := proto.Marshal(&stokerv1.GetBatchRequest{BatchId: s.batch})
	if err != nil {
		t.Error(err)
		return
	}
	request := append(head(len(body)), body...)
	each(2, func(int) {
		c := openSession(t, s.grpc, false, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		for range 240 { // beyond 500 they would be refused
			stream, err := c.call(get)
			if err != nil || c.framer.WriteData(stream, true, request) != nil || ctx.Err() != nil {
				break
			}
		}
		select {
		case <-c.closed:
		case <-time.After(30 * time.Second):
			t.Error("a connection that takes no answer goes on")
		}
	})
}

// deafWatches opens watches of all jobs and reads none.
func deafWatches(ctx context.Context, t *testing.T, s *service) {
	unread(ctx, t, s, watch, 1_500, &stokerv1.WatchBatchRequest{BatchId: s.batch, IncludeJobs: true})
}

// unread makes calls about the batch of the service on a connection that reads nothing.
func unread(ctx context.Context, t *testing.T, s *service, method string, calls int, request proto.Message) {
	c := openSession(t, s.grpc, true)
	body, err := proto.Marshal(request)
	if err != nil {
		t.Error(err)
	}
	for range calls {
		stream, err := c.call(method)
		if err != nil || c.framer.WriteData(stream, true, append(head(len(body)), body...)) != nil || ctx.Err() != nil {
			break
		}
	}
	<-ctx.Done()
}

// idleConnections opens connections and says nothing on most of them.
func idleConnections(ctx context.Context, _ *testing.T, s *service) {
	for i := range 3_000 {
		conn, err := attacker.DialContext(ctx, "tcp", s.grpc)
		if err != nil {
			continue // refused, or the attack is over
		}
		defer func() { _ = conn.Close() }() // the service may have closed it
		if i%2 == 0 {
			_, _ = io.WriteString(conn, http2.ClientPreface) // likewise
		}
	}
	<-ctx.Done()
}

// deafScrapes asks for the metrics on 300 connections, again and again, and reads nothing.
func deafScrapes(ctx context.Context, t *testing.T, s *service) {
	request := strings.Repeat("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 100)
	each(300, func(int) {
		conn := dial(t, s.admin)
		defer func() { _ = conn.Close() }() // the service may have closed it
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		for {
			if _, err := io.WriteString(conn, request); err != nil {
				return
			}
		}
	})
}

// slowHeaders sends requests over HTTP byte by byte.
func slowHeaders(ctx context.Context, t *testing.T, s *service) {
	each(500, func(i int) {
		conn := dial(t, []string{s.http, s.admin}[i%2])
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nX: "); err != nil {
			return
		}
		for range 20_000 {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, conn) // whatever it is
	})
}

// stalledRequests begins twenty thousand requests to the gateway, and sends no more of them.
func stalledRequests(ctx context.Context, t *testing.T, s *service) {
	each(20, func(int) {
		c := openSession(t, s.web, false)
		for range 1_000 {
			stream, err := c.callAt("localhost", get)
			if err != nil || c.send(stream, append(head(4_000), make([]byte, 3_000)...), false) != nil && ctx.Err() != nil {
				return
			}
		}
	})
	<-ctx.Done()
}

package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// service answers calls by a script.
type service struct {
	stokerv1.UnimplementedBatchServiceServer
	get    func(id string) *stokerv1.Batch
	job    func(id string) *stokerv1.Job
	list   func(*stokerv1.ListJobsRequest) *stokerv1.ListJobsResponse
	submit func(*stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error)
	add    func(*stokerv1.AddJobsRequest) (*stokerv1.Batch, error)
	closed func(id string) *stokerv1.Batch
	watch  func(*stokerv1.WatchBatchRequest, grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error
	odd    string // the key of a job that a warning is about
}

// warnings are those about the jobs of a message, and one that is counted and not listed.
func (s *service) warnings(jobs []*stokerv1.JobSpec) (list []*stokerv1.Warning, count int64) {
	for i, j := range jobs {
		if j.GetKey() == s.odd {
			list = append(list, &stokerv1.Warning{Field: fmt.Sprintf("jobs[%d].key", i), Message: "is odd"})
			return list, 2
		}
	}
	return nil, 0
}

func (s *service) SubmitBatch(_ context.Context, req *stokerv1.SubmitBatchRequest) (*stokerv1.SubmitBatchResponse, error) {
	b, err := s.submit(req)
	list, count := s.warnings(req.GetJobs())
	return &stokerv1.SubmitBatchResponse{Batch: b, Warnings: list, WarningCount: count}, err
}

func (s *service) AddJobs(_ context.Context, req *stokerv1.AddJobsRequest) (*stokerv1.AddJobsResponse, error) {
	b, err := s.add(req)
	list, count := s.warnings(req.GetJobs())
	return &stokerv1.AddJobsResponse{Batch: b, Warnings: list, WarningCount: count}, err
}

func (s *service) CloseBatch(_ context.Context, req *stokerv1.CloseBatchRequest) (*stokerv1.CloseBatchResponse, error) {
	return &stokerv1.CloseBatchResponse{Batch: s.closed(req.GetBatchId())}, nil
}

func (s *service) GetBatch(_ context.Context, req *stokerv1.GetBatchRequest) (*stokerv1.GetBatchResponse, error) {
	return &stokerv1.GetBatchResponse{Batch: s.get(req.GetBatchId())}, nil
}

func (s *service) GetJob(_ context.Context, req *stokerv1.GetJobRequest) (*stokerv1.GetJobResponse, error) {
	return &stokerv1.GetJobResponse{Job: s.job(req.GetJobId())}, nil
}

func (s *service) ListJobs(_ context.Context, req *stokerv1.ListJobsRequest) (*stokerv1.ListJobsResponse, error) {
	return s.list(req), nil
}

func (s *service) WatchBatch(req *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
	return s.watch(req, stream)
}

// serve serves s until end is called.
func serve(s *service) (listener *bufconn.Listener, end func()) {
	listener = bufconn.Listen(1 << 20)
	g := grpc.NewServer(grpc.WaitForHandlers(true))
	stokerv1.RegisterBatchServiceServer(g, s)
	var serving sync.WaitGroup
	serving.Go(func() { _ = g.Serve(listener) }) // ends when g is stopped
	return listener, func() {
		g.Stop()
		serving.Wait()
	}
}

// dial serves s and returns a client of it and a function that ends both.
func dial(s *service, o client.Options) (c *client.Client, end func()) {
	listener, stop := serve(s)
	o.DialOptions = append(o.DialOptions, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}))
	c, err := client.Dial("passthrough:///localhost", o)
	if err != nil {
		panic(err)
	}
	return c, func() {
		_ = c.Close()
		stop()
	}
}

// within runs a test in a bubble of its own time, against s.
func within(t *testing.T, s *service, o client.Options, f func(t *testing.T, c *client.Client)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		c, end := dial(s, o)
		defer end()
		f(t, c)
	})
}

// failedUnavailable is what a server that shuts down answers.
func failedUnavailable() error {
	s, err := status.New(codes.Unavailable, "shutting down").WithDetails(
		&errdetails.ErrorInfo{Reason: "SHUTTING_DOWN", Domain: "stoker"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

// tooMany is what a server answers who holds as many watches as it may.
func tooMany() error { return answered(codes.ResourceExhausted, "TOO_MANY_WATCHES") }

// answered is what a server answers, and nothing in between.
func answered(code codes.Code, reason string) error {
	s, err := status.New(code, "no").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "stoker"})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

func specs(n int) []*stokerv1.JobSpec {
	var all []*stokerv1.JobSpec
	for i := range n {
		all = append(all, &stokerv1.JobSpec{
			Key: fmt.Sprintf("k-%d", i), InputPath: fmt.Sprintf("in/%d.mp4", i), OutputPath: fmt.Sprintf("out/%d", i),
		})
	}
	return all
}

func TestDialRefusesPlainText(t *testing.T) {
	for target, ok := range map[string]bool{
		"127.0.0.1:7070":               true,
		"[::1]:7070":                   true,
		"localhost:7070":               true,
		"dns:///localhost:7070":        true,
		"unix:/run/stoker.sock":        true,
		"10.1.2.3:7070":                false,
		"stoker.example:7070":          false,
		"localhost.stoker.example:70":  false,
		"dns:///stoker.example:7070":   false,
		"127.0.0.1.stoker.example:443": false,
	} {
		c, err := client.Dial(target, client.Options{})
		if (err == nil) != ok {
			t.Errorf("Dial(%q) without TLS: %v", target, err)
		}
		if err == nil {
			_ = c.Close() // nothing was connected
			continue
		}
		if c, err = client.Dial(target, client.Options{Insecure: true}); err != nil {
			t.Errorf("Dial(%q) with Insecure: %v", target, err)
			continue
		}
		_ = c.Close() // nothing was connected
	}
}

func TestSubmit(t *testing.T) {
	t.Run("repeats the same request while the server is away", func(t *testing.T) {
		var ids []string
		s := &service{submit: func(req *stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
			ids = append(ids, req.GetRequestId())
			if len(ids) < 3 {
				return nil, failedUnavailable()
			}
			return &stokerv1.Batch{Id: "b", JobCount: int64(len(req.GetJobs()))}, nil
		}}
		within(t, s, client.Options{}, func(t *testing.T, c *client.Client) {
			req := &stokerv1.SubmitBatchRequest{Jobs: specs(2)}
			b, err := c.Submit(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if b.GetJobCount() != 2 || len(ids) != 3 || ids[0] == "" || ids[0] != ids[2] {
				t.Errorf("got %v after request ids %q, want three times the same", b, ids)
			}
			if req.GetRequestId() != "" {
				t.Error("the caller's request was changed")
			}
		})
	})

	t.Run("gives up in the end, with the server's error", func(t *testing.T) {
		calls := 0
		s := &service{submit: func(*stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) { calls++; return nil, failedUnavailable() }}
		within(t, s, client.Options{RetryTimeout: 30 * time.Second}, func(t *testing.T, c *client.Client) {
			begin := time.Now()
			_, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(1)})
			if took := time.Since(begin); client.Reason(err) != "SHUTTING_DOWN" || took < 20*time.Second || took > 30*time.Second {
				t.Errorf("after %s and %d calls: %v, want half a minute", took, calls, err)
			}
		})
	})

	t.Run("does not repeat what is refused", func(t *testing.T) {
		calls := 0
		s := &service{submit: func(*stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
			calls++
			return nil, answered(codes.AlreadyExists, "REQUEST_ID_REUSED")
		}}
		within(t, s, client.Options{}, func(t *testing.T, c *client.Client) {
			_, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(1)})
			if status.Code(err) != codes.AlreadyExists || calls != 1 {
				t.Errorf("after %d calls: %v", calls, err)
			}
		})
	})
}

func TestWatch(t *testing.T) {
	t.Run("comes back with its cursor, as often as it takes", func(t *testing.T) {
		var cursors []string
		s := &service{watch: func(req *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
			cursors = append(cursors, req.GetCursor())
			if n := len(cursors); n > 1 && n < 8 {
				return failedUnavailable() // before anything was sent
			}
			if err := stream.Send(&stokerv1.WatchBatchResponse{Cursor: fmt.Sprintf("c%d", len(cursors))}); err != nil {
				return err
			}
			if len(cursors) == 1 {
				return failedUnavailable()
			}
			return nil
		}}
		within(t, s, client.Options{}, func(t *testing.T, c *client.Client) {
			begin := time.Now()
			var seen []string
			for m, err := range c.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: "b"}) {
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, m.GetCursor())
			}
			if got := strings.Join(seen, " "); got != "c1 c8" {
				t.Errorf("saw %q, want c1 c8", got)
			}
			if got := strings.Join(cursors, ","); got != ",c1,c1,c1,c1,c1,c1,c1" {
				t.Errorf("came with cursors %q, want the latest each time", got)
			}
			if waited := time.Since(begin); waited < 7*3*time.Second {
				t.Errorf("came back seven times within %s, want the advised 3 s between", waited)
			}
		})
	})

	// What was cut off may still be counted when the watch comes back.
	t.Run("comes back although there seem to be too many", func(t *testing.T) {
		calls := 0
		s := &service{watch: func(_ *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
			switch calls++; calls {
			case 1:
				if err := stream.Send(&stokerv1.WatchBatchResponse{Cursor: "c"}); err != nil {
					return err
				}
				return failedUnavailable()
			case 2:
				return tooMany()
			}
			return nil
		}}
		within(t, s, client.Options{}, func(t *testing.T, c *client.Client) {
			for _, err := range c.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: "b"}) {
				if err != nil {
					t.Error(err)
				}
			}
			if calls != 3 {
				t.Errorf("came %d times, want 3", calls)
			}
		})
	})

	for name, answer := range map[string]error{
		"of one too many":                     tooMany(),
		"that is refused":                     answered(codes.NotFound, "NOT_FOUND"),
		"of a server that does not come back": failedUnavailable(),
	} {
		t.Run("ends with one error for a watch "+name, func(t *testing.T) {
			s := &service{watch: func(*stokerv1.WatchBatchRequest, grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
				return answer
			}}
			within(t, s, client.Options{RetryTimeout: 30 * time.Second}, func(t *testing.T, c *client.Client) {
				var errs []error
				for _, err := range c.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: "b"}) {
					errs = append(errs, err)
				}
				if len(errs) != 1 || status.Code(errs[0]) != status.Code(answer) {
					t.Errorf("got %v, want the server's error once", errs)
				}
			})
		})
	}

	endless := func(_ *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
		for stream.Send(&stokerv1.WatchBatchResponse{Cursor: "c"}) == nil {
			time.Sleep(time.Second)
		}
		return nil
	}
	t.Run("ends with the cause when the context does", func(t *testing.T) {
		within(t, &service{watch: endless}, client.Options{}, func(t *testing.T, c *client.Client) {
			enough := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(enough)
			var last error
			n := 0
			for _, err := range c.Watch(ctx, &stokerv1.WatchBatchRequest{BatchId: "b"}) {
				last = err
				if n++; n == 3 {
					cancel(enough)
				}
			}
			if !errors.Is(last, enough) {
				t.Errorf("ended with %v, want the cause", last)
			}
		})
	})
	t.Run("ends when the caller stops", func(t *testing.T) {
		within(t, &service{watch: endless}, client.Options{}, func(t *testing.T, c *client.Client) {
			n := 0
			for _, err := range c.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: "b"}) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n == 3 {
					break
				}
			}
			if n != 3 {
				t.Errorf("saw %d messages, want 3", n)
			}
		})
	})
}

func TestDetails(t *testing.T) {
	if d, ok := client.RetryDelay(failedUnavailable()); !ok || d != 3*time.Second {
		t.Errorf("RetryDelay is %v, %v; want 3 s", d, ok)
	}
	for _, err := range []error{nil, errors.New("other"), status.Error(codes.Unavailable, "bare")} {
		if _, ok := client.RetryDelay(err); ok || client.Reason(err) != "" || client.Violations(err) != nil {
			t.Errorf("%v has details", err)
		}
	}
}

// TestNoServer holds that it is said soon that nothing listens at an address.
func TestNoServer(t *testing.T) {
	refusing := grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED })
	bubble.Test(t, func(t *testing.T) {
		var told []client.Repeat
		c, err := client.Dial("passthrough:///localhost", client.Options{
			DialOptions: []grpc.DialOption{refusing}, OnRepeat: func(r client.Repeat) { told = append(told, r) },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }() // it was never connected
		begin := time.Now()
		for name, call := range map[string]func() error{
			"get": func() error {
				_, err := c.Batches().GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: "b"})
				return err
			},
			"retry": func() error {
				_, err := c.Batches().RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{BatchId: "b"})
				return err
			},
			"watch": func() (last error) {
				for _, last = range c.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: "b"}) {
				}
				return last
			},
		} {
			told = nil
			err := call()
			if _, lost := errors.AsType[*client.LostAnswerError](err); err == nil || lost || len(told) != 3 {
				t.Errorf("%s: %v after %d repeats, want an error after 3: nothing was sent", name, err, len(told))
			}
			for _, r := range told {
				if r.Lost || r.Wait <= 0 || r.Err == nil || r.Method == "" {
					t.Errorf("%s: told of %+v", name, r)
				}
			}
		}
		if took := time.Since(begin); took > 9*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// TestOwnErrorsAreFinal holds that what gRPC itself refuses is not tried again.
func TestOwnErrorsAreFinal(t *testing.T) {
	s := &service{
		get: func(string) *stokerv1.Batch { return &stokerv1.Batch{Id: strings.Repeat("x", 17<<20)} },
		submit: func(*stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
			return nil, errors.New("the message was taken")
		},
		watch: func(_ *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
			return errors.Join(
				stream.Send(&stokerv1.WatchBatchResponse{Cursor: "c"}),
				stream.Send(&stokerv1.WatchBatchResponse{Cursor: strings.Repeat("x", 17<<20)}),
			)
		},
	}
	within(t, s, client.Options{OnRepeat: func(r client.Repeat) { t.Errorf("made again: %+v", r) }}, func(t *testing.T, c *client.Client) {
		ctx := t.Context()
		if _, err := c.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: "b"}); err == nil {
			t.Error("an answer of 17 MiB was taken")
		}
		tooLong := &stokerv1.SubmitBatchRequest{RequestId: strings.Repeat("x", 5<<20)}
		if _, err := c.Batches().SubmitBatch(ctx, tooLong); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("a request that is too long: %v", err)
		}
		if _, err := c.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: "\xff"}); err == nil {
			t.Error("a request that is no UTF-8 was sent")
		}
		var last error
		for _, last = range c.Watch(ctx, &stokerv1.WatchBatchRequest{BatchId: "b"}) {
		}
		if status.Code(last) != codes.ResourceExhausted {
			t.Errorf("a watch with a message that is too long: %v", last)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: "b"}); err == nil {
			t.Error("a client that is closed has got an answer")
		}
	})
}

package client_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/internal/testkit/middlebox"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// ways are all ways in which what stands between a client and the server breaks a call.
func ways() []middlebox.Way {
	all := []middlebox.Way{
		middlebox.Cut(), middlebox.HalfFrame(), middlebox.HalfMessage(), middlebox.HalfMessageOK(), middlebox.NoTrailers(),
	}
	for code := http2.ErrCodeNo; code <= http2.ErrCodeHTTP11Required+1; code++ { // the last one is not assigned
		all = append(all, middlebox.Reset(code))
	}
	for _, code := range []http2.ErrCode{http2.ErrCodeNo, http2.ErrCodeInternal, http2.ErrCodeEnhanceYourCalm} {
		all = append(all, middlebox.GoAway(code))
	}
	for _, code := range []int{200, 301, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504, 520} {
		all = append(all, middlebox.Page(code))
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		all = append(all, middlebox.Status(int(code), "upstream connect error"))
	}
	if !testing.Short() {
		return all
	}
	var few []middlebox.Way
	for n := 0; n < len(all); n += 9 {
		few = append(few, all[n])
	}
	return few
}

// far is a client of a real server, with a proxy between them.
type far struct {
	*client.Client
	table *store.Store
	proxy *middlebox.Proxy
}

const batches = "/stoker.v1.BatchService/"

// through runs a test in a bubble, with a proxy that breaks the first calls of a method:
// each fault is for one call.
func through(t *testing.T, o client.Options, method string, faults []*middlebox.Fault, f func(t *testing.T, c far)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		table := jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
		defer func() { _ = table.Close() }() // nothing is read from it any more
		server := begin(t, table)
		defer server.end()
		proxy := &middlebox.Proxy{
			Dial: func() (net.Conn, error) { return server.listener.DialContext(t.Context()) },
			Plan: func(c middlebox.Call) *middlebox.Fault {
				if c.Method == batches+method && c.Number < len(faults) {
					return faults[c.Number]
				}
				return nil
			},
		}
		front := bufconn.Listen(1 << 20)
		var serving sync.WaitGroup
		serving.Go(func() { proxy.Serve(front) })
		o.DialOptions = append(o.DialOptions, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return front.DialContext(ctx)
		}))
		c, err := client.Dial("passthrough:///localhost", o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = c.Close()
			_ = front.Close()
			serving.Wait()
			proxy.Close()
		}()
		f(t, far{c, table, proxy})
	})
}

// times is the same fault for so many calls.
func times(n int, moment middlebox.Moment, way middlebox.Way) []*middlebox.Fault {
	var all []*middlebox.Fault
	for range n {
		all = append(all, &middlebox.Fault{Moment: moment, Way: way})
	}
	return all
}

// batch is a batch of n jobs that is stored without the help of the client.
func (f far) batch(t *testing.T, n int, open bool) string {
	t.Helper()
	answer, err := f.Batches().SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{RequestId: "setup", Jobs: specs(n), KeepOpen: open})
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetBatch().GetId()
}

// TestWatchThroughProxies breaks a watch once midway and twice at its beginning, in every way.
func TestWatchThroughProxies(t *testing.T) {
	// OK is the end of a watch, and no end of a batch.
	for _, way := range append(ways(), middlebox.Status(int(codes.OK), ""), middlebox.Silence()) {
		t.Run(way.Name, func(t *testing.T) {
			faults := append(times(2, middlebox.Midway, way), times(2, middlebox.Instead, way)...)
			through(t, client.Options{}, "WatchBatch", faults, func(t *testing.T, f far) {
				id := f.batch(t, 3, false)
				var ending sync.WaitGroup
				ending.Go(func() {
					for n := range 3 {
						time.Sleep(time.Minute)
						cancel(t, f.table, job.ID{Batch: id, Number: int64(n + 1)})
					}
				})
				defer ending.Wait()
				snapshots, seen := 0, map[string]int{}
				for m, err := range f.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: true}) {
					if err != nil {
						t.Fatal(err)
					}
					if m.GetSnapshot() {
						snapshots++
					}
					for _, j := range m.GetJobs() {
						seen[fmt.Sprintf("%s %v", j.GetKey(), j.GetState())]++
					}
				}
				if snapshots != 1 || len(seen) != 6 {
					t.Errorf("saw %d snapshots and %v, want one snapshot and two states of each job", snapshots, seen)
				}
				for told, n := range seen {
					if n != 1 {
						t.Errorf("saw %s %d times", told, n)
					}
				}
				if n := f.proxy.Calls(batches + "WatchBatch"); n < 5 {
					t.Errorf("%d watches, want 5: not every fault was met", n)
				}
			})
		})
	}
}

// TestWatchBeginsThroughProxies breaks a watch before anything was seen.
func TestWatchBeginsThroughProxies(t *testing.T) {
	for _, way := range append(ways(), middlebox.Status(int(codes.OK), "")) {
		t.Run(way.Name, func(t *testing.T) {
			through(t, client.Options{}, "WatchBatch", times(3, middlebox.Instead, way), func(t *testing.T, f far) {
				id := f.batch(t, 1, false)
				cancel(t, f.table, job.ID{Batch: id, Number: 1})
				var last *stokerv1.Batch
				for m, err := range f.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: id}) {
					if err != nil {
						t.Fatal(err)
					}
					last = m.GetBatch()
				}
				if last.GetState() != stokerv1.BatchState_BATCH_STATE_CANCELLED {
					t.Errorf("saw %v last", last)
				}
			})
		})
	}
}

// idempotent are the calls that are repeated, with one that makes each and checks what
// came of it.
func idempotent() map[string]func(ctx context.Context, t *testing.T, f far, id string) error {
	return map[string]func(ctx context.Context, t *testing.T, f far, id string) error{
		"SubmitBatch": func(ctx context.Context, t *testing.T, f far, _ string) error {
			b, err := f.Submit(ctx, &stokerv1.SubmitBatchRequest{Jobs: specs(2)})
			if err != nil {
				return err
			}
			list, err := f.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{})
			if err != nil {
				return err
			}
			if n := len(list.GetBatches()); n != 2 || b.GetJobCount() != 2 { // the other one is the test's own
				t.Errorf("there are %d batches besides that of the test, and the answer has %d jobs; want 1 and 2", n-1, b.GetJobCount())
			}
			return nil
		},
		"AddJobs": func(ctx context.Context, t *testing.T, f far, id string) error {
			answer, err := f.Batches().AddJobs(ctx, &stokerv1.AddJobsRequest{BatchId: id, Jobs: specs(7)})
			if n := answer.GetBatch().GetJobCount(); err == nil && n != 7 {
				t.Errorf("the batch has %d jobs, want 7", n)
			}
			return err
		},
		"CloseBatch": func(ctx context.Context, t *testing.T, f far, id string) error {
			answer, err := f.Batches().CloseBatch(ctx, &stokerv1.CloseBatchRequest{BatchId: id})
			if s := answer.GetBatch().GetState(); err == nil && s != stokerv1.BatchState_BATCH_STATE_ACTIVE {
				t.Errorf("the batch is %v", s)
			}
			return err
		},
		"GetBatch": func(ctx context.Context, _ *testing.T, f far, id string) error {
			_, err := f.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: id})
			return err
		},
		"CancelJob": func(ctx context.Context, t *testing.T, f far, id string) error {
			answer, err := f.Batches().CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: id + "/1"})
			if s := answer.GetJob().GetState(); err == nil && s != stokerv1.JobState_JOB_STATE_CANCELLED {
				t.Errorf("the job is %v", s)
			}
			return err
		},
		"PauseBatch": func(ctx context.Context, t *testing.T, f far, id string) error {
			answer, err := f.Batches().PauseBatch(ctx, &stokerv1.PauseBatchRequest{BatchId: id})
			if s := answer.GetBatch().GetState(); err == nil && s != stokerv1.BatchState_BATCH_STATE_PAUSED {
				t.Errorf("the batch is %v", s)
			}
			return err
		},
		"DeleteBatch": func(ctx context.Context, t *testing.T, f far, id string) error {
			cancel(t, f.table, job.ID{Batch: id, Number: 1})
			cancel(t, f.table, job.ID{Batch: id, Number: 2})
			if _, err := f.Batches().CloseBatch(ctx, &stokerv1.CloseBatchRequest{BatchId: id}); err != nil {
				t.Fatal(err)
			}
			_, err := f.Batches().DeleteBatch(ctx, &stokerv1.DeleteBatchRequest{BatchId: id})
			return err
		},
	}
}

// TestCallsThroughProxies breaks calls that may be repeated, twice each: every call in every
// way, every call at every moment, and in every way at every moment, though not all of them
// together, unless STOKER_EXHAUSTIVE is set.
func TestCallsThroughProxies(t *testing.T) {
	calls := idempotent()
	moments := []middlebox.Moment{middlebox.Instead, middlebox.Afterwards, middlebox.Midway}
	for n, method := range slices.Sorted(maps.Keys(calls)) {
		for m, way := range ways() {
			for k, when := range []string{"before", "after", "within"} {
				if (n+m+k)%3 != 0 && os.Getenv("STOKER_EXHAUSTIVE") == "" {
					continue
				}
				call, moment := calls[method], moments[k]
				t.Run(method+", "+way.Name+" "+when, func(t *testing.T) {
					// What it is set up with is submitted by the same method.
					faults := times(3, moment, way)
					if method == "SubmitBatch" {
						faults = append([]*middlebox.Fault{nil}, faults[1:]...)
					}
					through(t, client.Options{}, method, faults, func(t *testing.T, f far) {
						id := f.batch(t, 2, true)
						if err := call(t.Context(), t, f, id); err != nil {
							t.Error(err)
						}
						want := 3
						if method == "DeleteBatch" && moment == middlebox.Midway {
							want = 2 // that it is gone then is said in headers alone, which have no middle
						}
						if n := f.proxy.Calls(batches + method); n < want {
							t.Errorf("%d calls, want %d at least: not every fault was met", n, want)
						}
					})
				})
			}
		}
	}
}

// TestRetryThroughProxies breaks the one call that may not be repeated.
func TestRetryThroughProxies(t *testing.T) {
	for _, way := range ways() {
		for moment, when := range map[middlebox.Moment]string{middlebox.Instead: "before", middlebox.Afterwards: "after"} {
			t.Run(way.Name+" "+when, func(t *testing.T) {
				through(t, client.Options{}, "RetryJobs", times(9, moment, way), func(t *testing.T, f far) {
					id := f.batch(t, 2, false)
					cancel(t, f.table, job.ID{Batch: id, Number: 1})
					_, err := f.Batches().RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{
						BatchId: id, States: []stokerv1.JobState{stokerv1.JobState_JOB_STATE_CANCELLED},
					})
					lost, ok := errors.AsType[*client.LostAnswerError](err)
					if !ok || lost.Repeatable {
						t.Errorf("got %v, want an error that says that the answer is lost", err)
					}
					if _, ok := status.FromError(err); !ok {
						t.Errorf("%v hides what gRPC said", err)
					}
					// gRPC itself sends again what was refused unseen.
					if n := f.proxy.Calls(batches + "RetryJobs"); n > 2 || n == 2 && way.Name != "RST_STREAM REFUSED_STREAM" {
						t.Errorf("the call was made %d times", n)
					}
				})
			})
		}
	}
	t.Run("only counted, it is repeated", func(t *testing.T) {
		through(t, client.Options{}, "RetryJobs", times(3, middlebox.Afterwards, middlebox.Cut()), func(t *testing.T, f far) {
			if _, err := f.Batches().RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{BatchId: f.batch(t, 2, false), ValidateOnly: true}); err != nil {
				t.Error(err)
			}
		})
	})
}

var errEnough = errors.New("enough")

// TestCallersContextEndsCalls holds that the caller's own context goes before everything.
func TestCallersContextEndsCalls(t *testing.T) {
	for _, way := range ways() {
		t.Run(way.Name, func(t *testing.T) {
			faults := append(times(1, middlebox.Midway, way), times(1_000, middlebox.Instead, way)...)
			through(t, client.Options{}, "WatchBatch", faults, func(t *testing.T, f far) {
				id := f.batch(t, 1, false)
				ctx, leave := context.WithCancelCause(t.Context())
				defer leave(nil)
				begin := time.Now()
				time.AfterFunc(10*time.Minute, func() { leave(errEnough) })
				var last error
				for _, err := range f.Watch(ctx, &stokerv1.WatchBatchRequest{BatchId: id}) {
					last = err
				}
				if took := time.Since(begin); !errors.Is(last, errEnough) || took < 10*time.Minute {
					t.Errorf("after %s: %v, want the cause after ten minutes", took, last)
				}
			})
			through(t, client.Options{}, "GetBatch", times(1_000, middlebox.Instead, way), func(t *testing.T, f far) {
				id := f.batch(t, 1, false)
				ctx, leave := context.WithTimeout(t.Context(), 2*time.Minute)
				defer leave()
				begin := time.Now()
				_, err := f.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: id})
				if took := time.Since(begin); err == nil || took > 2*time.Minute || took < 100*time.Second {
					t.Errorf("with a deadline of 2 min: after %s: %v", took, err)
				}
				begin = time.Now()
				ended, end := context.WithCancelCause(t.Context())
				defer end(nil)
				time.AfterFunc(10*time.Minute, func() { end(errEnough) })
				_, err = f.Batches().GetBatch(ended, &stokerv1.GetBatchRequest{BatchId: id})
				if took := time.Since(begin); !errors.Is(err, errEnough) || took != 10*time.Minute {
					t.Errorf("without a deadline: after %s: %v, want the cause of the context's end", took, err)
				}
			})
		})
	}
}

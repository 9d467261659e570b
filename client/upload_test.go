package client_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// table is a server that takes jobs in parts, as a script for [service].
type table struct {
	calls []string
	jobs  map[string]bool
	keys  []string        // of the jobs, in the order in which they were added
	wrong map[string]bool // keys that are refused
	more  int             // violations that a refusal counts, and does not list

	state   stokerv1.BatchState // 0: OPEN
	skipped map[string]bool     // keys of jobs that are left out because they have succeeded before

	distinct bool // two jobs of a request may not share an output path
}

func (tb *table) service() *service {
	return &service{
		submit: func(req *stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
			if req.GetValidateOnly() {
				tb.calls = append(tb.calls, fmt.Sprintf("validate %d", len(req.GetJobs())))
				return tb.check(req)
			}
			tb.calls = append(tb.calls, fmt.Sprintf("submit %d open=%v", len(req.GetJobs()), req.GetKeepOpen()))
			return tb.take(req.GetJobs()), nil
		},
		add: func(req *stokerv1.AddJobsRequest) (*stokerv1.Batch, error) {
			tb.calls = append(tb.calls, fmt.Sprintf("add %d", len(req.GetJobs())))
			return tb.take(req.GetJobs()), nil
		},
		get: func(id string) *stokerv1.Batch {
			tb.calls = append(tb.calls, "get "+id)
			return tb.take(nil)
		},
		job: func(id string) *stokerv1.Job {
			tb.calls = append(tb.calls, "get "+id)
			var n int
			if _, err := fmt.Sscanf(id, "b/%d", &n); err != nil || n > len(tb.keys) {
				return nil
			}
			return &stokerv1.Job{Key: tb.keys[n-1]}
		},
		list: func(req *stokerv1.ListJobsRequest) *stokerv1.ListJobsResponse {
			tb.calls = append(tb.calls, fmt.Sprintf("list %d keys", len(req.GetKeys())))
			resp := &stokerv1.ListJobsResponse{}
			for _, key := range req.GetKeys() {
				if slices.Contains(tb.keys, key) {
					resp.Jobs = append(resp.Jobs, &stokerv1.Job{Key: key})
				}
			}
			if half := len(resp.GetJobs()) / 2; req.GetPageToken() == "" && half > 0 {
				resp.Jobs, resp.NextPageToken = resp.GetJobs()[:half], "next"
			}
			return resp
		},
		closed: func(string) *stokerv1.Batch {
			tb.calls = append(tb.calls, "close")
			return tb.take(nil)
		},
	}
}

func (tb *table) take(jobs []*stokerv1.JobSpec) *stokerv1.Batch {
	for _, j := range jobs {
		if !tb.jobs[j.GetKey()] && !tb.skipped[j.GetKey()] {
			tb.jobs[j.GetKey()], tb.keys = true, append(tb.keys, j.GetKey())
		}
	}
	return &stokerv1.Batch{
		Id: "b", State: max(tb.state, stokerv1.BatchState_BATCH_STATE_OPEN), JobCount: int64(len(tb.jobs)), SkippedCount: int64(len(tb.skipped)), Counts: &stokerv1.JobCounts{},
	}
}

func (tb *table) check(req *stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
	bad := &errdetails.BadRequest{}
	add := func(field, text string) {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: field, Description: text})
	}
	if req.GetAccount() != "" {
		add("account", "unknown account")
	}
	for i, j := range req.GetJobs() {
		if tb.wrong[j.GetKey()] {
			add(fmt.Sprintf("jobs[%d].input_path", i), "is required")
		}
		same := func(other *stokerv1.JobSpec) bool { return other.GetOutputPath() == j.GetOutputPath() }
		if tb.distinct && slices.ContainsFunc(req.GetJobs()[:i], same) {
			add(fmt.Sprintf("jobs[%d].output_path", i), "is written to")
		}
	}
	if len(bad.GetFieldViolations()) == 0 {
		return &stokerv1.Batch{JobCount: int64(len(req.GetJobs())), Counts: &stokerv1.JobCounts{}}, nil
	}
	info := &errdetails.ErrorInfo{Metadata: map[string]string{"violations": fmt.Sprint(len(bad.GetFieldViolations()) + tb.more)}}
	s, err := status.New(codes.InvalidArgument, "invalid").WithDetails(info, bad)
	if err != nil {
		return nil, err
	}
	return nil, s.Err()
}

func TestSubmitInParts(t *testing.T) {
	small := client.Options{MessageBytes: 200} // room for five or six of the jobs
	t.Run("checks all, then uploads, then closes", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			b, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(10)})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"validate 5", "validate 5", "submit 5 open=true", "add 5", "close"}
			if diff := cmp.Diff(want, tb.calls); diff != "" || b.GetJobCount() != 10 {
				t.Errorf("got %d jobs by (-want +got):\n%s", b.GetJobCount(), diff)
			}
		})
	})
	t.Run("stores nothing if anything is wrong", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}, wrong: map[string]bool{"k-1": true, "k-9": true}}
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			_, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(10)})
			want := []client.Violation{{Field: "jobs[1].input_path", Message: "is required"}, {Field: "jobs[9].input_path", Message: "is required"}}
			if diff := cmp.Diff(want, client.Violations(err)); diff != "" || len(tb.jobs) != 0 {
				t.Errorf("%d jobs stored; violations (-want +got):\n%s", len(tb.jobs), diff)
			}
		})
	})
	for _, tt := range []struct {
		name     string
		distinct bool
		want     []string
	}{
		{"asks whether jobs of a template may share an output path", false, []string{"validate 2", "validate 5", "validate 5", "submit 5 open=true", "add 5", "close"}},
		{"stores nothing if jobs of a template may not share an output path", true, []string{"validate 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tb := &table{jobs: map[string]bool{}, distinct: tt.distinct}
			within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
				jobs := specs(10)
				jobs[0].OutputPath, jobs[9].OutputPath = "shared/", "shared"
				_, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: jobs, EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "t"}})
				var want []client.Violation
				if tt.distinct {
					want = []client.Violation{{Field: "jobs[9].output_path", Message: `"shared" is written to by jobs[0] already; one would overwrite the other`}}
				}
				if diff := cmp.Diff(want, client.Violations(err)); diff != "" {
					t.Errorf("%v; violations (-want +got):\n%s", err, diff)
				}
				if diff := cmp.Diff(tt.want, tb.calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
	t.Run("tells what is wrong with the request once, and counts what the server does not list", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}, wrong: map[string]bool{"k-1": true}, more: 7}
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			_, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Account: "x", Jobs: specs(10)})
			want := []client.Violation{
				{Field: "account", Message: "unknown account"},
				{Field: "jobs[1].input_path", Message: "is required"},
			}
			if diff := cmp.Diff(want, client.Violations(err)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			if got, want := client.ViolationCount(err), 16; got != want {
				t.Errorf("%d violations counted, want %d", got, want)
			}
			if got, want := status.Convert(err).Message(), "account: unknown account (and 15 more)"; got != want {
				t.Errorf("the text is %q, want %q", got, want)
			}
		})
	})
	t.Run("needs a key for every job, used once", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			jobs := specs(10)
			jobs[3].Key, jobs[8].Key, jobs[9].OutputPath = "", "k-2", "out/1/"
			_, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: jobs})
			var fields []string
			for _, v := range client.Violations(err) {
				fields = append(fields, v.Field)
			}
			if diff := cmp.Diff([]string{"jobs[3].key", "jobs[8].key", "jobs[9].output_path"}, fields); diff != "" || len(tb.calls) != 0 {
				t.Errorf("after calls %v: violations (-want +got):\n%s", tb.calls, diff)
			}
		})
	})
	t.Run("sends what a batch is missing, and tells how far it is", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		tb.take(specs(7))
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			var told []string
			options := client.SubmitOptions{BatchID: "b", Progress: func(p client.Progress) {
				told = append(told, fmt.Sprintf("%s has %d of %d, done: %t", p.Batch.GetId(), p.Sent, p.Total, p.Uploaded))
			}}
			b, err := c.SubmitWith(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(16)}, options)
			if err != nil {
				t.Fatal(err)
			}
			// The second part is there in half, and is sent whole.
			want := []string{"get b", "get b/7", "add 5", "add 4", "add 2", "close"}
			if diff := cmp.Diff(want, tb.calls); diff != "" || b.GetJobCount() != 16 {
				t.Errorf("got %d jobs by (-want +got):\n%s", b.GetJobCount(), diff)
			}
			want = []string{
				"b has 7 of 16, done: false", "b has 10 of 16, done: false", "b has 14 of 16, done: false", "b has 16 of 16, done: true",
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("sends the whole list to a batch to which somebody else has added jobs", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		tb.take(specs(7))
		tb.take([]*stokerv1.JobSpec{{Key: "other 1"}, {Key: "other 2"}, {Key: "other 3"}, {Key: "other 4"}})
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			b, err := c.SubmitWith(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(16)}, client.SubmitOptions{BatchID: "b"})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"get b", "get b/11", "add 5", "add 5", "add 4", "add 2", "close"}
			if diff := cmp.Diff(want, tb.calls); diff != "" || b.GetJobCount() != 20 {
				t.Errorf("got %d jobs, want 20, by (-want +got):\n%s", b.GetJobCount(), diff)
			}
		})
	})
	t.Run("waits for a server that starts anew", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		s := tb.service()
		add, fails := s.add, 0
		s.add = func(req *stokerv1.AddJobsRequest) (*stokerv1.Batch, error) {
			if fails++; fails < 10 {
				return nil, failedUnavailable()
			}
			return add(req)
		}
		within(t, s, small, func(t *testing.T, c *client.Client) {
			begin := time.Now()
			b, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(10)})
			if err != nil || b.GetJobCount() != 10 {
				t.Fatalf("%v, %v; want 10 jobs", b, err)
			}
			if waited := time.Since(begin); waited < 5*time.Second {
				t.Errorf("came back ten times within %s", waited)
			}
		})
	})
	t.Run("does not upload again what is there", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		tb.take(specs(10))
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			if _, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{RequestId: "again", Jobs: specs(10)}); err != nil {
				t.Fatal(err)
			}
			if got := tb.calls[2:]; !slices.Equal(got, []string{"submit 6 open=true", "get b/10", "close"}) {
				t.Errorf("calls after the checks are %v, want the first part and close", got)
			}
		})
	})
	t.Run("stores nothing with validate_only", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			b, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{ValidateOnly: true, Jobs: specs(10)})
			if err != nil {
				t.Fatal(err)
			}
			if b.GetJobCount() != 10 || len(tb.jobs) != 0 {
				t.Errorf("got %v with %d jobs stored, want 10 and none", b, len(tb.jobs))
			}
		})
	})
}

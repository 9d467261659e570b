package server_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/lockedbuffer"
	"github.com/stokerd/stoker/server"
)

// A URL is refused, and what may be secret in it is neither answered, logged nor stored.
func TestAddressesAreNoPaths(t *testing.T) {
	var log lockedbuffer.Buffer
	w := newWorld(t, func(c *server.Config) {
		basePaths(c)
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	const give = "; give the path below it"
	for _, tt := range []struct{ path, want string }{
		{"https://user:s3cret@cdn.example/masters/a.mov?sig=s3cret", `is a URL: the storage "plain" has the host` + give + `: "masters/a.mov"`},
		{"s3://s3cret/films/b.mov", `is the address of a bucket: the storage "plain" has the bucket` + give + `: "films/b.mov"`},
		{"gs://bucket/b.mov?x=s3cret", `is the address of a bucket: the storage "plain" has the bucket` + give},
		{"user:s3cret@cdn.example/a.mov", `has a host, a user and a password in it: the storage "plain" has them` + give + `: "a.mov"`},
		{`C:\s3cret\a.mov`, `is a path on a computer, which the platform cannot reach; give a path on the storage "plain"`},
		{`\\s3cret\share\a.mov`, `is a path on a computer, which the platform cannot reach; give a path on the storage "plain"`},
	} {
		jobs := []*stokerv1.JobSpec{{Key: "k", InputPath: tt.path}}
		for want, req := range map[string]*stokerv1.SubmitBatchRequest{
			tt.want: {Input: "plain", Jobs: jobs},
			strings.ReplaceAll(tt.want, ` "plain"`, ""): {EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "plain"}, Jobs: jobs},
		} {
			if diff := cmp.Diff("jobs[0].input_path: "+want+"\n", w.told(req)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.path, diff)
			}
		}
	}
	below := w.told(&stokerv1.SubmitBatchRequest{Output: "default", Jobs: []*stokerv1.JobSpec{
		{InputPath: "https://cdn.example/masters/a.mov", OutputPath: "s3://out/vod/prod/a"},
	}})
	const want = `jobs[0].input_path: is a URL: the storage "default" has the host; give the path below it and its base path: "a.mov"
jobs[0].output_path: is the address of a bucket: the storage "default" has the bucket; give the path below it and its base path: "a"
`
	if diff := cmp.Diff(want, below); diff != "" {
		t.Errorf("below base paths (-want +got):\n%s", diff)
	}
	w.stop(0)
	if strings.Contains(log.String(), "s3cret") || !strings.Contains(log.String(), "is a URL") {
		t.Errorf("the log must have the refusals, and nothing of the addresses:\n%s", log.String())
	}
}

// A job that names no output path gets one that follows from its input path, however it comes and
// whatever it is encoded with. Complaints are about the path that the caller wrote.
func TestDerivedOutputPaths(t *testing.T) {
	w := newWorld(t, nil)
	for _, with := range []string{"profile", "template"} {
		req := &stokerv1.SubmitBatchRequest{RequestId: with, KeepOpen: true, Jobs: []*stokerv1.JobSpec{
			{Key: "a", InputPath: "/masters//a.mov"}, {Key: "b", InputPath: "masters/A.mov", OutputPath: "out/b"}, {Key: "c", InputPath: "masters/A.mov"},
		}}
		if with == "template" {
			req.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: "plain"}
		}
		resp, err := w.batches.SubmitBatch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		const odd = `warning: jobs[2].input_path: "masters/A" and "masters/a", the output path of jobs[0], differ in case only; some systems treat them as one` + "\n"
		if diff := cmp.Diff(odd, warnings(resp.GetWarnings())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", with, diff)
		}
		id := resp.GetBatch().GetId()
		for i, want := range []string{"masters/a", "out/b", "masters/A"} {
			j, err := w.batches.GetJob(t.Context(), &stokerv1.GetJobRequest{JobId: fmt.Sprintf("%s/%d", id, i+1)})
			if got := j.GetJob().GetOutputPath(); err != nil || got != want {
				t.Errorf("%s: job %d writes to %q, %v; want %q", with, i+1, got, err, want)
			}
		}
		_, err = w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: id, Jobs: []*stokerv1.JobSpec{
			{Key: "d", InputPath: "masters/d.mov"}, {Key: "e", InputPath: "masters/a.mxf"},
		}})
		want := fmt.Sprintf("jobs[1].input_path: derives the output path \"masters/a\", which is written to by job %s/1, key \"a\", already; one would overwrite the other; give one an output_path, or leave it out\n", id)
		if diff := cmp.Diff(want, violations(err)); diff != "" {
			t.Errorf("%s, added (-want +got):\n%s", with, diff)
		}
		again, err := w.batches.SubmitBatch(t.Context(), req)
		if err != nil || again.GetBatch().GetId() != id {
			t.Errorf("%s: the repeat made batch %s, %v; want %s", with, again.GetBatch().GetId(), err, id)
		}
		req.ValidateOnly = true
		req.Jobs = append(req.Jobs, &stokerv1.JobSpec{InputPath: "masters/a.mxf"}, &stokerv1.JobSpec{InputPath: strings.Repeat("n", 1010)})
		const twice = `jobs[3].input_path: derives the output path "masters/a", which is written to by jobs[0] already; one would overwrite the other; give one an output_path, or leave it out
jobs[4].input_path: makes the longest path `
		if got := w.told(req); !strings.HasPrefix(got, twice) {
			t.Errorf("%s, in one request: %s\nwant %s", with, got, twice)
		}
	}
	if got, want := w.told(&stokerv1.SubmitBatchRequest{Jobs: []*stokerv1.JobSpec{{InputPath: "/"}}}),
		`jobs[0].output_path: is required: none can be derived from the input path "/"`+"\n"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/server"
)

// basePaths gives the storages base paths: "masters" to read from, "vod/prod" to write to.
func basePaths(c *server.Config) {
	c.Catalog.Storages = map[string]server.Storage{
		"default": {Input: true, Output: true, InputBase: "masters", OutputBase: "vod/prod"},
		"plain":   {Input: true, Output: true},
	}
}

// told is what the answer to a request says is wrong, or odd, one a line.
func (w *world) told(req *stokerv1.SubmitBatchRequest) string {
	w.t.Helper()
	resp, err := w.batches.SubmitBatch(w.t.Context(), req)
	if err != nil {
		wantCode(w.t, err, codes.InvalidArgument)
		return violations(err)
	}
	return warnings(resp.GetWarnings())
}

func warnings(list []*stokerv1.Warning) string {
	var b strings.Builder
	for _, v := range list {
		fmt.Fprintf(&b, "warning: %s: %s\n", v.GetField(), v.GetMessage())
	}
	return b.String()
}

// Paths are bytes: they are stored as they come, and what is odd about them is told.
func TestPathsAreBytes(t *testing.T) {
	w := newWorld(t, basePaths)
	tests := []struct{ path, below, plain string }{
		{"in/100% #1?x+y&z=1.mov", "", ""},
		{"in/🎬 cut.mov", "", ""},
		{"in/caf\u00e9.mov", "", ""},
		{"in/cafe\u0301.mov", "", ""},
		{`in/dos\back.mov`, "", ""},
		{"in//double//slash.mov", "", ""},
		{"in/dot/./a.mov", "", ""},
		{"in/%7e%2Fenc.mov", "", ""},
		{"in/a.mov/", "", ""},
		{"in/..hidden/a...mov", "", ""},
		{"/lead/slash.mov", `warning: jobs[0].input_path: "/lead/slash.mov" begins with a slash, which is kept: at the storage, two slashes follow the base path`, ""},
		{
			"in/../up.mov", `jobs[0].input_path: "in/../up.mov": leave out ..; the path lies below the storage's base path`,
			`warning: jobs[0].input_path: "in/../up.mov" has .. in it, which is kept`,
		},
		{
			"..", `jobs[0].input_path: "..": leave out ..; the path lies below the storage's base path`,
			`warning: jobs[0].input_path: ".." has .. in it, which is kept`,
		},
		{
			"masters/Trailer .mov ", `warning: jobs[0].input_path: "masters/Trailer .mov " ends with a blank, which is kept`,
			`warning: jobs[0].input_path: "masters/Trailer .mov " ends with a blank, which is kept`,
		},
		{
			"\u00a0a.mov", `warning: jobs[0].input_path: "\u00a0a.mov" begins with a blank, which is kept`,
			`warning: jobs[0].input_path: "\u00a0a.mov" begins with a blank, which is kept`,
		},
	}
	for _, tt := range tests {
		for input, want := range map[string]string{"default": tt.below, "plain": tt.plain} {
			req := &stokerv1.SubmitBatchRequest{Input: input, KeepOpen: true, Jobs: []*stokerv1.JobSpec{{Key: "k", InputPath: tt.path, OutputPath: "out/a"}}}
			resp, err := w.batches.SubmitBatch(t.Context(), req)
			got := warnings(resp.GetWarnings()) + violations(err)
			if strings.TrimSpace(got) != want {
				t.Errorf("%q from %s: %q, want %q", tt.path, input, got, want)
			}
			if err != nil {
				continue
			}
			id := resp.GetBatch().GetId()
			j, err := w.batches.GetJob(t.Context(), &stokerv1.GetJobRequest{JobId: id + "/1"})
			if err != nil || j.GetJob().GetInputPath() != tt.path {
				t.Errorf("%q was stored as %q, %v", tt.path, j.GetJob().GetInputPath(), err)
			}
			added, err := w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: id, Jobs: []*stokerv1.JobSpec{
				{Key: "l", InputPath: tt.path, OutputPath: "out/b"},
			}})
			if again := warnings(added.GetWarnings()) + violations(err); strings.TrimSpace(again) != want {
				t.Errorf("%q from %s, added: %q, want %q", tt.path, input, again, want)
			}
		}
	}
}

// What a storage counts in bytes is counted in bytes, with everything before and behind it.
func TestPathBytes(t *testing.T) {
	w := newWorld(t, basePaths)
	const inBase, outBase, file = len("masters/"), len("vod/prod/"), len("/video/1080/segment_0000000000.m4s")
	output := func(n int) string {
		return fmt.Sprintf("jobs[0].output_path: makes the longest path %d bytes long, counting the storage's base path and the longest directory and file name; a storage takes 1024\n", n)
	}
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct {
		name, in, out, want string
	}{
		{"at the limits", a(1024 - inBase), a(1024 - outBase - file), ""},
		{"an input path", a(1025 - inBase), "out", "jobs[0].input_path: is 1025 bytes long with the storage's base path before it; a storage takes 1024\n"},
		{"an output path", "in", a(1025 - outBase - file), output(1025)},
		{"letters of two bytes", "in", strings.Repeat("ü", 500), output(1000 + outBase + file)},
		{
			"longer than any path", a(1025), strings.Repeat("ü", 1000),
			"jobs[0].input_path: must be at most 1024 bytes\njobs[0].output_path: must be at most 1024 bytes\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			got := w.told(&stokerv1.SubmitBatchRequest{Jobs: []*stokerv1.JobSpec{{InputPath: tt.in, OutputPath: tt.out}}})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("templates", func(t *testing.T) {
		w.t = t
		for template, name := range map[string]int{"plain": len("/segment_0000000000.m4s"), "ladder": len("/film.mp4") - outBase} { // that one has an output of its own
			for _, over := range []int{0, 1} {
				want := ""
				if over > 0 {
					want = output(1025)
				}
				j := &stokerv1.JobSpec{InputPath: "in", OutputPath: a(1024 - outBase - name + over)}
				if template == "ladder" {
					j.Variables = map[string]string{"title": "film", "seconds": "1"}
				}
				got := w.told(&stokerv1.SubmitBatchRequest{EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: template}, Jobs: []*stokerv1.JobSpec{j}})
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("template %s, %d over (-want +got):\n%s", template, over, diff)
				}
			}
		}
	})
}

func TestSubmitWarnings(t *testing.T) {
	w := newWorld(t, nil)
	req := &stokerv1.SubmitBatchRequest{RequestId: "r", KeepOpen: true, Jobs: []*stokerv1.JobSpec{
		{Key: "k1", InputPath: "in/a.mov", OutputPath: "out/A"},
		{Key: "k2 ", InputPath: "in/b.mov", OutputPath: "out/a"},
		{Key: "k3", Name: " Film", InputPath: "in/c.mov", OutputPath: "out/É"},
		{Key: "k4", InputPath: "in/d.mov", OutputPath: "out/é/"},
		{Key: "k5", InputPath: "in/e.mov", OutputPath: "out/ /e"},
	}}
	const want = `warning: jobs[1].key: "k2 " ends with a blank, which is kept
warning: jobs[1].output_path: "out/a" and "out/A", the output path of jobs[0], differ in case only; some systems treat them as one
warning: jobs[2].name: " Film" begins with a blank, which is kept
warning: jobs[3].output_path: "out/é" and "out/É", the output path of jobs[2], differ in case only; some systems treat them as one
`
	req.ValidateOnly = true
	if diff := cmp.Diff(want, w.told(req)); diff != "" {
		t.Errorf("validated (-want +got):\n%s", diff)
	}
	req.ValidateOnly = false
	if diff := cmp.Diff(want, w.told(req)); diff != "" {
		t.Errorf("submitted (-want +got):\n%s", diff)
	}
	if got := w.told(req); got != "" { // the documentation says so
		t.Errorf("the repeat is answered with warnings:\n%s", got)
	}

	third := &stokerv1.SubmitBatchRequest{Jobs: append(req.GetJobs()[:2:2], &stokerv1.JobSpec{InputPath: "in", OutputPath: "out/a/"})}
	const twice = `jobs[2].output_path: "out/a/" is written to by jobs[1] already; one would overwrite the other` + "\n"
	if diff := cmp.Diff(twice, w.told(third)); diff != "" {
		t.Errorf("a path twice, beside one in another case (-want +got):\n%s", diff)
	}

	many := submission(250)
	for _, j := range many.GetJobs() {
		j.Key += " "
	}
	resp, err := w.batches.SubmitBatch(t.Context(), many)
	if n := len(resp.GetWarnings()); err != nil || n != 100 || resp.GetWarningCount() != 250 {
		t.Errorf("%d warnings of %d, %v; want 100 of 250", n, resp.GetWarningCount(), err)
	}
}

// Jobs that are added are held against what the batch has, however it came there.
func TestSameOutputByAddJobs(t *testing.T) {
	w := newWorld(t, nil)
	add := func(id, key, path string) (*stokerv1.AddJobsResponse, error) {
		return w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: id, Jobs: []*stokerv1.JobSpec{
			{Key: key, InputPath: "in/" + key, OutputPath: path},
		}})
	}
	for _, encode := range []string{"profile", "template"} {
		req := &stokerv1.SubmitBatchRequest{KeepOpen: true, Jobs: []*stokerv1.JobSpec{{Key: "a", InputPath: "in/a", OutputPath: "films/x"}}}
		if encode == "template" {
			req.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: "plain"}
		}
		resp, err := w.batches.SubmitBatch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		id := resp.GetBatch().GetId()
		for _, path := range []string{"films/x", "films/x/"} {
			_, err := add(id, "b", path)
			wantCode(t, err, codes.InvalidArgument)
			want := fmt.Sprintf("jobs[0].output_path: \"films/x\" is written to by job %s/1, key \"a\", already; one would overwrite the other\n", id)
			if diff := cmp.Diff(want, violations(err)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", encode, path, diff)
			}
		}
		if again, err := add(id, "a", "films/x"); err != nil || again.GetDuplicateCount() != 1 {
			t.Errorf("%s: the repeat of a known key: %v, %v", encode, again, err)
		}
		if other, err := add(id, "b", "films/y"); err != nil || other.GetAddedCount() != 1 {
			t.Errorf("%s: another path: %v, %v", encode, other, err)
		}
	}
}

// A template that writes to one place is for one job, however the jobs come.
func TestOnePlaceOneJob(t *testing.T) {
	w := newWorld(t, nil)
	text := strings.ReplaceAll(plainTemplate, "${output_path}", "always/here")
	resp, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{
		EncodeWith: &stokerv1.SubmitBatchRequest_InlineTemplate{InlineTemplate: &stokerv1.InlineTemplate{Yaml: text}},
		KeepOpen:   true, Jobs: []*stokerv1.JobSpec{{Key: "a", InputPath: "in/a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	add := func(key string) (*stokerv1.AddJobsResponse, error) {
		return w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{
			BatchId: resp.GetBatch().GetId(), Jobs: []*stokerv1.JobSpec{{Key: key, InputPath: "in/" + key}},
		})
	}
	_, err = add("b")
	const want = "jobs[0].output_path: the batch's template writes to the same place for every job, which would overwrite each other; it is for one job alone\n"
	if diff := cmp.Diff(want, violations(err)); diff != "" {
		t.Errorf("another job (-want +got):\n%s", diff)
	}
	if again, err := add("a"); err != nil || again.GetDuplicateCount() != 1 {
		t.Errorf("the repeat of a known key: %v, %v", again, err)
	}
}

// No text of a request may hold what nobody sees.
func TestHiddenCharacters(t *testing.T) {
	w := newWorld(t, nil)
	b := w.submit(1)
	const bad, what = "a\u202eb", `U+202E RIGHT-TO-LEFT OVERRIDE at character 2 of "a\u202eb": leave it out`
	submit := func(change func(*stokerv1.SubmitBatchRequest, *stokerv1.JobSpec)) func(context.Context) error {
		return func(ctx context.Context) error {
			req := submission(1)
			change(req, req.GetJobs()[0])
			_, err := w.batches.SubmitBatch(ctx, req)
			return err
		}
	}
	template := func(r *stokerv1.SubmitBatchRequest) {
		r.EncodeWith = &stokerv1.SubmitBatchRequest_Template{Template: "ladder"}
	}
	for field, call := range map[string]func(context.Context) error{
		"request_id":          submit(func(r *stokerv1.SubmitBatchRequest, _ *stokerv1.JobSpec) { r.RequestId = bad }),
		"display_name":        submit(func(r *stokerv1.SubmitBatchRequest, _ *stokerv1.JobSpec) { r.DisplayName = bad }),
		`labels["team"]`:      submit(func(r *stokerv1.SubmitBatchRequest, _ *stokerv1.JobSpec) { r.Labels = map[string]string{"team": bad} }),
		"jobs[0].key":         submit(func(_ *stokerv1.SubmitBatchRequest, j *stokerv1.JobSpec) { j.Key = bad }),
		"jobs[0].name":        submit(func(_ *stokerv1.SubmitBatchRequest, j *stokerv1.JobSpec) { j.Name = bad }),
		"jobs[0].input_path":  submit(func(_ *stokerv1.SubmitBatchRequest, j *stokerv1.JobSpec) { j.InputPath = bad }),
		"jobs[0].output_path": submit(func(_ *stokerv1.SubmitBatchRequest, j *stokerv1.JobSpec) { j.OutputPath = bad }),
		"jobs[0].variables.title": submit(func(r *stokerv1.SubmitBatchRequest, j *stokerv1.JobSpec) {
			template(r)
			j.Variables = map[string]string{"title": bad, "seconds": "1"}
		}),
		"recipe.videos[0].name": submit(func(r *stokerv1.SubmitBatchRequest, _ *stokerv1.JobSpec) {
			r.EncodeWith = &stokerv1.SubmitBatchRequest_Recipe{Recipe: &stokerv1.Recipe{
				Videos:  []*stokerv1.Video{{Name: bad, Codec: stokerv1.VideoCodec_VIDEO_CODEC_H264, Bitrate: 800_000}},
				Muxings: []*stokerv1.Muxing{{Container: stokerv1.Container_CONTAINER_FMP4}},
			}}
		}),
		"batch.display_name": func(ctx context.Context) error {
			_, err := w.batches.UpdateBatch(ctx, &stokerv1.UpdateBatchRequest{
				Batch: &stokerv1.Batch{Id: b.GetId(), DisplayName: bad}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
			})
			return err
		},
		`batch.labels["team"]`: func(ctx context.Context) error {
			_, err := w.batches.UpdateBatch(ctx, &stokerv1.UpdateBatchRequest{
				Batch: &stokerv1.Batch{Id: b.GetId(), Labels: map[string]string{"team": bad}}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels"}},
			})
			return err
		},
		"reason: PauseBatch": func(ctx context.Context) error {
			_, err := w.batches.PauseBatch(ctx, &stokerv1.PauseBatchRequest{BatchId: b.GetId(), Reason: bad})
			return err
		},
		"reason: CancelBatch": func(ctx context.Context) error {
			_, err := w.batches.CancelBatch(ctx, &stokerv1.CancelBatchRequest{BatchId: b.GetId(), Reason: bad})
			return err
		},
		"reason: CancelJob": func(ctx context.Context) error {
			_, err := w.batches.CancelJob(ctx, &stokerv1.CancelJobRequest{JobId: b.GetId() + "/1", Reason: bad})
			return err
		},
		"reason: CancelJobs": func(ctx context.Context) error {
			_, err := w.batches.CancelJobs(ctx, &stokerv1.CancelJobsRequest{BatchId: b.GetId(), Reason: bad})
			return err
		},
		"reason: PauseAccount": func(ctx context.Context) error {
			_, err := w.account.PauseAccount(ctx, &stokerv1.PauseAccountRequest{AccountId: "default", Reason: bad})
			return err
		},
	} {
		err := call(t.Context())
		name, _, _ := strings.Cut(field, ": ")
		if got, want := violations(err), name+": "+what+"\n"; got != want {
			t.Errorf("%s: %v told\n%swant\n%s", field, err, got, want)
		}
	}
	err := submit(func(r *stokerv1.SubmitBatchRequest, _ *stokerv1.JobSpec) { r.Labels = map[string]string{bad: "x"} })(t.Context())
	if got, want := violations(err), "labels: name \"a\\u202eb\": U+202E RIGHT-TO-LEFT OVERRIDE at character 2: leave it out\n"; got != want {
		t.Errorf("the name of a label: %q, want %q", got, want)
	}
	honest := submission(1)
	honest.DisplayName, honest.Labels = "👩\u200d🚀", map[string]string{"می\u200cخواهم": "❤\ufe0f"}
	if got := w.told(honest); got != "" {
		t.Errorf("joiners and variation selectors: %s", got)
	}
}

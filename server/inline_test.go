package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// inline is a request with a template of its own.
func inline(text string, regions []string, jobs ...*stokerv1.JobSpec) *stokerv1.SubmitBatchRequest {
	return &stokerv1.SubmitBatchRequest{
		EncodeWith: &stokerv1.SubmitBatchRequest_InlineTemplate{
			InlineTemplate: &stokerv1.InlineTemplate{Yaml: text, FallbackRegions: regions},
		},
		Jobs: jobs,
	}
}

func TestSubmitInlineTemplate(t *testing.T) {
	w := newWorld(t, nil)
	variables := map[string]string{"title": "a", "seconds": "12.5"}
	req := inline(ladderTemplate, []string{"AWS_US_EAST_1"}, &stokerv1.JobSpec{Key: "a", InputPath: "in/a.mp4", OutputPath: "out", Variables: variables})
	req.KeepOpen, req.RequestId = true, "once"
	resp, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	b := resp.GetBatch()
	if b.GetTemplate() != "" || b.GetProfile() != "" {
		t.Errorf("the batch is shown with template %q, profile %q, want neither: its template has no name", b.GetTemplate(), b.GetProfile())
	}
	stored, err := w.store.Batch(t.Context(), b.GetId())
	if err != nil {
		t.Fatal(err)
	}
	want := job.Batch{
		Template: &job.Template{Text: ladderTemplate, FallbackRegions: []string{"AWS_US_EAST_1"}},
		Input:    job.StorageRef{Name: "default"},
	}
	if diff := cmp.Diff(want, job.Batch{Template: stored.Template, Input: stored.Input, Output: stored.Output}); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	again, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil || again.GetBatch().GetId() != b.GetId() {
		t.Errorf("a repeat made batch %q: %v", again.GetBatch().GetId(), err)
	}
	req.GetInlineTemplate().Yaml += "# another template"
	_, err = w.batches.SubmitBatch(t.Context(), req)
	wantCode(t, err, codes.AlreadyExists)

	_, err = w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: b.GetId(), Jobs: []*stokerv1.JobSpec{
		{Key: "b", InputPath: "in/b.mp4", OutputPath: "out", Variables: map[string]string{"title": "b", "seconds": "a dozen"}},
	}})
	wantCode(t, err, codes.InvalidArgument)
	if diff := cmp.Diff("jobs[0].variables.seconds: \"a dozen\": the template needs a number\n", violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	added, err := w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: b.GetId(), Jobs: []*stokerv1.JobSpec{
		{Key: "b", InputPath: "in/b.mp4", OutputPath: "out", Variables: variables},
	}})
	if err != nil || added.GetAddedCount() != 1 {
		t.Errorf("added %d jobs: %v", added.GetAddedCount(), err)
	}
}

// A template with newer keys than the server knows is taken with warnings, if it says so.
func TestSubmitInlineTemplateAllowsUnknown(t *testing.T) {
	w := newWorld(t, nil)
	newer := strings.Replace(ladderTemplate, "start: {properties: {", "start: {properties: {futureMode: FULL, ", 1)
	const what = `line 20: encodings.main.start.properties.futureMode: unknown key "futureMode", which the platform would ignore`
	req := inline(newer, nil, &stokerv1.JobSpec{Key: "a", InputPath: "a", OutputPath: "b", Variables: map[string]string{"title": "t", "seconds": "1"}})
	_, err := w.batches.SubmitBatch(t.Context(), req)
	wantCode(t, err, codes.InvalidArgument)
	if diff := cmp.Diff("inline_template.yaml: "+what+"\n", violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	req.GetInlineTemplate().AllowUnknown = true
	resp, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.GetWarnings(); len(got) != 1 || got[0].GetField() != "inline_template.yaml" || got[0].GetMessage() != what {
		t.Errorf("warnings %v, want that of the key", got)
	}
	stored, err := w.store.Batch(t.Context(), resp.GetBatch().GetId())
	if err != nil || !stored.Template.AllowUnknown {
		t.Errorf("stored %+v, %v", stored.Template, err)
	}
}

// Everything that is wrong is told at once: the template with its lines, its regions, the
// storages it does not use, and what its jobs lack.
func TestSubmitInlineTemplateViolations(t *testing.T) {
	w := newWorld(t, nil)
	one := &stokerv1.JobSpec{InputPath: "a", OutputPath: "b"}
	unused := inline(ladderTemplate, nil, one)
	unused.Output = "default"
	fixed := strings.Replace(ladderTemplate, "${output_path}", "films/${batch_id}", 1)
	full := func(input string) *stokerv1.JobSpec {
		return &stokerv1.JobSpec{InputPath: input, OutputPath: input, Variables: map[string]string{"title": "t", "seconds": "1"}}
	}
	secret := strings.Replace(ladderTemplate, "roleArn:", "secretKey: x, roleArn:", 1)
	for _, tt := range []struct {
		name string
		req  *stokerv1.SubmitBatchRequest
		want string
	}{
		{"no template", inline("", nil, one), "inline_template.yaml: is required: the text of the template\n"},
		{"not YAML", inline("a: [", nil, one), "inline_template.yaml: line 1: not YAML: sequence end token ']' not found\n"},
		{
			"the template and its regions", inline("metadata: {type: LIVE}\nencodings: {main: {streams: {v: {properties: {codecConfigId: c, inputStreams: [{inputPath: p}]}}}}}", []string{"AWS_US_EAST_1", "AWS_US_EAST_2", "AWS_EU_WEST_1", "somewhere", ""}, one),
			"inline_template.fallback_regions: want at most 3 regions\n" +
				"inline_template.fallback_regions[4]: is empty; regions are spelled like AWS_EU_WEST_1\n" +
				"inline_template.fallback_regions[3]: unknown cloud region \"somewhere\"; there are 84, such as AWS_US_EAST_1 (allow_unknown: true passes it on as it is)\n" +
				"inline_template.yaml: line 1: metadata.type: want VOD, not LIVE: live encodings are not for batches\n" +
				"inline_template.yaml: line 2: encodings.main: start is missing, without which the encoding never leaves CREATED; write start: {} for a start without properties\n",
		},
		{"a secret", inline(secret, nil, one), "inline_template.yaml: line 5: outputs.s3RoleBased.out.properties.secretKey: " +
			"a secret must not stand in a template; configure a storage and refer to it by ${output_id}\n"},
		{"too long", inline(ladderTemplate+strings.Repeat("#", 1<<18), nil, one), "inline_template.yaml: must be at most 262144 characters\n" +
			"jobs[0].variables.title: is required: the template uses ${var:title}\n" +
			"jobs[0].variables.seconds: is required: the template uses ${number:seconds}\n"},
		{
			"one output for all", inline(fixed, nil, full("a"), full("b")), "inline_template.yaml: line 19: encodings.main.muxings.mp4.file.properties.outputs[0].outputPath " +
				"is the same for all jobs, which would overwrite each other; put ${output_path} or another variable of the job into it\n",
		},
		{
			"storage and jobs", unused, "output: the template does not use it: there is no ${output_id} in it\n" +
				"jobs[0].variables.title: is required: the template uses ${var:title}\n" +
				"jobs[0].variables.seconds: is required: the template uses ${number:seconds}\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, tt.req.ValidateOnly = range []bool{true, false} {
				_, err := w.batches.SubmitBatch(t.Context(), tt.req)
				wantCode(t, err, codes.InvalidArgument)
				if diff := cmp.Diff(tt.want, violations(err)); diff != "" {
					t.Errorf("violations (-want +got):\n%s", diff)
				}
			}
		})
	}
}

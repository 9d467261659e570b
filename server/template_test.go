package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// ladderTemplate reads from the batch's input and brings an output of its own.
const ladderTemplate = `
metadata: {type: VOD}
outputs:
  s3RoleBased:
    out: {properties: {bucketName: results, roleArn: "arn:aws:iam::000000000000:role/stoker"}}
encodings:
  main:
    streams:
      v:
        properties:
          inputStreams: [{inputId: "${input_id}", inputPath: "${input_path}"}]
          codecConfigId: 00000000-0000-4000-8000-000000000000
    muxings:
      mp4:
        file:
          properties:
            streams: [{streamId: $/encodings/main/streams/v}]
            filename: "${var:title}.mp4"
            outputs: [{outputId: $/outputs/s3RoleBased/out, outputPath: "${output_path}"}]
    start: {properties: {trimming: {duration: "${number:seconds}"}}}
`

// plainTemplate writes to where the output path says, whatever else there is.
const plainTemplate = `
metadata: {type: VOD}
encodings:
  main:
    streams: {v: {properties: {codecConfigId: c, inputStreams: [{inputId: i, inputPath: "${input_path}"}]}}}
    muxings: {ts: {m: {properties: {streams: [{streamId: $/encodings/main/streams/v}], outputs: [{outputId: "${output_id}", outputPath: "${output_path}"}]}}}}
    start: {}
`

func templates() map[string]job.Template {
	return map[string]job.Template{
		"ladder": {Name: "ladder", Text: ladderTemplate},
		"plain":  {Name: "plain", Text: plainTemplate},
	}
}

func TestSubmitTemplate(t *testing.T) {
	w := newWorld(t, nil)
	variables := map[string]string{"title": "a", "seconds": "12.5"}
	resp, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{
		EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "ladder"}, KeepOpen: true,
		Jobs: []*stokerv1.JobSpec{{Key: "a", InputPath: "in/a.mp4", OutputPath: "out", Variables: variables}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := resp.GetBatch()
	if b.GetTemplate() != "ladder" || b.GetProfile() != "" {
		t.Errorf("the batch is encoded with template %q, profile %q", b.GetTemplate(), b.GetProfile())
	}
	stored, err := w.store.Batch(t.Context(), b.GetId())
	if err != nil {
		t.Fatal(err)
	}
	// The template is kept as it was, and an output that it does not use is not chosen.
	want := job.Batch{Template: &job.Template{Name: "ladder", Text: ladderTemplate}, Input: job.StorageRef{Name: "default"}}
	if diff := cmp.Diff(want, job.Batch{Template: stored.Template, Input: stored.Input, Output: stored.Output}); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}

	_, err = w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: b.GetId(), Jobs: []*stokerv1.JobSpec{
		{Key: "b", InputPath: "in/b.mp4", OutputPath: "out", Variables: variables}, // into the same directory, under another title
		{Key: "c", InputPath: "in/c.mp4", OutputPath: "out"},
	}})
	wantCode(t, err, codes.InvalidArgument)
	missing := "jobs[1].variables.title: is required: the template uses ${var:title}\n" +
		"jobs[1].variables.seconds: is required: the template uses ${number:seconds}\n"
	if diff := cmp.Diff(missing, violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	added, err := w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: b.GetId(), Jobs: []*stokerv1.JobSpec{
		{Key: "b", InputPath: "in/b.mp4", OutputPath: "out", Variables: variables},
	}})
	if err != nil || added.GetAddedCount() != 1 {
		t.Errorf("added %d jobs: %v", added.GetAddedCount(), err)
	}
}

package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

// rerun submits the jobs again, leaving out what has succeeded.
func (w *world) rerun(change func(*stokerv1.SubmitBatchRequest), jobs ...*stokerv1.JobSpec) *stokerv1.Batch {
	w.t.Helper()
	req := &stokerv1.SubmitBatchRequest{SkipSucceeded: true, Jobs: jobs}
	if change != nil {
		change(req)
	}
	resp, err := w.batches.SubmitBatch(w.t.Context(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.GetBatch()
}

func TestSkipSucceeded(t *testing.T) {
	w := newWorld(t, nil)
	first := w.submit(4).GetId()
	w.finish(first, 1)
	w.finish(first, 4)

	would := w.rerun(func(r *stokerv1.SubmitBatchRequest) { r.ValidateOnly = true }, specs(1, 4)...)
	if would.GetId() != "" || would.GetJobCount() != 2 || would.GetSkippedCount() != 2 {
		t.Errorf("checked only: %v, want 2 jobs and 2 skipped", would)
	}
	named := func(r *stokerv1.SubmitBatchRequest) { r.RequestId = "again" }
	b := w.rerun(named, specs(1, 4)...)
	if !b.GetSkipSucceeded() || b.GetJobCount() != 2 || b.GetSkippedCount() != 2 {
		t.Errorf("submitted %v, want 2 jobs and 2 skipped", b)
	}
	w.finish(b.GetId(), 1)
	if repeat := w.rerun(named, specs(1, 4)...); repeat.GetId() != b.GetId() || repeat.GetSkippedCount() != 2 {
		t.Errorf("a repeat answers %v, want the first answer", repeat)
	}
	if other := w.rerun(func(r *stokerv1.SubmitBatchRequest) {
		r.EncodeWith = &stokerv1.SubmitBatchRequest_Recipe{Recipe: &stokerv1.Recipe{
			Audios:  []*stokerv1.Audio{{Codec: stokerv1.AudioCodec_AUDIO_CODEC_OPUS, Bitrate: 96_000}},
			Muxings: []*stokerv1.Muxing{{Container: stokerv1.Container_CONTAINER_FMP4}},
		}}
	}, specs(1, 4)...); other.GetSkippedCount() != 0 {
		t.Errorf("with another recipe %d jobs were skipped", other.GetSkippedCount())
	}
	all := w.rerun(nil, specs(4, 1)...)
	if all.GetState() != stokerv1.BatchState_BATCH_STATE_SUCCEEDED || all.GetJobCount() != 0 || all.GetSkippedCount() != 1 || all.GetPercent() != 100 {
		t.Errorf("with nothing left: %v, want a batch that has succeeded", all)
	}
}

func TestSkipSucceededOfAddedJobs(t *testing.T) {
	w := newWorld(t, nil)
	first := w.submit(3).GetId()
	w.finish(first, 2)
	open := w.rerun(func(r *stokerv1.SubmitBatchRequest) { r.KeepOpen = true }, specs(1, 1)...)
	add := &stokerv1.AddJobsRequest{BatchId: open.GetId(), Jobs: specs(1, 3)}
	for _, want := range [][3]int64{{1, 1, 1}, {0, 2, 1}} {
		resp, err := w.batches.AddJobs(t.Context(), add)
		if err != nil {
			t.Fatal(err)
		}
		got := [3]int64{resp.GetAddedCount(), resp.GetDuplicateCount(), resp.GetSucceededCount()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("added, there already, succeeded (-want +got):\n%s", diff)
		}
		if b := resp.GetBatch(); b.GetJobCount() != 2 || b.GetSkippedCount() != 1 {
			t.Errorf("batch is %v, want 2 jobs and 1 skipped", b)
		}
	}
	plain, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{KeepOpen: true})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.batches.AddJobs(t.Context(), &stokerv1.AddJobsRequest{BatchId: plain.GetBatch().GetId(), Jobs: specs(1, 3)})
	if err != nil || resp.GetAddedCount() != 3 {
		t.Errorf("a batch that was not asked to skip: %v, %v; want 3 jobs added", resp, err)
	}
}

func TestSkipSucceededNeedsKeys(t *testing.T) {
	w := newWorld(t, nil)
	jobs := specs(1, 3)
	jobs[1].Key = ""
	_, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{SkipSucceeded: true, Jobs: jobs})
	wantCode(t, err, codes.InvalidArgument)
	if got, want := violations(err), "jobs[1].key: is required: skip_succeeded recognises a job by its key\n"; got != want {
		t.Errorf("violations are %q, want %q", got, want)
	}
}

// A repeat is answered by what was submitted, whatever the server has become since.
func TestRepeatOutlivesItsProfile(t *testing.T) {
	w := newWorld(t, nil)
	req := submission(2)
	req.RequestId = "night-1"
	req.EncodeWith = &stokerv1.SubmitBatchRequest_Profile{Profile: "hevc"}
	first, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	w.stop(0)
	catalog := catalog()
	delete(catalog.Profiles, "hevc")
	w.config = server.Config{Store: w.store, Access: store.NewAccessTable(w.store), Catalog: catalog}
	w.serve()
	again, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil || again.GetBatch().GetId() != first.GetBatch().GetId() {
		t.Errorf("a repeat gets %v, %v; want the first answer", again, err)
	}
	req.RequestId = "night-2"
	_, err = w.batches.SubmitBatch(t.Context(), req)
	wantCode(t, err, codes.InvalidArgument)
}

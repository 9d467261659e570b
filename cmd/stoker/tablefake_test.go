package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// tableFake is a server with a small job table, in which commands find batches and jobs as the contract says.
// What changes something is recorded, and counted, but not done.
type tableFake struct {
	*fake
	stokerv1.UnimplementedCatalogServiceServer

	batches []*stokerv1.Batch // the newest first
	jobs    []*stokerv1.Job
}

// id is the id of the batch with a number. Those of 411 and 412 begin alike.
func id(number int) string {
	if number == 412 {
		return "01a20f4c-91d0-7a15-8b1e-40c3d97a2f06"
	}
	return fmt.Sprintf("01a2%04x-7b1e-7d3a-9c52-2f6f0c9b%04x", 0x0f4c+10*(number-411), number)
}

// newTable is the job table of the pages of help: batches that have ended or not, names that come twice, and
// names that are numbers or beginnings of ids.
func newTable() *tableFake {
	const (
		open       = stokerv1.BatchState_BATCH_STATE_OPEN
		active     = stokerv1.BatchState_BATCH_STATE_ACTIVE
		paused     = stokerv1.BatchState_BATCH_STATE_PAUSED
		cancelling = stokerv1.BatchState_BATCH_STATE_CANCELLING
		succeeded  = stokerv1.BatchState_BATCH_STATE_SUCCEEDED
		failed     = stokerv1.BatchState_BATCH_STATE_FAILED
	)
	t := &tableFake{fake: &fake{watch: sample.Watch(succeeded)}}
	add := func(number int, name string, state stokerv1.BatchState, priority int32, counts *stokerv1.JobCounts, labels ...string) {
		b := &stokerv1.Batch{
			Id: id(number), Number: int64(number), DisplayName: name, State: state, Priority: priority, Account: "default", Counts: counts,
			PageUrl: fmt.Sprintf("http://127.0.0.1:7072/#/batches/%d", number), CreatedBy: "local", RetryPolicy: &stokerv1.RetryPolicy{MaxRetries: new(int32(2)), InitialBackoff: durationpb.New(10e9), MaxBackoff: durationpb.New(600e9)},
		}
		for _, label := range labels {
			if b.Labels == nil {
				b.Labels = map[string]string{}
			}
			key, value, _ := strings.Cut(label, "=")
			b.Labels[key] = value
		}
		total := sumCounts(counts)
		b.JobCount, b.Percent = total, 100*float64(counts.GetSucceeded()+counts.GetFailed()+counts.GetCancelled())/float64(max(total, 1))
		t.batches = append(t.batches, b)
	}
	add(417, "trailers Q1", open, 50, &stokerv1.JobCounts{Waiting: 39000, Succeeded: 1000})
	add(416, "news 2026-11-29", active, 80, &stokerv1.JobCounts{Waiting: 1231, Running: 20, Succeeded: 589})
	add(415, "promo tests", cancelling, 50, &stokerv1.JobCounts{Cancelling: 3, Succeeded: 37})
	add(412, "kids back catalogue", active, 20, &stokerv1.JobCounts{Waiting: 12600}, "team=vod")
	add(411, "night run 411", active, 50, &stokerv1.JobCounts{Waiting: 198406, Starting: 4, Queued: 14, Running: 210, Succeeded: 320809, Failed: 437, Cancelled: 120}, "run=nightly", "team=vod")
	add(409, "hevc re-encode 3", failed, 50, &stokerv1.JobCounts{Succeeded: 21987, Failed: 13})
	add(408, "archive 7", paused, 50, &stokerv1.JobCounts{Waiting: 30000, Failed: 20})
	add(402, "twice", succeeded, 50, &stokerv1.JobCounts{Succeeded: 2})
	add(401, "twice", failed, 50, &stokerv1.JobCounts{Succeeded: 1, Failed: 1})
	add(400, "promo tests", succeeded, 50, &stokerv1.JobCounts{Succeeded: 40})
	add(399, "two at once", active, 50, &stokerv1.JobCounts{Waiting: 1})
	add(398, "two at once", active, 50, &stokerv1.JobCounts{Waiting: 1})
	add(397, "401", succeeded, 50, &stokerv1.JobCounts{Succeeded: 1}) // called like a number
	add(396, "2026/11 news", succeeded, 50, &stokerv1.JobCounts{Succeeded: 1})
	job := func(batch, number int, key, encoding string, state stokerv1.JobState) {
		t.jobs = append(t.jobs, &stokerv1.Job{
			Id: fmt.Sprintf("%s/%d", id(batch), number), BatchNumber: int64(batch), Number: int64(number), Key: key, EncodingId: encoding, State: state,
		})
		if state == stokerv1.JobState_JOB_STATE_FAILED {
			t.jobs[len(t.jobs)-1].Failure = &stokerv1.Failure{Cause: "5f1d3a09c2e4", Text: "Input not found", Code: 404}
		}
	}
	const waitingJob, failedJob, runningJob = stokerv1.JobState_JOB_STATE_WAITING, stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_RUNNING
	job(411, 17, "clips/tour-stage-9", "5e6f21c8-0b7d-4e19-8f3e-6cc1d2f7a310", failedJob)
	job(411, 28, "marathon-finish", "", failedJob)
	job(411, 29, "films/sintel", "", waitingJob)
	job(411, 30, "31", "", waitingJob) // its key is the number of the next one
	job(411, 31, "tour-stage-11", "", runningJob)
	job(411, 32, "77", "", waitingJob)
	job(411, 33, "9999999999999999999", "", waitingJob)
	return t
}

func sumCounts(c *stokerv1.JobCounts) int64 {
	var sum int64
	c.ProtoReflect().Range(func(_ protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		sum += v.Int()
		return true
	})
	return sum
}

// start serves the table and returns its address.
func (t *tableFake) start(tt *testing.T) string {
	tt.Helper()
	return serve(tt, t)
}

// find finds a batch by id or number.
func (t *tableFake) find(id string) (*stokerv1.Batch, error) {
	for _, b := range t.batches {
		if b.GetId() == strings.ToLower(id) || strconv.FormatInt(b.GetNumber(), 10) == id {
			return proto.CloneOf(b), nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "batch %s: not found", id)
}

func (t *tableFake) GetBatch(_ context.Context, r *stokerv1.GetBatchRequest) (*stokerv1.GetBatchResponse, error) {
	b, err := t.find(r.GetBatchId())
	return &stokerv1.GetBatchResponse{Batch: b}, err
}

func (t *tableFake) ListBatches(_ context.Context, r *stokerv1.ListBatchesRequest) (*stokerv1.ListBatchesResponse, error) {
	response := &stokerv1.ListBatchesResponse{}
	for _, b := range t.batches {
		switch {
		case r.GetIdPrefix() != "" && !strings.HasPrefix(b.GetId(), strings.ToLower(r.GetIdPrefix())),
			r.GetDisplayName() != "" && b.GetDisplayName() != r.GetDisplayName(),
			r.GetText() != "" && !strings.Contains(strings.ToLower(b.GetDisplayName()), strings.ToLower(r.GetText())),
			len(r.GetStates()) > 0 && !slices.Contains(r.GetStates(), b.GetState()):
		default:
			response.Batches = append(response.Batches, b)
			response.TotalCount++
		}
	}
	response.Batches = response.Batches[:min(len(response.Batches), cmp.Or(int(r.GetPageSize()), 50))]
	return response, nil
}

func (t *tableFake) GetJob(_ context.Context, r *stokerv1.GetJobRequest) (*stokerv1.GetJobResponse, error) {
	for _, j := range t.jobs {
		if j.GetId() == r.GetJobId() || jobName(j) == r.GetJobId() {
			return &stokerv1.GetJobResponse{Job: j}, nil
		}
	}
	if _, number, _ := strings.Cut(r.GetJobId(), "/"); len(number) > 18 {
		return nil, status.Errorf(codes.InvalidArgument, "job id %s: want <batch id>/<number>", r.GetJobId())
	}
	return nil, status.Errorf(codes.NotFound, "job %s: not found", r.GetJobId())
}

func (t *tableFake) ListJobs(_ context.Context, r *stokerv1.ListJobsRequest) (*stokerv1.ListJobsResponse, error) {
	response := &stokerv1.ListJobsResponse{}
	for _, j := range t.jobs {
		batch, err := t.find(cmp.Or(r.GetBatchId(), strconv.FormatInt(j.GetBatchNumber(), 10)))
		if err != nil {
			return nil, err
		}
		switch {
		case batch.GetNumber() != j.GetBatchNumber(),
			len(r.GetKeys()) > 0 && !slices.Contains(r.GetKeys(), j.GetKey()),
			!strings.HasPrefix(j.GetKey(), r.GetKeyPrefix()),
			len(r.GetStates()) > 0 && !slices.Contains(r.GetStates(), j.GetState()),
			len(r.GetCauses()) > 0 && !slices.Contains(r.GetCauses(), j.GetFailure().GetCause()),
			r.GetEncodingId() != "" && r.GetEncodingId() != j.GetEncodingId():
		default:
			response.Jobs = append(response.Jobs, j)
		}
	}
	return response, nil
}

func (t *tableFake) ListFailures(context.Context, *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
	cause := func(id string, count, code int64, text string, permanent bool, job int) *stokerv1.FailureCause {
		return &stokerv1.FailureCause{Cause: id, Count: count, JobId: fmt.Sprintf("%s/%d", idOf411, job), BatchNumber: 411, Failure: &stokerv1.Failure{
			Kind: stokerv1.FailureKind_FAILURE_KIND_ENCODING, Code: int32(code), Text: text, Permanent: permanent,
		}}
	}
	return &stokerv1.ListFailuresResponse{FailedCount: 437, Causes: []*stokerv1.FailureCause{
		cause("5f1d3a09c2e4", 396, 404, "Input not found", true, 17),
		cause("92955d8ca7ae", 29, 10003, "Video could not be decoded", true, 902),
		cause("c41b07de5590", 9, 403, "Output refused: AccessDenied", true, 20114),
		cause("0e77a2b1d834", 3, 60001, "Encoder instance lost", false, 28),
	}}, nil
}

const idOf411 = "01a20f4c-7b1e-7d3a-9c52-2f6f0c9b019b"

func (t *tableFake) CancelJobs(_ context.Context, r *stokerv1.CancelJobsRequest) (*stokerv1.CancelJobsResponse, error) {
	t.ask(r)
	n := int64(len(r.GetJobIds()))
	if n == 0 {
		n = 198406
	}
	return &stokerv1.CancelJobsResponse{Count: n, BatchCount: 1, Counts: &stokerv1.JobCounts{Waiting: n}}, nil
}

func (t *tableFake) RetryJobs(_ context.Context, r *stokerv1.RetryJobsRequest) (*stokerv1.RetryJobsResponse, error) {
	t.ask(r)
	n := int64(437)
	switch {
	case len(r.GetJobIds()) > 0:
		n = int64(len(r.GetJobIds()))
	case len(r.GetCauses()) > 0:
		n = 396
	}
	return &stokerv1.RetryJobsResponse{Count: n, BatchCount: 1, Counts: &stokerv1.JobCounts{Failed: n}}, nil
}

// change counts the selected batches that fit, as a bulk verb does.
func (t *tableFake) change(s *stokerv1.BatchSelection, fits func(*stokerv1.Batch) bool) (*stokerv1.BatchChanges, error) {
	changes := &stokerv1.BatchChanges{Counts: &stokerv1.JobCounts{}}
	for _, wanted := range s.GetBatchIds() {
		if _, err := t.find(wanted); err != nil {
			return nil, err
		}
	}
	for _, b := range t.batches {
		named := slices.Contains(s.GetBatchIds(), b.GetId())
		labelled := len(s.GetLabels()) > 0
		for key, value := range s.GetLabels() {
			labelled = labelled && b.GetLabels()[key] == value
		}
		stated := len(s.GetStates()) > 0 && slices.Contains(s.GetStates(), b.GetState())
		switch {
		case !named && !labelled && !stated && !s.GetAll():
		case !fits(b):
			changes.UnchangedCount++
		default:
			changes.Count++
			addCounts(changes.Counts, b.GetCounts())
			changes.Batches = append(changes.Batches, &stokerv1.BatchRef{Id: b.GetId(), Number: b.GetNumber(), DisplayName: b.GetDisplayName()})
		}
	}
	return changes, nil
}

func hasEnded(b *stokerv1.Batch) bool {
	return b.GetState() >= stokerv1.BatchState_BATCH_STATE_SUCCEEDED
}

func (t *tableFake) CancelBatch(_ context.Context, r *stokerv1.CancelBatchRequest) (*stokerv1.CancelBatchResponse, error) {
	t.ask(r)
	b, err := t.find(r.GetBatchId())
	return &stokerv1.CancelBatchResponse{Batch: b}, err
}

func (t *tableFake) PauseBatch(_ context.Context, r *stokerv1.PauseBatchRequest) (*stokerv1.PauseBatchResponse, error) {
	t.ask(r)
	b, err := t.find(r.GetBatchId())
	return &stokerv1.PauseBatchResponse{Batch: b}, err
}

func (t *tableFake) ResumeBatch(_ context.Context, r *stokerv1.ResumeBatchRequest) (*stokerv1.ResumeBatchResponse, error) {
	t.ask(r)
	b, err := t.find(r.GetBatchId())
	return &stokerv1.ResumeBatchResponse{Batch: b}, err
}

func (t *tableFake) DeleteBatch(_ context.Context, r *stokerv1.DeleteBatchRequest) (*stokerv1.DeleteBatchResponse, error) {
	t.ask(r)
	_, err := t.find(r.GetBatchId())
	return &stokerv1.DeleteBatchResponse{}, err
}

func (t *tableFake) CancelBatches(_ context.Context, r *stokerv1.CancelBatchesRequest) (*stokerv1.CancelBatchesResponse, error) {
	t.ask(r)
	changes, err := t.change(r.GetSelection(), func(b *stokerv1.Batch) bool {
		return !hasEnded(b) && b.GetState() != stokerv1.BatchState_BATCH_STATE_CANCELLING
	})
	return &stokerv1.CancelBatchesResponse{Changes: changes}, err
}

func (t *tableFake) PauseBatches(_ context.Context, r *stokerv1.PauseBatchesRequest) (*stokerv1.PauseBatchesResponse, error) {
	t.ask(r)
	changes, err := t.change(r.GetSelection(), func(b *stokerv1.Batch) bool { return b.GetState() < stokerv1.BatchState_BATCH_STATE_PAUSED })
	return &stokerv1.PauseBatchesResponse{Changes: changes}, err
}

func (t *tableFake) ResumeBatches(_ context.Context, r *stokerv1.ResumeBatchesRequest) (*stokerv1.ResumeBatchesResponse, error) {
	t.ask(r)
	changes, err := t.change(r.GetSelection(), func(b *stokerv1.Batch) bool { return b.GetState() == stokerv1.BatchState_BATCH_STATE_PAUSED })
	return &stokerv1.ResumeBatchesResponse{Changes: changes}, err
}

func (t *tableFake) DeleteBatches(_ context.Context, r *stokerv1.DeleteBatchesRequest) (*stokerv1.DeleteBatchesResponse, error) {
	t.ask(r)
	changes, err := t.change(r.GetSelection(), hasEnded)
	return &stokerv1.DeleteBatchesResponse{Changes: changes}, err
}

func (t *tableFake) UpdateBatches(_ context.Context, r *stokerv1.UpdateBatchesRequest) (*stokerv1.UpdateBatchesResponse, error) {
	t.ask(r)
	changes, err := t.change(r.GetSelection(), func(*stokerv1.Batch) bool { return true })
	return &stokerv1.UpdateBatchesResponse{Changes: changes}, err
}

func (t *tableFake) UpdateBatch(_ context.Context, r *stokerv1.UpdateBatchRequest) (*stokerv1.UpdateBatchResponse, error) {
	t.ask(r)
	b, err := t.find(r.GetBatch().GetId())
	if err != nil {
		return nil, err
	}
	for _, path := range r.GetUpdateMask().GetPaths() {
		field := b.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(path))
		b.ProtoReflect().Set(field, r.GetBatch().ProtoReflect().Get(field))
	}
	if b.Labels == nil {
		b.Labels = map[string]string{}
	}
	maps.Copy(b.Labels, r.GetSetLabels())
	for _, key := range r.GetRemoveLabels() {
		delete(b.Labels, key)
	}
	return &stokerv1.UpdateBatchResponse{Batch: b}, nil
}

func (t *tableFake) CloseBatch(_ context.Context, r *stokerv1.CloseBatchRequest) (*stokerv1.CloseBatchResponse, error) {
	t.ask(r)
	b, err := t.find(r.GetBatchId())
	return &stokerv1.CloseBatchResponse{Batch: b}, err
}

func (t *tableFake) AddJobs(_ context.Context, r *stokerv1.AddJobsRequest) (*stokerv1.AddJobsResponse, error) {
	t.ask(r)
	b, err := t.find(r.GetBatchId())
	return &stokerv1.AddJobsResponse{Batch: b, AddedCount: int64(len(r.GetJobs())) - 1, DuplicateCount: 1}, err
}

func (t *tableFake) ResubmitBatch(_ context.Context, r *stokerv1.ResubmitBatchRequest) (*stokerv1.ResubmitBatchResponse, error) {
	t.ask(r)
	b := &stokerv1.Batch{DisplayName: "hevc re-encode 3", JobCount: 13}
	if !r.GetValidateOnly() {
		b.Id, b.Number = id(418), 418
	}
	return &stokerv1.ResubmitBatchResponse{Batch: b}, nil
}

func (t *tableFake) GetAccount(_ context.Context, r *stokerv1.GetAccountRequest) (*stokerv1.GetAccountResponse, error) {
	if r.GetAccountId() != "default" && r.GetAccountId() != "archive" {
		return nil, status.Errorf(codes.NotFound, "account %s: not found", r.GetAccountId())
	}
	return &stokerv1.GetAccountResponse{Account: &stokerv1.Account{
		Id: r.GetAccountId(), Budgets: []*stokerv1.Budget{{Class: "start", LimitPerMinute: 600, Available: 88}}, QueueTarget: 20, QueueTargetSetting: &stokerv1.QueueTargetSetting{Mode: stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_FIXED, Number: 20},
	}}, nil
}

func (t *tableFake) UpdateAccount(_ context.Context, r *stokerv1.UpdateAccountRequest) (*stokerv1.UpdateAccountResponse, error) {
	t.ask(r)
	a := proto.CloneOf(r.GetAccount())
	a.QueueTarget = max(a.GetQueueTargetSetting().GetNumber(), 3)
	return &stokerv1.UpdateAccountResponse{Account: a}, nil
}

func (t *tableFake) ResumeAccount(_ context.Context, r *stokerv1.ResumeAccountRequest) (*stokerv1.ResumeAccountResponse, error) {
	t.ask(r)
	return &stokerv1.ResumeAccountResponse{Account: &stokerv1.Account{Id: r.GetAccountId()}}, nil
}

func (t *tableFake) GetAccountHistory(context.Context, *stokerv1.GetAccountHistoryRequest) (*stokerv1.GetAccountHistoryResponse, error) {
	return &stokerv1.GetAccountHistoryResponse{}, nil
}

func (t *tableFake) ListReplicas(context.Context, *stokerv1.ListReplicasRequest) (*stokerv1.ListReplicasResponse, error) {
	return &stokerv1.ListReplicasResponse{Replicas: []*stokerv1.Replica{
		{Address: "a, process 1, 10.0.0.1:7070", Version: "v1", Terms: []*stokerv1.ReplicaTerm{{AccountId: "default", Epoch: 4}}},
		{Address: "b, process 1, 10.0.0.2:7070", Version: "v1", Answering: true},
	}}, nil
}

func (t *tableFake) ListNextJobs(context.Context, *stokerv1.ListNextJobsRequest) (*stokerv1.ListNextJobsResponse, error) {
	return &stokerv1.ListNextJobsResponse{}, nil
}

func (t *tableFake) GetProfile(_ context.Context, r *stokerv1.GetProfileRequest) (*stokerv1.GetProfileResponse, error) {
	return &stokerv1.GetProfileResponse{Profile: &stokerv1.Profile{Name: r.GetName()}, Text: "region: AUTO\n"}, nil
}

func (t *tableFake) GetTemplate(_ context.Context, r *stokerv1.GetTemplateRequest) (*stokerv1.GetTemplateResponse, error) {
	return &stokerv1.GetTemplateResponse{Template: &stokerv1.EncodingTemplate{Name: r.GetName()}, Text: "metadata: {type: VOD}\n"}, nil
}

func (t *tableFake) PauseAccount(_ context.Context, r *stokerv1.PauseAccountRequest) (*stokerv1.PauseAccountResponse, error) {
	t.ask(r)
	if r.GetAll() {
		return &stokerv1.PauseAccountResponse{Accounts: []*stokerv1.Account{{Id: "archive"}, {Id: "default"}}}, nil
	}
	return &stokerv1.PauseAccountResponse{Account: &stokerv1.Account{Id: r.GetAccountId()}}, nil
}

func (t *tableFake) ListProfiles(context.Context, *stokerv1.ListProfilesRequest) (*stokerv1.ListProfilesResponse, error) {
	return &stokerv1.ListProfilesResponse{Profiles: []*stokerv1.Profile{
		{Name: "default", Encodes: "H.264 480p, 720p, 1080p; AAC; fMP4"}, {Name: "hevc", Encodes: "H.265 1080p, 2160p; AAC; CMAF"},
	}}, nil
}

func (t *tableFake) ListTemplates(context.Context, *stokerv1.ListTemplatesRequest) (*stokerv1.ListTemplatesResponse, error) {
	return &stokerv1.ListTemplatesResponse{Templates: []*stokerv1.EncodingTemplate{
		{Name: "per-title", Variables: []*stokerv1.TemplateVariable{{Name: "title", Required: true}, {Name: "brand", Default: new("junior")}}},
	}}, nil
}

func (t *tableFake) ListStorages(context.Context, *stokerv1.ListStoragesRequest) (*stokerv1.ListStoragesResponse, error) {
	return &stokerv1.ListStoragesResponse{Storages: []*stokerv1.Storage{
		{Name: "default", Type: "https", Location: "masters.example.com", Input: true},
		{Name: "encodes", Type: "s3", Location: "encodes", Output: true},
		{Name: "masters", Type: "https", Location: "old.example.com", Input: true},
	}}, nil
}

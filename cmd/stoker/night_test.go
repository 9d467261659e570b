package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/golden"
	"github.com/stokerd/stoker/internal/testkit/night"
)

// nightServer answers with the messages of package night.
type nightServer struct{ *fake }

func (nightServer) ListBatches(_ context.Context, r *stokerv1.ListBatchesRequest) (*stokerv1.ListBatchesResponse, error) {
	answer := &stokerv1.ListBatchesResponse{}
	for _, b := range night.Batches() {
		if len(r.GetStates()) > 0 && !slices.Contains(r.GetStates(), b.GetState()) || r.GetAccount() != "" && r.GetAccount() != b.GetAccount() {
			continue
		}
		answer.TotalCount++
		if len(answer.GetBatches()) < int(r.GetPageSize()) {
			answer.Batches = append(answer.Batches, b)
		}
	}
	if len(r.GetStates()) == 0 || slices.Contains(r.GetStates(), stokerv1.BatchState_BATCH_STATE_SUCCEEDED) {
		answer.TotalCount += night.BatchCount - int64(len(night.Batches())) // the older ones
	}
	return answer, nil
}

func (nightServer) GetBatch(context.Context, *stokerv1.GetBatchRequest) (*stokerv1.GetBatchResponse, error) {
	return &stokerv1.GetBatchResponse{Batch: night.NightRun()}, nil
}

func (nightServer) ListJobs(_ context.Context, r *stokerv1.ListJobsRequest) (*stokerv1.ListJobsResponse, error) {
	switch {
	case strings.Contains(r.GetText(), "sintel"):
		return night.Found(), nil
	case len(r.GetCauses()) > 0, r.GetText() != "":
		return &stokerv1.ListJobsResponse{}, nil
	case len(r.GetStates()) > 0:
		return &stokerv1.ListJobsResponse{Jobs: night.FailedJobs(), TotalCount: new(int64(437)), NextPageToken: "more"}, nil
	}
	return &stokerv1.ListJobsResponse{Jobs: night.Jobs(), NextPageToken: "more"}, nil
}

func (nightServer) GetJob(_ context.Context, r *stokerv1.GetJobRequest) (*stokerv1.GetJobResponse, error) {
	if strings.HasSuffix(r.GetJobId(), "/29") {
		return night.WaitingJob(), nil
	}
	return night.FailedJob(), nil
}

func (nightServer) ListFailures(context.Context, *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
	return night.Failures(), nil
}

func (nightServer) ListAccounts(context.Context, *stokerv1.ListAccountsRequest) (*stokerv1.ListAccountsResponse, error) {
	return &stokerv1.ListAccountsResponse{Accounts: night.Accounts()}, nil
}

func (nightServer) GetAccount(context.Context, *stokerv1.GetAccountRequest) (*stokerv1.GetAccountResponse, error) {
	return &stokerv1.GetAccountResponse{Account: night.Account()}, nil
}

func (nightServer) GetAccountHistory(context.Context, *stokerv1.GetAccountHistoryRequest) (*stokerv1.GetAccountHistoryResponse, error) {
	return night.History(), nil
}

func (nightServer) ListNextJobs(context.Context, *stokerv1.ListNextJobsRequest) (*stokerv1.ListNextJobsResponse, error) {
	return night.NextJobs(), nil
}

func (nightServer) ListProfiles(context.Context, *stokerv1.ListProfilesRequest) (*stokerv1.ListProfilesResponse, error) {
	return &stokerv1.ListProfilesResponse{Profiles: night.Profiles()}, nil
}

func (nightServer) GetProfile(context.Context, *stokerv1.GetProfileRequest) (*stokerv1.GetProfileResponse, error) {
	return &stokerv1.GetProfileResponse{Profile: night.Profiles()[1], Text: "videos:\n  - codec: H265\n    height: 2160\n"}, nil
}

func (nightServer) ListTemplates(context.Context, *stokerv1.ListTemplatesRequest) (*stokerv1.ListTemplatesResponse, error) {
	return &stokerv1.ListTemplatesResponse{Templates: night.Templates()}, nil
}

func (nightServer) ListStorages(context.Context, *stokerv1.ListStoragesRequest) (*stokerv1.ListStoragesResponse, error) {
	return &stokerv1.ListStoragesResponse{Storages: night.Storages()}, nil
}

// TestScreens runs every command that shows something, on a terminal of 80 columns: what is printed, and
// what is said about it behind 2>.
func TestScreens(t *testing.T) {
	address := serve(t, nightServer{&fake{}})
	var screens strings.Builder
	for _, line := range []string{
		"batches -n 10",
		"batches --state failed --account archive",
		"batches --label run=nightly -n 1 --sort -jobs --columns batch,display_name,labels.run",
		"batches --sort name -n 3 --utc",
		"find sintel",
		"find nosferatu --state failed",
		"jobs 411 --state failed -n 4",
		"jobs 411 -n 3",
		"jobs 411 --cause 000000000000",
		"jobs 411 --state failed -n 2 -o name",
		"jobs 411 --state failed -n 2 -o csv --columns id,failure.code,input,output",
		"jobs 411 --state failed -n 2 --jq .[].key",
		"failures 411",
		"batch 411",
		"batch 411 -o yaml",
		"batch 411 -o name",
		"batch 411 --columns name,counts.failed",
		"job 411/28",
		"job 411/29",
		"queue -n 3 --account default",
		"accounts",
		"account get default",
		"profiles",
		"profiles get hevc",
		"templates",
		"storages",
		"storages get masters",
		"storages get mastres",
	} {
		got := command{width: 80, now: night.Now()}.run(t.Context(), append(strings.Fields(line), "--server", address)...)
		fmt.Fprintf(&screens, "$ stoker %s\n%s", line, got.stdout)
		for said := range strings.Lines(got.stderr) {
			screens.WriteString("2> " + said)
		}
		if (got.code != exitOK) != strings.Contains(line, "mastres") {
			t.Errorf("stoker %s: exit code %d: %s", line, got.code, got.stderr)
		}
		screens.WriteString("\n")
	}
	golden.Check(t, "screens", screens.String())
}

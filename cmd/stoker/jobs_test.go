package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// TestJobsBeyondTheLimit says that there are more jobs where the limit cuts the last page.
func TestJobsBeyondTheLimit(t *testing.T) {
	f := &fake{pages: func(r *stokerv1.ListJobsRequest) *stokerv1.ListJobsResponse {
		answer, n := &stokerv1.ListJobsResponse{NextPageToken: "rest"}, 1000
		if r.GetPageToken() != "" {
			answer.NextPageToken, n = "", 111
		}
		for range n {
			answer.Jobs = append(answer.Jobs, &stokerv1.Job{Id: sample.BatchID + "/1"})
		}
		return answer
	}}
	server := f.start(t)
	for _, tt := range []struct {
		limit string
		says  string
	}{
		{"1000", "the first 1,000 jobs; there are more\n"},
		{"1050", "the first 1,050 jobs; there are more\n"},
		{"1111", ""},
		{"0", ""},
	} {
		got := command{}.run(t.Context(), "jobs", sample.BatchID, "--key-prefix", "a", "-n", tt.limit, "--server", server)
		if got.code != exitOK || got.stderr != tt.says {
			t.Errorf("-n %s: exit code %d, %q; want %q", tt.limit, got.code, got.stderr, tt.says)
		}
	}
}

// TestJobsPages lists more jobs than a page holds. Every job is printed once, in order.
func TestJobsPages(t *testing.T) {
	const pages, each = 5, 300
	f := &fake{pages: func(r *stokerv1.ListJobsRequest) *stokerv1.ListJobsResponse {
		page, _ := strconv.Atoi(r.GetPageToken()) // the first page has none
		answer := &stokerv1.ListJobsResponse{}
		if page < pages-1 {
			answer.NextPageToken = strconv.Itoa(page + 1)
		}
		for i := range each {
			answer.Jobs = append(answer.Jobs, &stokerv1.Job{Id: fmt.Sprintf("%s/%d", sample.BatchID, page*each+i+1), Key: "a,\"b\nc"})
		}
		return answer
	}}
	var want []string
	for i := range pages * each {
		want = append(want, fmt.Sprintf("%s/%d", sample.BatchID, i+1))
	}
	c := command{env: map[string]string{"STOKER_SERVER": f.start(t)}}
	for _, tt := range []struct {
		args string
		ids  func(text string) ([]string, error)
	}{
		{"", tableIDs},
		{"-o csv", csvIDs},
		{"-o jsonl", jsonlIDs},
		{"-o json", arrayIDs},
		{"-o name", nameIDs},
	} {
		t.Run(tt.args, func(t *testing.T) {
			got := c.run(t.Context(), append([]string{"jobs", sample.BatchID}, strings.Fields(tt.args)...)...)
			if got.code != exitOK {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			ids, err := tt.ids(got.stdout)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func tableIDs(text string) (ids []string, err error) {
	for line := range strings.Lines(text) {
		ids = append(ids, line[:strings.IndexByte(line, '\t')])
	}
	return ids, nil
}

// csvIDs reads the list as a program does: by the header.
func csvIDs(text string) (ids []string, err error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll() // all rows have to be of one length
	if err != nil {
		return nil, err
	}
	column := slices.Index(rows[0], "id")
	for _, row := range rows[1:] {
		ids = append(ids, row[column])
	}
	return ids, nil
}

func jsonlIDs(text string) (ids []string, err error) {
	for line := range strings.Lines(text) {
		var j struct{ ID, Input, Output string }
		if err := json.Unmarshal([]byte(line), &j); err != nil {
			return nil, err
		}
		if j.Input != "masters" || j.Output == "" {
			return nil, fmt.Errorf("line %q does not tell the storages", line)
		}
		ids = append(ids, j.ID)
	}
	return ids, nil
}

func nameIDs(text string) ([]string, error) { return strings.Fields(text), nil }

func arrayIDs(text string) (ids []string, err error) {
	var jobs []struct{ ID string }
	err = json.Unmarshal([]byte(text), &jobs)
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	return ids, err
}

// TestNoJobs lists no jobs: a program gets an empty list in its format, a person a sentence.
func TestNoJobs(t *testing.T) {
	f := &fake{pages: func(*stokerv1.ListJobsRequest) *stokerv1.ListJobsResponse { return &stokerv1.ListJobsResponse{} }}
	c := command{env: map[string]string{"STOKER_SERVER": f.start(t)}}
	const none = "None of 6 jobs of 01920000-0000-7000-8000-000000000001 night run matches --state failed.\n"
	for _, tt := range []struct {
		args string
		want result
	}{
		{"", result{stderr: none}},
		{"-o csv --columns id,input,run_seconds", result{stdout: "id,input,run_seconds\n", stderr: none}},
		{"-o jsonl", result{stderr: none}},
		{"-o json", result{stdout: "[]\n", stderr: none}},
	} {
		if got := c.run(t.Context(), append([]string{"jobs", sample.BatchID, "--state", "failed"}, strings.Fields(tt.args)...)...); got != tt.want {
			t.Errorf("jobs %s: got %+v, want %+v", tt.args, got, tt.want)
		}
	}
}

// TestJobsOfUnknownBatch leaves standard output empty: no header without a batch.
func TestJobsOfUnknownBatch(t *testing.T) {
	c := command{env: map[string]string{"STOKER_SERVER": (&fake{}).start(t)}}
	if got := c.run(t.Context(), "jobs", "nothing", "-o", "csv"); got.code != exitUsage || got.stdout != "" {
		t.Errorf("got %+v, want exit code %d and no output", got, exitUsage)
	}
}

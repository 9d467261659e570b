package server

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

func TestPageOf(t *testing.T) {
	var jobs []job.Job
	for n := range 1_000 {
		jobs = append(jobs, job.Job{ID: job.ID{Batch: "b", Number: int64(n + 1)}, Reason: strings.Repeat("x", 100<<10)})
	}
	message := func(j job.Job) *stokerv1.Job { return jobMessage(411, j) }
	fit := pageOf(jobs, message)
	if n := proto.Size(&stokerv1.ListJobsResponse{Jobs: fit}); n > maxPageBytes || n < maxPageBytes*9/10 {
		t.Errorf("%d of 1,000 jobs of 100 KiB are a page of %d bytes, want a full one", len(fit), n)
	}
	fit = pageOf([]job.Job{{Reason: strings.Repeat("x", 10<<20)}}, message)
	if len(fit) != 1 || proto.Size(fit[0]) > maxItemBytes {
		t.Errorf("of a single job %d are sent, want it, cut", len(fit))
	}
	if fit := pageOf(nil, message); len(fit) != 0 {
		t.Error("nothing is a page of something")
	}
}

func TestFitted(t *testing.T) {
	const limit = 64 << 10
	huge := strings.Repeat("h", 1<<20)
	many := make([]string, 1_000_000)
	variables := map[string]string{huge: huge, "small": "kept"}
	labels := map[string]string{}
	for n := range 100_000 {
		labels[strings.Repeat("k", n%60)+string(rune('a'+n%26))+strings.Repeat("l", n%7)] = "v"
	}
	for name, m := range map[string]proto.Message{
		"text":    &stokerv1.Job{Id: "b/1", Name: huge},
		"texts":   &stokerv1.Job{Id: "b/1", Name: huge, InputPath: huge, OutputPath: huge, EncodingId: huge, Reason: huge},
		"list":    &stokerv1.Job{Id: "b/1", Failure: &stokerv1.Failure{Messages: many}},
		"map":     &stokerv1.Job{Id: "b/1", Variables: variables},
		"entries": &stokerv1.Job{Id: "b/1", Variables: labels, Name: huge},
		"nested": &stokerv1.GetJobResponse{Job: &stokerv1.Job{Id: "b/1"}, Attempts: []*stokerv1.Attempt{
			{Failure: &stokerv1.Failure{Text: huge, Messages: []string{huge, huge}}}, {Failure: &stokerv1.Failure{Text: huge}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before := proto.Size(m)
			short := fitted(m, limit)
			if n := proto.Size(short); n > limit {
				t.Errorf("it has %d bytes", n)
			}
			if proto.Size(m) != before {
				t.Error("the message itself has changed")
			}
			if j, ok := short.(*stokerv1.Job); ok && j.GetId() != "b/1" {
				t.Errorf("the job has become %q", j.GetId())
			}
			if _, err := proto.Marshal(short); err != nil {
				t.Error(err)
			}
		})
	}
	if got := fitted(&stokerv1.Job{Variables: variables}, limit).GetVariables(); len(got) != 1 || got["small"] != "kept" {
		t.Errorf("%d variables are left, want the small one", len(got))
	}
	small := &stokerv1.Job{Id: "b/1"}
	if fitted(small, limit) != small {
		t.Error("what fits was copied")
	}
}

func TestAccountToken(t *testing.T) {
	for _, id := range []string{"default", "a/b ä", strings.Repeat("x", 200)} {
		got, err := parseNameToken(nameToken(accountTokenKind, id), accountTokenKind)
		if err != nil || got != id {
			t.Errorf("%q comes back as %q, %v", id, got, err)
		}
	}
	for _, text := range []string{"x", "AWE", nameToken(accountTokenKind, ""), nameToken(catalogTokenKind, "a"), pageToken{position: 1}.String()} {
		if _, err := parseNameToken(text, accountTokenKind); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

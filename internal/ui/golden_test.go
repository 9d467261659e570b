package ui

import (
	"fmt"
	"strings"
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/golden"
	"github.com/stokerd/stoker/internal/testkit/night"
)

// nightLook is how output looks to the user of package night.
func nightLook(width int) output.Look {
	return output.Look{Width: width, Zone: night.Zone, Now: night.Now()}
}

// widths are the terminals of the golden files; 0 is a pipe.
var widths = []int{120, 80, 40, 0}

// everyWidth prints something for all widths, each under its number.
func everyWidth(t *testing.T, name string, print func(look output.Look, o output.Options) string) {
	t.Helper()
	var b strings.Builder
	for _, width := range widths {
		fmt.Fprintf(&b, "--- %s\n%s", strings.Replace(fmt.Sprint(width), "0", "pipe", map[bool]int{true: 1}[width == 0]), print(nightLook(width), output.Options{}))
	}
	ascii := nightLook(80)
	ascii.ASCII, ascii.Colour = true, true
	fmt.Fprintf(&b, "--- 80, ASCII, colours, UTC\n%s", strings.ReplaceAll(print(ascii, output.Options{UTC: true}), "\x1b", "^["))
	fmt.Fprintf(&b, "--- wide\n%s", print(nightLook(80), output.Options{Format: output.FormatWide}))
	golden.Check(t, name, b.String())
}

// goldenListing compares a listing with its golden file.
func goldenListing[T any](t *testing.T, name string, l output.Listing[T], all []T) {
	t.Helper()
	everyWidth(t, name, func(look output.Look, o output.Options) string { return listed(t, l, all, look, o) })
}

// listed is a listing as it is printed.
func listed[T any](t *testing.T, l output.Listing[T], all []T, look output.Look, o output.Options) string {
	t.Helper()
	var b strings.Builder
	w, err := l.NewWriter(&b, look, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := w.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestListings(t *testing.T) {
	goldenListing(t, "batches", Batches(), night.Batches())
	goldenListing(t, "jobs", Jobs(), night.Jobs())
	failed := Jobs()
	failed.Leave = []string{"STATE"}
	goldenListing(t, "jobs-failed", failed, night.FailedJobs())
	names := map[int64]string{}
	for _, b := range night.Found().GetBatches() {
		names[b.GetNumber()] = b.GetDisplayName()
	}
	goldenListing(t, "find", FoundJobs(func(j *stokerv1.Job) string { return names[j.GetBatchNumber()] }), night.Found().GetJobs())
	goldenListing(t, "failures", Failures(), night.Failures().GetCauses())
	next := NextJobs(func() string { return "default" })
	next.Leave = []string{"ACCOUNT"}
	goldenListing(t, "queue", next, night.NextJobs().GetJobs())
	goldenListing(t, "accounts", Accounts(night.Now()), night.Accounts())
	goldenListing(t, "profiles", Profiles(), night.Profiles())
	templates := Templates()
	templates.Leave = []string{"REGION"}
	goldenListing(t, "templates", templates, night.Templates())
	goldenListing(t, "storages", Storages(), night.Storages())
}

// goldenSheet compares what explains a thing with its golden file.
func goldenSheet(t *testing.T, name string, draw func(look output.Look, all bool) string) {
	t.Helper()
	everyWidth(t, name, func(look output.Look, o output.Options) string {
		look.UTC = o.UTC
		return draw(look, o.Format == output.FormatWide)
	})
}

func TestSheets(t *testing.T) {
	goldenSheet(t, "batch", func(look output.Look, all bool) string {
		return BatchSheet(night.NightRun(), night.Failures(), look, all)
	})
	ended := night.NightRun()
	ended.State, ended.Percent, ended.FinishTime = stokerv1.BatchState_BATCH_STATE_FAILED, 100, night.At("20:51:12")
	ended.Counts = &stokerv1.JobCounts{Succeeded: 519_443, Failed: 437, Cancelled: 120}
	goldenSheet(t, "batch-ended", func(look output.Look, all bool) string { return BatchSheet(ended, night.Failures(), look, all) })
	goldenSheet(t, "batch-paused", func(look output.Look, all bool) string {
		return BatchSheet(night.Batches()[7], &stokerv1.ListFailuresResponse{}, look, all)
	})
	goldenSheet(t, "job", func(look output.Look, all bool) string {
		return JobSheet(night.FailedJob(), night.Page+"/jobs/28", look, all)
	})
	goldenSheet(t, "job-waiting", func(look output.Look, all bool) string { return JobSheet(night.WaitingJob(), "", look, all) })
	goldenSheet(t, "account", func(look output.Look, _ bool) string { return AccountSheet(night.Account(), night.History(), look) })
	goldenSheet(t, "template", func(look output.Look, _ bool) string {
		return TemplateSheet(&stokerv1.GetTemplateResponse{Template: night.Templates()[0], Text: "metadata:\n  type: VOD\n"}, look)
	})
	goldenSheet(t, "storage", func(look output.Look, _ bool) string { return StorageSheet(night.Storages()[0], look) })
}

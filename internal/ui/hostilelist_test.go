package ui

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/hostile"
	"github.com/stokerd/stoker/internal/testkit/night"
)

// spoiled are messages with the hostile text in every field.
func spoiled[M proto.Message](messages []M) []M {
	all := make([]M, len(messages))
	for i, m := range messages {
		all[i] = hostile.Spoil(m)
	}
	return all
}

// No listing is wider than the terminal, and no text in it does anything to the terminal.
func TestHostileListings(t *testing.T) {
	hostileListing(t, "batches", Batches(), append(spoiled(night.Batches()), night.Batches()...))
	hostileListing(t, "jobs", Jobs(), append(spoiled(night.Jobs()), night.Jobs()...))
	hostileListing(t, "find", FoundJobs(func(*stokerv1.Job) string { return hostile.Text }), append(spoiled(night.Jobs()), night.Found().GetJobs()...))
	hostileListing(t, "failures", Failures(), append(spoiled(night.Failures().GetCauses()), night.Failures().GetCauses()...))
	hostileListing(t, "queue", NextJobs(func() string { return hostile.Text }), append(spoiled(night.NextJobs().GetJobs()), night.NextJobs().GetJobs()...))
	hostileListing(t, "accounts", Accounts(night.Now()), append(spoiled(night.Accounts()), night.Accounts()...))
	hostileListing(t, "profiles", Profiles(), spoiled(night.Profiles()))
	hostileListing(t, "templates", Templates(), spoiled(night.Templates()))
	hostileListing(t, "storages", Storages(), spoiled(night.Storages()))
	endpoints := []*stokerv1.NotificationEndpoint{{Name: "ops", Url: "https://ops.example.com", PendingCount: 7, CreateTime: timestamppb.New(night.Now())}, {Name: "gone", Disabled: true}}
	hostileListing(t, "endpoints", Endpoints(), append(spoiled(endpoints), endpoints...))
	deliveries := []*stokerv1.Delivery{{Id: "msg_1", Endpoint: "ops", BatchId: "b", BatchNumber: 411, JobCount: 3, Problem: "answered 500", CreateTime: timestamppb.New(night.Now())}, {}}
	hostileListing(t, "deliveries", Deliveries(), append(spoiled(deliveries), deliveries...))
}

func hostileListing[T any](t *testing.T, name string, l output.Listing[T], all []T) {
	t.Helper()
	for width := 0; width <= 200; width++ {
		if 0 < width && width < 20 {
			continue
		}
		text := listed(t, l, all, nightLook(width), output.Options{})
		hostile.CheckPrintable(t, text)
		for line := range strings.Lines(text) {
			if n := output.Cells(strings.TrimSuffix(line, "\n")); n > width && width > 0 {
				t.Fatalf("%s: a line of %d on a terminal of %d: %q", name, n, width, line)
			}
		}
	}
	for _, f := range output.ListingFormats() {
		hostile.CheckPrintable(t, listed(t, l, all, nightLook(80), output.Options{Format: f}))
	}
}

// No page does anything to the terminal.
func TestHostileSheets(t *testing.T) {
	profile := hostile.Spoil(&stokerv1.GetProfileResponse{Profile: night.Profiles()[1]})
	template := hostile.Spoil(&stokerv1.GetTemplateResponse{Template: night.Templates()[0]})
	profile.Text, template.Text = "a: \x1b[31m\n", "b: \u202e\n" // documents of several lines
	failures, job, account := hostile.Spoil(night.Failures()), hostile.Spoil(night.FailedJob()), hostile.Spoil(night.Account())
	for width := 0; width <= 200; width += 10 {
		l := nightLook(width)
		for _, text := range []string{
			BatchSheet(hostile.Spoil(night.NightRun()), failures, l, true),
			BatchSheet(hostile.Spoil(night.Batches()[6]), failures, l, false),
			JobSheet(job, hostile.Text, l, true),
			JobSheet(hostile.Spoil(night.WaitingJob()), "", l, true),
			AccountSheet(account, night.History(), l),
			AccountSheet(account, nil, l),
			ProfileSheet(profile, l),
			TemplateSheet(template, l),
			StorageSheet(hostile.Spoil(night.Storages()[0]), l),
		} {
			hostile.CheckPrintable(t, text)
			if !strings.Contains(text, "INJECTED") {
				t.Fatalf("width %d: the hostile text is not there:\n%s", width, text)
			}
		}
	}
}

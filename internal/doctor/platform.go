package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/webhook"
)

// Account is an account whose platform is looked at.
type Account struct {
	config.Account
	Client *bitmovin.Client
	// InstanceID is that of the job table; empty if there is none yet.
	InstanceID string
	// WebhookURL is that of the service; empty if it uses no webhooks.
	WebhookURL string
	// Running says that the service runs: then its webhooks have to be registered.
	Running bool
}

const (
	// A clock that differs by more than clockWarn from the platform's is told, and by more than clockFail is
	// dangerous: the receiver does not use webhooks that seem to be ten minutes old.
	clockWarn, clockFail = 30 * time.Second, 5 * time.Minute
	// fewCalls is how much of a rate limit has to be left.
	fewCalls = 10
)

// CheckPlatform looks at the platform with the key of an account: key, rights, limits, clock, webhooks, and who else
// uses the key.
func CheckPlatform(ctx context.Context, a Account) []Finding {
	seen, err := bitmovin.Inspect(ctx, a.Client)
	if err != nil {
		return []Finding{explainKey(a, err)}
	}
	findings := []Finding{ok(AboutKey, a.ID, "the platform takes the key"), clockFinding(a.ID, seen)}
	if seen.Limit > 0 && seen.Remaining < fewCalls && seen.Remaining*10 < seen.Limit {
		findings = append(findings, warn(AboutLimits, a.ID, "find out who else uses the key; Stoker waits by itself", "only %d of %d calls a minute are left for reading resources", seen.Remaining, seen.Limit))
	} else {
		findings = append(findings, limitFinding(a))
	}
	findings = append(findings, rightsFinding(ctx, a))
	findings = append(findings, webhookFindings(ctx, a)...)
	return append(findings, sharingFinding(ctx, a))
}

// explainKey is the finding for a call that has failed.
func explainKey(a Account, err error) Finding {
	switch {
	case errors.Is(err, config.ErrNoCredential):
		return fail(AboutKey, a.ID, "jobs wait for it and lose no attempt", "there is no API key: %v", err)
	case errors.Is(err, bitmovin.ErrNoAPIKey):
		return fail(AboutKey, a.ID, "put a key there; it is read for each call, so that jobs go on at once", "there is no API key: %v", err)
	case bitmovin.Unauthorized(err):
		return fail(AboutKey, a.ID, "put a valid key in its place, and start the unit anew if it is a credential of systemd; jobs wait for it and lose no attempt", "the platform does not take the key: %v", err)
	case bitmovin.Forbidden(err):
		return fail(AboutKey, a.ID, "give the key the right to use encodings, or correct tenant_org_id", "the key may not be used: %v", err)
	}
	return fail(AboutKey, a.ID, "see whether this machine reaches "+a.URL+" (name, firewall, HTTPS_PROXY); work goes on by itself", "the platform cannot be reached: %v", err)
}

// clockFinding compares this machine's clock with the platform's.
func clockFinding(account string, seen bitmovin.Inspection) Finding {
	if seen.ServerTime.IsZero() {
		return ok(AboutClock, account, "the platform does not tell its time")
	}
	const remedy = "let the machine's clock follow a time server (chrony, systemd-timesyncd)"
	off := seen.ClockOffset().Round(time.Second)
	switch {
	case off.Abs() > clockFail:
		return fail(AboutClock, account, remedy, "this machine's clock is %s the platform's: webhooks are not used, and tokens and certificates expire at the wrong time", ahead(off))
	case off.Abs() > clockWarn:
		return warn(AboutClock, account, remedy, "this machine's clock is %s the platform's", ahead(off))
	}
	return ok(AboutClock, account, "this machine's clock is that of the platform, within %v", max(off.Abs(), time.Second))
}

func ahead(off time.Duration) string {
	if off < 0 {
		return (-off).String() + " behind"
	}
	return off.String() + " ahead of"
}

// limitFinding tells which calls the rate limits hold up.
func limitFinding(a Account) Finding {
	var held []string
	for _, s := range a.Client.RateGovernor().State() {
		if !s.PausedUntil.IsZero() {
			held = append(held, s.Class.String())
		}
	}
	if len(held) > 0 {
		return warn(AboutLimits, a.ID, "nothing, if it is over soon; otherwise find out who else uses the key", "the platform has calls wait: %s", strings.Join(held, ", "))
	}
	return ok(AboutLimits, a.ID, "no calls are held up by rate limits")
}

// rightsFinding tries what the service has to read. What it has to write cannot be tried without doing it.
func rightsFinding(ctx context.Context, a Account) Finding {
	reads := []struct {
		what string
		try  func() error
	}{
		{"list encodings", func() error {
			_, err := a.Client.ListEncodings(ctx, bitmovin.EncodingQuery{Limit: 1, SkipTotalCount: true})
			return err
		}},
		{"list outputs", func() error {
			_, _, err := a.Client.FindOutput(ctx, bitmovin.StorageS3, "stoker doctor")
			return err
		}},
	}
	if a.WebhookURL != "" {
		reads = append(reads, struct {
			what string
			try  func() error
		}{"read notifications", func() error {
			_, err := a.Client.Notifications(ctx)
			return err
		}})
	}
	var refused []string
	for _, r := range reads {
		if err := r.try(); bitmovin.Forbidden(err) || bitmovin.Unauthorized(err) {
			refused = append(refused, r.what)
		} else if err != nil {
			return warn(AboutRights, a.ID, "try again later", "the platform does not say whether the key may %s: %v", r.what, err)
		}
	}
	if len(refused) > 0 {
		return fail(AboutRights, a.ID, "give the user of the key these rights in Bitmovin's dashboard", "the key may not %s", strings.Join(refused, ", nor "))
	}
	return ok(AboutRights, a.ID, "the key may read what the service has to read")
}

// webhookFindings looks whether the platform has the webhooks of the service, and delivers to them.
func webhookFindings(ctx context.Context, a Account) []Finding {
	if a.WebhookURL == "" {
		return []Finding{ok(AboutWebhooks, a.ID, "not used: the ends of encodings are found by polling")}
	}
	address := webhook.Address(a.WebhookURL, a.ID)
	notifications, err := a.Client.Notifications(ctx)
	if err != nil {
		return []Finding{warn(AboutWebhooks, a.ID, "nothing: polling finds the ends of encodings too", "the platform does not tell whether it delivers: %v", err)}
	}
	muted := map[bitmovin.WebhookID]bool{}
	for _, n := range notifications {
		muted[n.ID] = n.Muted
	}
	var missing, silent []string
	for _, trigger := range []bitmovin.WebhookTrigger{bitmovin.OnFinished, bitmovin.OnError, bitmovin.OnTransferError} {
		hooks, err := a.Client.ListWebhooks(ctx, trigger)
		if err != nil {
			return []Finding{warn(AboutWebhooks, a.ID, "nothing: polling finds the ends of encodings too", "the platform does not list its webhooks: %v", err)}
		}
		registered := false
		for _, h := range hooks {
			if h.URL == address {
				registered = true
				if muted[h.ID] {
					silent = append(silent, string(trigger))
				}
			}
		}
		if !registered {
			missing = append(missing, string(trigger))
		}
	}
	switch {
	case len(silent) > 0:
		return []Finding{fail(AboutWebhooks, a.ID, "see that "+address+" leads to http_listen of this service, from outside; the service un-mutes them by itself", "the platform delivers nothing any more, since ten deliveries in a row failed: %s", strings.Join(silent, ", "))}
	case len(missing) > 0 && a.Running:
		return []Finding{fail(AboutWebhooks, a.ID, "see the log for why they cannot be registered; polling finds the ends of encodings meanwhile", "not registered at the platform: %s", strings.Join(missing, ", "))}
	case len(missing) > 0:
		return []Finding{ok(AboutWebhooks, a.ID, "not registered yet: the service does that when it starts")}
	}
	return []Finding{ok(AboutWebhooks, a.ID, "registered for %s, and not muted", address)}
}

// recently is how new an encoding of another Stoker has to be for it to count as at work.
const recently = time.Hour

// sharingFinding looks among the newest encodings for those of others.
func sharingFinding(ctx context.Context, a Account) Finding {
	page, err := a.Client.ListEncodings(ctx, bitmovin.EncodingQuery{SkipTotalCount: true})
	if err != nil {
		return warn(AboutSharing, a.ID, "try again later", "the platform does not list encodings: %v", err)
	}
	own, foreign, stokers := 0, 0, map[string]bool{}
	for _, e := range page.Items {
		if e.Status != bitmovin.StatusQueued && e.Status != bitmovin.StatusRunning && time.Since(e.CreatedAt.Time) > recently {
			continue
		}
		instance := instanceOf(e.Labels)
		switch instance {
		case "":
			foreign++
		case a.InstanceID:
			own++
		default:
			stokers[instance] = true
		}
	}
	if len(stokers) > 0 {
		var ids []string
		for id := range stokers {
			ids = append(ids, id)
		}
		return warn(AboutSharing, a.ID, "nothing, if that is meant: they share the rate limits; otherwise find it by the label stoker-"+ids[0]+" of its encodings", "another Stoker uses the key: %s", strings.Join(ids, ", "))
	}
	if foreign > 0 {
		return ok(AboutSharing, a.ID, "others use the key too: %d of the newest %d encodings are theirs", foreign, len(page.Items))
	}
	return ok(AboutSharing, a.ID, "nobody else is seen to use the key")
}

// instanceOf returns the job table to which an encoding belongs; empty if it is none of Stoker's.
func instanceOf(labels []string) string {
	for _, l := range labels {
		if id, is := strings.CutPrefix(l, provision.Label("")); is && id != "" {
			return id
		}
	}
	return ""
}

// CheckOutputs asks the platform whether it may write to the outputs that an account may use. For each it makes an
// output, asks, and deletes it.
func CheckOutputs(ctx context.Context, a Account, outputs map[string]config.Storage) (findings []Finding) {
	for name, s := range outputs {
		if s.Accounts != nil && !slices.Contains(s.Accounts, a.ID) {
			continue
		}
		subject := a.ID + "/" + name
		if f, done := UncheckedOutput(subject, s); done {
			findings = append(findings, f)
			continue
		}
		answer, err := tryOutput(ctx, a.Client, s)
		findings = append(findings, OutputFinding(subject, answer, err))
	}
	return findings
}

// UncheckedOutput is the finding for an output about which the platform is not asked. done is false if it is.
func UncheckedOutput(subject string, s config.Storage) (f Finding, done bool) {
	switch {
	case s.SkipPermissionCheck:
		return ok(AboutOutput, subject, "not asked: check_permissions is false"), true
	case s.Type != bitmovin.StorageS3 && s.Type != bitmovin.StorageS3RoleBased:
		return ok(AboutOutput, subject, "the platform has no check for %s", s.Type), true
	}
	return f, false
}

// deleteTime is how long the deletion of an output may take whose check was interrupted.
const deleteTime = 10 * time.Second

// tryOutput asks the platform whether it may write to a storage, by an output that is there for that only.
func tryOutput(ctx context.Context, c *bitmovin.Client, s config.Storage) (answer bitmovin.PermissionCheck, err error) {
	trial := s.Storage
	trial.Name = "stoker doctor: may be deleted"
	id, err := c.CreateOutput(ctx, trial)
	if err != nil {
		return answer, fmt.Errorf("create an output: %w", err)
	}
	defer func() {
		cleanup, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), deleteTime, errors.New("deleting the output took too long"))
		defer cancel()
		if deleteErr := bitmovin.DeleteOutput(cleanup, c, s.Type, id); deleteErr != nil && err == nil {
			err = fmt.Errorf("the output %s that the check has made could not be deleted: %w", id, deleteErr)
		}
	}()
	return c.CheckPermissions(ctx, id, s.BasePath)
}

// OutputFinding is what the platform's answer about an output means.
func OutputFinding(subject string, answer bitmovin.PermissionCheck, err error) Finding {
	switch {
	case err != nil:
		return warn(AboutOutput, subject, "see what the platform says; if it has no such check, set check_permissions: false", "the platform does not tell whether it may write: %v", err)
	case answer.Passed == nil:
		return warn(AboutOutput, subject, "nothing: jobs show it", "the platform does not say whether it may write")
	case !*answer.Passed:
		return fail(AboutOutput, subject, "correct the keys, the policy of the bucket, or the acl of the profile; batches wait meanwhile and pay nothing", "the platform may not write: %s", answer.FailureReason)
	}
	return ok(AboutOutput, subject, "the platform may write")
}

package doctor

import (
	"errors"
	"strings"
	"time"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
)

// Service is the finding of a service that runs.
func Service(version string, started time.Time) Finding {
	return ok(AboutService, "", "runs since %s, version %s", started.UTC().Format(time.DateTime), version)
}

// Stopped is the finding of a service that does not answer.
func Stopped(address string, err error) Finding {
	return fail(AboutService, address, "start it, or name where it listens with --server; before its first start: stoker doctor --stopped", "nothing answers: %v", err)
}

// Configuration says whether the configuration, as the files and the environment now have it, is the one in force. err
// is what is wrong with it, and d what it would change. refused says that the service has refused it already.
func Configuration(err error, d config.Difference, refused bool) Finding {
	if wrong, is := errors.AsType[*config.Error](err); is {
		f := warn(AboutConfiguration, "", "stoker config check says what is wrong; until it is right the service would not start again", "is wrong, and the service goes on with the one before: %v", wrong.Summarize())
		if refused {
			f.Outcome = Fail
		}
		return f
	}
	switch {
	case refused:
		return fail(AboutConfiguration, "", "see the log for what is wrong, correct it, and send SIGHUP", "the latest configuration was refused; the one before is in force")
	case len(d.Changed) > 0:
		return warn(AboutConfiguration, "", "send SIGHUP to the service (systemctl reload stoker)", "changed, and not taken up: %s", strings.Join(d.Changed, ", "))
	case len(d.Restart) > 0:
		return warn(AboutConfiguration, "", "start the service anew when it suits; nothing is lost", "changed, and taken up by a restart only: %s", strings.Join(d.Restart, ", "))
	}
	return ok(AboutConfiguration, "", "is the one in force")
}

// Loaded is the finding of a configuration that can be read, of a service that does not run.
func Loaded(cfg *config.Config) Finding {
	if len(cfg.Warnings) > 0 {
		return warn(AboutConfiguration, "", "stoker config check lists them", "can be loaded, and is odd: %s", cfg.Warnings[0])
	}
	return ok(AboutConfiguration, "", "is right")
}

// CheckSecrets looks for the secrets that templates may name. Jobs wait for one that is missing.
func CheckSecrets(cfg *config.Config) (findings []Finding) {
	for _, name := range cfg.SecretNames {
		if _, err := cfg.Secret(name); err != nil {
			findings = append(findings, warn(AboutConfiguration, "secrets."+name, "put it there; it is read anew for each start", "jobs of templates that name it wait: %v", err))
		}
	}
	return findings
}

// JobTable is the finding of a job table that was read and written with the given result.
func JobTable(db string, err error) Finding {
	db = config.WithoutPassword(db)
	switch {
	case job.TableTrouble(err):
		return fail(AboutJobTable, db, job.ExplainTableTrouble(err), "cannot be used: %v", err)
	case err != nil:
		return fail(AboutJobTable, db, "see docs/operations/backup.md", "cannot be used: %v", err)
	}
	return ok(AboutJobTable, db, "can be read and written")
}

// StoppedJobTable is the finding of the file of a job table that no service has open. instance is its instance id, empty
// if there is no file yet; whole says that all of it was read; err is why a service would not start with it.
func StoppedJobTable(db, instance string, whole bool, err error) Finding {
	switch {
	case err != nil:
		return fail(AboutJobTable, db, "the service would not start; see docs/operations/backup.md", "%s", strings.TrimPrefix(err.Error(), db+": "))
	case instance == "":
		return ok(AboutJobTable, db, "there is none yet: the first start makes it")
	case !whole:
		return ok(AboutJobTable, db, "is one, and too large to read all of it here: stoker backup verify reads all of a copy")
	}
	return ok(AboutJobTable, db, "is whole")
}

// CheckAccount says how an account of the running service stands.
func CheckAccount(s job.AccountStatus) []Finding {
	findings := []Finding{accountFinding(s)}
	if len(s.OtherInstances) > 0 {
		var ids []string
		for _, o := range s.OtherInstances {
			ids = append(ids, o.ID)
		}
		findings = append(findings, warn(AboutSharing, s.ID, "nothing, if that is meant; otherwise find it by the label stoker-"+ids[0]+" of its encodings", "another Stoker was at work with the key within the last hour: %s", strings.Join(ids, ", ")))
	}
	if others := s.PlatformQueuedCount - s.QueuedCount; others > 0 {
		findings = append(findings, ok(AboutSharing, s.ID, "%d of the %d queued encodings are others'", others, s.PlatformQueuedCount))
	}
	if w := s.Webhooks; w == nil {
		return findings // there is no key to check their signatures with
	} else if w.Problem != "" {
		findings = append(findings, warn(AboutWebhooks, s.ID, "see that webhook_url leads to http_listen of this service, from outside", "%s", w.Problem))
	} else if w.RejectedCount > w.UsedCount {
		findings = append(findings, warn(AboutWebhooks, s.ID, "see that webhook_key_file has the key that Bitmovin signs with, and nothing else posts there", "%d deliveries were not signed as they should be, and %d were used", w.RejectedCount, w.UsedCount))
	} else if w.UsedCount > 0 {
		findings = append(findings, ok(AboutWebhooks, s.ID, "%d deliveries were used, the latest at %s", w.UsedCount, w.LastUsedTime.UTC().Format(time.DateTime)))
	}
	return findings
}

func accountFinding(s job.AccountStatus) Finding {
	switch {
	case s.Breaker != job.BreakerClosed:
		return fail(AboutAccount, s.ID, "work goes on by itself when the cause is gone; the next try is at "+s.NextProbeTime.UTC().Format(time.TimeOnly), "the platform cannot be used since %s: %s", s.BreakerSince.UTC().Format(time.DateTime), s.BreakerReason)
	case s.Organisation.Text != "":
		return fail(AboutAccount, s.ID, "put the key of the right organisation back", "%s", s.Organisation.Text)
	case s.Problem != "":
		return warn(AboutAccount, s.ID, "stoker account get "+s.ID+" says more", "some jobs cannot be worked on: %s", s.Problem)
	case s.Paused:
		return warn(AboutAccount, s.ID, "stoker resume --account "+s.ID, "is paused: %s", s.PausedReason)
	}
	return ok(AboutAccount, s.ID, "%d queued, %d running", s.QueuedCount, s.RunningCount)
}

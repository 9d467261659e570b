package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/doctor"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

func doctorCommand(c *cli) *cobra.Command {
	var from configuration
	var stopped bool
	var bundle, batch string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at the service and all that it needs, and say what to do.",
		Long: `Asks the service to look at itself: the platform with each key, rights, outputs,
webhooks, clock, disk or database, memory, descriptors, modes of files, certificates,
and who else uses the keys. If nothing answers, that is a FAIL, and the configuration is looked at,
as stoker serve reads it.

--bundle writes the checks, the configuration without secrets, the latest lines of the
log, metrics and versions into a file for a bug report. Look at it before you send it:
names of storages, paths and titles are in it.

Exit codes, as monitors want them: 0 all is well; 1 something is to be looked at;
2 something does not work; 3 the checks could not be made, for a wrong flag too.`,
		Example: `  stoker doctor
  stoker doctor --stopped --config /etc/stoker/stoker.yaml
  stoker doctor --bundle report.tar.gz --batch 411`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := refuseEmpty(cmd, "bundle", "batch"); err != nil {
				return err
			}
			if batch != "" && bundle == "" {
				return usagef("--batch puts the history of a batch into a bundle: name its file with --bundle")
			}
			return noArgs(cmd, args)
		},
		Annotations: map[string]string{monitorAnnotation: ""},
		RunE: func(cmd *cobra.Command, _ []string) error {
			to, err := newWriter(c, checkResults())
			if err != nil {
				return err
			}
			if bundle != "" {
				if err := checkBundlePath(bundle); err != nil {
					return err
				}
			}
			d := &examination{cli: c, sources: sourcesOf(c, from)}
			results, err := d.run(cmd.Context(), stopped)
			if err != nil {
				return err
			}
			if err := writeAll(to, results); err != nil {
				return err
			}
			if c.hints() {
				c.note("%s", summary(results))
			}
			if bundle != "" {
				if err := d.writeBundle(cmd.Context(), bundle, batch, results); err != nil {
					return err
				}
				c.note("%s written; look at it before you send it", bundle)
			}
			return doctorVerdict(results)
		},
	}
	cmd.Flags().BoolVar(&stopped, "stopped", false, "look at the configuration of a service that does not run, and ask none")
	cmd.Flags().StringVar(&bundle, "bundle", "", "write a report to this `FILE` (tar.gz) as well")
	cmd.Flags().StringVar(&batch, "batch", "", "put the history of this `BATCH` into the bundle")
	addConfigFlags(cmd, &from, false)
	c.addConnectionFlags(cmd)
	c.addListingFlags(cmd, checkResults().ColumnNames())
	return cmd
}

// exitUnknown is the exit code of a check that could not be made, as monitors want it.
const exitUnknown = 3

// monitorAnnotation marks a command whose exit codes are those that monitors want.
const monitorAnnotation = "stoker_monitor"

func isForMonitors(cmd *cobra.Command) bool {
	_, marked := cmd.Annotations[monitorAnnotation]
	return marked
}

// unknownError gives an error the exit code of a check that could not be made, and the words that it has in other
// commands: that of a mistake in the command line would say, to a monitor, that something does not work. What the
// checks have found, and the end by a signal, keep their own.
func (c *cli) unknownError(ctx context.Context, err error) error {
	_, text, below := c.exitStatus(ctx, err)
	if text == "" {
		return err
	}
	return &exitError{code: exitUnknown, err: errors.New(text), below: below}
}

// doctorVerdict is the exit code for results.
func doctorVerdict(results []*stokerv1.CheckResult) error {
	worst := stokerv1.CheckOutcome_CHECK_OUTCOME_OK
	for _, r := range results {
		worst = max(worst, r.GetOutcome())
	}
	if worst == stokerv1.CheckOutcome_CHECK_OUTCOME_OK {
		return nil
	}
	return &exitError{code: int(worst - stokerv1.CheckOutcome_CHECK_OUTCOME_OK)}
}

// checkResults is how the results of checks are listed.
func checkResults() output.Listing[*stokerv1.CheckResult] {
	type result = *stokerv1.CheckResult
	return output.Listing[result]{
		Columns: []output.Column[result]{
			{Head: "OUTCOME", Value: func(r result) output.Value {
				word := outcomeWord(r.GetOutcome())
				colours := map[string]output.Colour{"OK": output.Green, "WARN": output.Yellow, "FAIL": output.Red}
				return output.Text(word).Coloured(colours[word])
			}},
			{Head: "CHECK", Value: func(r result) output.Value { return output.Text(r.GetCheck()) }},
			{Head: "SUBJECT", Value: func(r result) output.Value { return output.Text(r.GetSubject()) }},
			{Head: "FOUND", Value: func(r result) output.Value { return output.Own(foundText(r)) }, ShrinkTo: 40},
		},
		Name: func(r result) string { return r.GetCheck() },
	}
}

// foundText is what was found, and what to do.
func foundText(r *stokerv1.CheckResult) string {
	if r.GetRemedy() == "" {
		return r.GetText()
	}
	return r.GetText() + "; " + r.GetRemedy()
}

func outcomeWord(o stokerv1.CheckOutcome) string {
	return strings.TrimPrefix(o.String(), "CHECK_OUTCOME_")
}

// examination is one run of the checks.
type examination struct {
	*cli
	sources config.Sources

	conn *client.Client // of the service that has answered; nil: none has
	cfg  *config.Config // nil while it has not been read, or has mistakes
}

// databaseTime is how long the database may take to say how it stands, and how long the file of a job table is read.
const databaseTime = 15 * time.Second

// runningTime is how long the service may take for its checks.
const runningTime = 75 * time.Second

// run asks the service or, if none answers or stopped is set, looks at its configuration.
func (d *examination) run(ctx context.Context, stopped bool) ([]*stokerv1.CheckResult, error) {
	if stopped {
		return results(d.examineConfiguration(ctx, true)), nil
	}
	d.followConfiguration()
	conn, err := d.dial(time.Second)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeoutCause(ctx, runningTime, errors.New("the service takes too long for its checks"))
	defer cancel()
	resp, err := conn.Diagnostics().RunChecks(asking, &stokerv1.RunChecksRequest{})
	switch {
	case err == nil:
		d.conn = conn
		return resp.GetResults(), nil
	case !isUnreachable(err):
		return nil, errors.Join(err, conn.Close())
	}
	findings := []doctor.Finding{doctor.Stopped(d.connection.Server, errors.New(connectionErrorText(err)))}
	return results(append(findings, d.examineConfiguration(ctx, false)...)), conn.Close()
}

// isUnreachable reports whether no service has answered.
func isUnreachable(err error) bool {
	if lost, ok := errors.AsType[*client.LostAnswerError](err); ok {
		err = lost.Err
	}
	return status.Code(err) == codes.Unavailable || client.Unanswered(err)
}

// followConfiguration takes the address of the service from its configuration, unless something else names a server.
// What the command line says of the configuration comes before the current context, and the environment after it.
func (d *examination) followConfiguration() {
	if d.connection.Server != "" || d.connection.context != "" || d.getenv("STOKER_SERVER") != "" || d.getenv("STOKER_CONTEXT") != "" {
		return
	}
	if d.sources.File == "" && len(d.sources.Flags) == 0 {
		if current, err := d.findContext(""); err != nil || current.Server != "" {
			return
		}
	}
	s := d.sources
	s.WithoutPlatform, s.WithoutSecrets = true, true
	if cfg, err := config.Load(s); err == nil {
		d.connection.Server = strings.Replace(cfg.Listen, "unix://", "unix:", 1)
	}
}

// examineConfiguration looks at what the configuration names. ports says that its addresses have to be free.
func (d *examination) examineConfiguration(ctx context.Context, ports bool) []doctor.Finding {
	cfg, err := config.Load(d.sources)
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		var findings []doctor.Finding
		for _, m := range wrong.Mistakes {
			findings = append(findings, doctor.Finding{Check: doctor.AboutConfiguration, Subject: m.Where, Outcome: doctor.Fail, Text: m.Text, Remedy: "correct it; stoker config check lists all mistakes"})
		}
		return findings
	}
	d.cfg = cfg
	findings := append([]doctor.Finding{doctor.Loaded(cfg)}, doctor.CheckSecrets(cfg)...)
	instance, table := examineTable(ctx, cfg)
	findings = append(findings, table...)
	findings = append(findings, doctor.CheckFileModes(cfg, service.NotificationKeyFile(cfg))...)
	findings = append(findings, doctor.CheckCertificates(cfg, false, time.Now())...)
	findings = append(findings, doctor.CheckListeners(cfg)...)
	if ports {
		findings = append(findings, doctor.CheckPorts(ctx, cfg)...)
	}
	findings = append(findings, examinePlatform(ctx, cfg, instance)...)
	doctor.Sort(findings)
	return findings
}

// examineTable looks at the job table of a service that does not run, and at what it is kept on. It returns the
// instance id of the table, which is empty if the service has not been started yet, or that cannot be read.
func examineTable(ctx context.Context, cfg *config.Config) (instance string, findings []doctor.Finding) {
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	if !postgres.IsURL(cfg.DB) {
		disk := doctor.CheckDisk(cfg)
		if _, err := os.Stat(filepath.Dir(cfg.DB)); err != nil {
			return "", []doctor.Finding{disk}
		}
		instance, whole, err := sqlite.Examine(ctx, cfg.DB)
		if err != nil {
			err = explainJobTable(cfg.DB, "--db", err)
		}
		table := doctor.StoppedJobTable(cfg.DB, instance, whole, err)
		return instance, []doctor.Finding{table, disk, doctor.FindBackups(cfg.Backup, instance, time.Now())}
	}
	database, err := postgres.Examine(ctx, cfg.DB)
	if err != nil {
		err = explainJobTable(cfg.DB, "--db", err)
	}
	return "", doctor.CheckDatabase(database, cfg.DB, false, err)
}

// examinePlatform asks the platform with each key of a configuration.
// instance is the instance id of its job table; empty if it is not known.
func examinePlatform(ctx context.Context, cfg *config.Config, instance string) (findings []doctor.Finding) {
	for _, a := range cfg.Accounts {
		api, err := bitmovin.New(bitmovin.Options{BaseURL: a.URL, APIKey: a.APIKey, TenantOrgID: a.TenantOrgID, UserAgent: "stoker/" + service.Version()})
		if err != nil {
			findings = append(findings, doctor.Finding{Check: doctor.AboutKey, Subject: a.ID, Outcome: doctor.Fail, Text: err.Error(), Remedy: "correct the url of the account"})
			continue
		}
		about := doctor.Account{Account: a, Client: api, InstanceID: instance, WebhookURL: cfg.WebhookURL}
		found := doctor.CheckPlatform(ctx, about)
		if doctor.Worst(found[:1]) == doctor.OK { // the platform takes the key
			found = append(found, doctor.CheckOutputs(ctx, about, cfg.Outputs)...)
		}
		findings = append(findings, found...)
	}
	return findings
}

// checkOnline asks the platform about a configuration that is right otherwise.
func checkOnline(ctx context.Context, c *cli, cfg *config.Config) error {
	instance := ""
	if !postgres.IsURL(cfg.DB) {
		instance, _, _ = sqlite.Examine(ctx, cfg.DB) // what is wrong with the job table is not asked here
	}
	findings := examinePlatform(ctx, cfg, instance)
	doctor.Sort(findings)
	to, err := checkResults().NewWriter(c.stdout, c.look(c.stdout), c.out)
	if err != nil {
		return usageError(err)
	}
	if err := writeAll(to, results(findings)); err != nil {
		return err
	}
	if doctor.Worst(findings) == doctor.Fail {
		return &exitError{code: exitFailed}
	}
	return nil
}

// results converts findings to messages.
func results(findings []doctor.Finding) []*stokerv1.CheckResult {
	all := make([]*stokerv1.CheckResult, len(findings))
	for i, f := range findings {
		all[i] = &stokerv1.CheckResult{
			Check: f.Check, Subject: f.Subject, Outcome: stokerv1.CheckOutcome(f.Outcome) + stokerv1.CheckOutcome_CHECK_OUTCOME_OK, Text: f.Text, Remedy: f.Remedy,
		}
	}
	return all
}

// summary counts results by outcome, the worst first.
func summary(results []*stokerv1.CheckResult) string {
	counts := map[string]int{}
	for _, r := range results {
		counts[outcomeWord(r.GetOutcome())]++
	}
	var parts []string
	for _, word := range []string{"FAIL", "WARN", "OK"} {
		if counts[word] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[word], word))
		}
	}
	return strings.Join(parts, ", ")
}

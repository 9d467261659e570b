package doctor

import (
	"fmt"
	"slices"
)

// Outcome is how well something is.
type Outcome int

// The outcomes, the best first.
const (
	OK Outcome = iota
	Warn
	Fail
)

// String returns OK, WARN or FAIL.
func (o Outcome) String() string { return [...]string{"OK", "WARN", "FAIL"}[o] }

// Finding is what one check has found.
type Finding struct {
	Check   string // one of [Checks]
	Subject string // what was looked at: an account, a file, a listener; may be empty
	Outcome Outcome
	Text    string // what was found
	Remedy  string // what to do; empty if nothing is wrong
}

// The checks.
const (
	AboutService       = "service"
	AboutConfiguration = "configuration"
	AboutJobTable      = "job-table"
	AboutKey           = "key"
	AboutRights        = "rights"
	AboutLimits        = "limits"
	AboutAccount       = "account"
	AboutSharing       = "sharing"
	AboutOutput        = "output"
	AboutWebhooks      = "webhooks"
	AboutClock         = "clock"
	AboutDisk          = "disk"
	AboutBackup        = "backup"
	AboutMemory        = "memory"
	AboutDescriptors   = "descriptors"
	AboutFileMode      = "file-mode"
	AboutCertificate   = "certificate"
	AboutPort          = "port"
)

// Checks lists the checks in the order in which they are told.
func Checks() []string {
	return []string{
		AboutService, AboutConfiguration, AboutJobTable, AboutKey, AboutRights, AboutLimits, AboutAccount, AboutSharing, AboutOutput, AboutWebhooks,
		AboutClock, AboutDisk, AboutBackup, AboutMemory, AboutDescriptors, AboutFileMode, AboutCertificate, AboutPort,
	}
}

// Sort puts findings in the order of their checks.
func Sort(findings []Finding) {
	order := Checks()
	slices.SortStableFunc(findings, func(a, b Finding) int { return slices.Index(order, a.Check) - slices.Index(order, b.Check) })
}

// Worst returns the worst outcome of findings.
func Worst(findings []Finding) Outcome {
	worst := OK
	for _, f := range findings {
		worst = max(worst, f.Outcome)
	}
	return worst
}

func ok(check, subject, format string, args ...any) Finding {
	return Finding{Check: check, Subject: subject, Text: fmt.Sprintf(format, args...)}
}

func warn(check, subject, remedy, format string, args ...any) Finding {
	return Finding{Check: check, Subject: subject, Outcome: Warn, Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

func fail(check, subject, remedy, format string, args ...any) Finding {
	return Finding{Check: check, Subject: subject, Outcome: Fail, Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

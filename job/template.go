package job

import (
	"fmt"
	"time"
)

// An encoding template is created and started in one call. So a template's job differs
// from others in two ways: the start comes first and tells the encoding's id, and each
// attempt has an encoding of its own.

// Validate lists what is wrong with the regions of t; its text is for the template's
// reader. Fields are named as in the API and in the configuration, below the given path.
func (t Template) Validate(path string) []Violation {
	v := violationList{path: path}
	v.fallbackRegions(t.FallbackRegions)
	return v.list
}

// RegionOf is the cloud region for a job that has moved on to a fallback region the
// given number of times; empty for the one that the template names.
func (t Template) RegionOf(moves int) string { return regionOf("", t.FallbackRegions, moves) }

// BeginTemplateStart records the intent to create and start an encoding from the batch's
// template, and opens the next attempt. Until the platform has answered, or has
// been asked, nobody knows whether there is such an encoding: the job has none.
func (u *Update) BeginTemplateStart(now time.Time) error {
	if j := &u.Job; j.State != Waiting {
		return fmt.Errorf("job %s: start a template: %w: %s", j.ID, ErrConflict, j.State)
	}
	u.dropEncoding() // that of an attempt before a retry by hand
	return u.openStart("a slot is free", now)
}

// TemplateAccepted records that the platform took the template and made an encoding of
// it: its answer said so, or the encoding was found by its name. An encoding that
// the job has no use for becomes an orphan.
func (u *Update) TemplateAccepted(encoding string, now time.Time) error {
	j := &u.Job
	if j.Step != StepStart || j.EncodingID != "" {
		if encoding != j.EncodingID {
			u.Orphan = encoding
		}
		return nil
	}
	j.EncodingID = encoding
	return u.StartAccepted(now)
}

// TemplateFound takes over an encoding that was found at the platform under the name of
// the given attempt: one whose start was recorded and never answered, or one that the
// job table does not know of because it was restored from a backup. Any other
// changes nothing; see [Update.Adopt].
func (u *Update) TemplateFound(encoding string, attempt int, now time.Time) error {
	j := &u.Job
	switch {
	case j.Step == StepStart && j.EncodingID == "" && j.Attempt == attempt:
		return u.TemplateAccepted(encoding, now)
	case j.State == Waiting && j.Attempt < attempt:
		u.dropEncoding()
		j.Attempt = attempt - 1
		if err := u.openStart("found started at the platform", now); err != nil {
			return err
		}
		j.EncodingID = encoding
	}
	return nil
}

// TemplateCorrected records that the encoding of the given attempt, found by its name, has
// another id than the answer to its start had said.
func (u *Update) TemplateCorrected(encoding string, attempt int, now time.Time) error {
	j := &u.Job
	if j.State.OnPlatform() && j.EncodingID != "" && j.EncodingID != encoding && j.Attempt == attempt {
		j.EncodingID = encoding
		u.markVisible(now)
	}
	return nil
}

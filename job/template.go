package job

import (
	"fmt"
	"time"
)

// One call creates and starts an encoding from a template. A job with a template therefore differs
// from others in two ways: its encoding id becomes known with the answer to the start, and each
// attempt has an encoding of its own.

// Validate lists what is wrong with the regions of t. Its text is checked by package template.
// Fields are named as in the API and in the configuration, below the given path.
func (t Template) Validate(path string) []Violation {
	v := violationList{path: path}
	v.fallbackRegions(t.FallbackRegions)
	return v.list
}

// RegionOf is the cloud region for a job that has moved to the next fallback region moves times;
// empty for the region in the template.
func (t Template) RegionOf(moves int) string { return regionOf("", t.FallbackRegions, moves) }

// BeginTemplateStart records the intent to create and start an encoding from the template of the
// batch, and opens the next attempt. The job has no encoding until the platform has answered or has
// been asked.
func (u *Update) BeginTemplateStart(now time.Time) error {
	if j := &u.Job; j.State != Waiting {
		return fmt.Errorf("job %s: start a template: %w: %s", j.ID, ErrConflict, j.State)
	}
	u.dropEncoding() // that of an attempt before a retry through the API
	return u.openStart("a slot is free", now)
}

// TemplateAccepted records that the platform accepted the template and made an encoding from it: it
// answered so, or the encoding was found by its name. An encoding that the job does not need becomes
// an orphan.
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

// TemplateFound gives the job an encoding that was found at the platform under the name of the given
// attempt. Either its start was recorded and never answered, or the job table does not know of it
// because it was restored from a backup. Any other encoding changes nothing. See [Update.Adopt].
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

// TemplateCorrected records that the encoding of the given attempt, which was found by its name, has
// another id than the answer to its start said.
func (u *Update) TemplateCorrected(encoding string, attempt int, now time.Time) error {
	j := &u.Job
	if j.State.OnPlatform() && j.EncodingID != "" && j.EncodingID != encoding && j.Attempt == attempt {
		j.EncodingID = encoding
		u.markVisible(now)
	}
	return nil
}

package job

import (
	"fmt"
	"time"
)

// One call creates and starts an encoding from a template. A job with a template therefore differs
// from others in two ways: its encoding id becomes known with the answer to the start, and each
// attempt has an encoding of its own.

// Validate lists what is wrong with the fallback regions of t. Package template checks Text. Fields
// are named as in the API and in the configuration, below the given path.
func (t Template) Validate(path string) []Violation {
	v := violationList{path: path}
	v.fallbackRegions(t.FallbackRegions)
	return v.list
}

// RegionOf is the cloud region of a job that has moved to the next fallback region moves times; empty
// for the region in Text.
func (t Template) RegionOf(moves int) string { return regionOf("", t.FallbackRegions, moves) }

// BeginTemplateStart records the intent to create and start an encoding from the template of the
// batch, and opens the next attempt. The job has no encoding until the platform has answered the
// start, or the encoding is found by its name. The error matches [ErrConflict] if the job is not
// WAITING.
func (u *Update) BeginTemplateStart(now time.Time) error {
	if j := &u.Job; j.State != Waiting {
		return fmt.Errorf("job %s: start a template: %w: %s", j.ID, ErrConflict, j.State)
	}
	u.dropEncoding() // a retry through the API keeps the encoding of the attempt before
	return u.openStart("a place is free", now)
}

// TemplateAccepted records that the platform accepted the template and made an encoding from it: the
// platform answered the start, or the encoding was found by its name. An encoding that the job does
// not need becomes an orphan.
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
// attempt. Either the start of the attempt is recorded and was not answered, or the job table,
// restored from a backup, has no record of it. Any other encoding changes nothing. See
// [Update.Adopt].
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

// TemplateCorrected replaces the encoding id of the given attempt, from the answer to the start, by the
// id of the encoding that was found by its name.
func (u *Update) TemplateCorrected(encoding string, attempt int, now time.Time) error {
	j := &u.Job
	if j.State.OnPlatform() && j.EncodingID != "" && j.EncodingID != encoding && j.Attempt == attempt {
		j.EncodingID = encoding
		u.markVisible(now)
	}
	return nil
}

package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// errOtherOrganisation is why a vanished encoding is not believed to have vanished.
var errOtherOrganisation = errors.New("the platform knows neither the encoding nor anything else that was created for it: " +
	"does the API key belong to another organisation?")

// cancelledMissingFor is how long the encoding of a job that is being cancelled must be missing
// before that is the end of it, whichever organisation it was started in: somebody who
// changes the key may never change it back, and nothing new is paid for.
const cancelledMissingFor = time.Hour

// errListed is why an encoding is not believed to have vanished although its status does.
var errListed = errors.New("the platform does not know the status of an encoding that its list or its search shows")

// evidence is what one way of asking says of an encoding.
type evidence int

const (
	evidenceNone evidence = iota // there is no answer, or none that can be believed
	evidencePresent
	evidenceAbsent
)

// combineEvidence reports what is to be believed of an encoding when its status, a complete walk of the
// list and a search say different things: it has gone only if its status is not known and
// the list, as a whole, has not got it; it is there if any of them shows it. A search
// that shows nothing proves nothing, since it may be behind or not understood. For an
// encoding of which no id is known, status is absent.
func combineEvidence(status, list, search evidence) evidence {
	switch {
	case status == evidencePresent, list == evidencePresent, search == evidencePresent:
		return evidencePresent
	case status == evidenceAbsent && list == evidenceAbsent:
		return evidenceAbsent
	}
	return evidenceNone
}

// confirmMissing decides about an encoding whose status the platform does not know: true if it
// can be believed that it has gone. A new encoding would be paid for, so that a single
// answer does not do (it may come from a replica that does not know it yet), nor do
// many, as long as the list shows it, or has not been seen as a whole since; or as long as
// everything else of ours is missing as well: then the key is another organisation's, and
// the encoding goes on in the one it was started in.
//
// The encoding of a template may be there under another id than its start was answered
// with: as its name is no other's, it is that one.
func (w *worker) confirmMissing(ctx context.Context, e trackedJob) (certain bool, other string, err error) {
	now := w.now()
	if !e.missingForLong(now, w.settle) {
		return false, "", nil
	}
	search, other := evidenceNone, e.listedID
	if other == "" && e.listEvidence == evidenceAbsent {
		search, other = w.searchByName(ctx, e)
	}
	if other != "" && !w.belongsToJob(ctx, other) {
		return false, other, nil
	}
	switch combineEvidence(evidenceAbsent, e.listEvidence, search) {
	case evidencePresent:
		return false, "", errListed
	case evidenceAbsent:
		err = w.checkOrganisation(ctx, e, now.Sub(e.missingSince))
		return err == nil, "", err
	}
	return false, "", nil
}

// missingForLong reports whether the platform has said for the settle time that it does not know
// the encoding's status.
func (e *trackedJob) missingForLong(now time.Time, settle time.Duration) bool {
	return !e.missingSince.IsZero() && now.Sub(e.missingSince) >= settle
}

// searchByName asks for a job's encoding by its name; other is the id under which a template's is
// there if it is not the one that the job knows.
func (w *worker) searchByName(ctx context.Context, e trackedJob) (says evidence, other string) {
	if !w.encodings.usable(bitmovin.ParamName) {
		return evidenceNone, ""
	}
	query := bitmovin.ListEncodings{Name: provision.EncodingName(&e.job), SkipTotalCount: true}
	if e.batch.Template != nil {
		query.Name = provision.AttemptName(&e.job)
	}
	says, listed := evidenceAbsent, 0
	err := w.encodings.eachListed(ctx, query, func(found bitmovin.Encoding) (enough bool, err error) {
		listed++
		switch {
		case string(found.ID) == e.job.EncodingID:
			says = evidencePresent
			return true, nil
		case found.Name != query.Name:
			return listed >= pageSize, nil // the platform takes no notice of the name
		case e.batch.Template != nil:
			other = string(found.ID)
		}
		return false, nil
	})
	if err != nil {
		return evidenceNone, ""
	}
	return says, other
}

// checkOrganisation is an error if the encoding of a job, missing for so long, may be in
// another organisation: if the platform knows nothing of what the jobs of its batch share
// there, although some of it was created once. What was created after the job's start says
// nothing of where that was. Nor can anything be said of a batch that shares nothing.
func (w *worker) checkOrganisation(ctx context.Context, e trackedJob, missing time.Duration) error {
	if e.job.State == job.Cancelling && missing >= cancelledMissingFor {
		return nil
	}
	missingAll, err := w.provisioner.AllMissing(ctx, &e.batch.Batch, cmp.Or(e.job.StartTime, e.job.StepTime))
	if err == nil && missingAll {
		err = errOtherOrganisation
	}
	return err
}

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

// errOtherOrganisation is why a missing encoding is not believed to be gone.
var errOtherOrganisation = errors.New("the platform knows neither the encoding nor anything else that was created for it: " +
	"does the API key belong to another organisation?")

// errListed is why an encoding is not believed to be gone although the platform does not know its
// status.
var errListed = errors.New("the platform does not know the status of an encoding that its list or its search shows")

// cancelledMissingFor is how long the encoding of a job that is being cancelled must be missing
// before it counts as gone, whichever organisation it was started in. The API key may never
// be changed back, and ending the job costs nothing.
const cancelledMissingFor = time.Hour

// confirmMissing decides about an encoding whose status the platform does not know: certain is
// true if the encoding is certainly gone. A new encoding would be paid for, so a single answer is
// not enough: it may come from a replica that does not know the encoding yet. Nor are many
// answers enough, as long as
//
//   - the list shows the encoding, or has not been walked as a whole since, or
//   - everything else of ours is missing as well: then the API key is another organisation's,
//     and the encoding goes on in the one in which it was started.
//
// A template's encoding may be there under another id than its start was answered with. As no
// other encoding has its name, that id is its real one: confirmMissing returns it as other.
func (w *worker) confirmMissing(ctx context.Context, t trackedJob) (certain bool, other string, err error) {
	now := w.now()
	if !t.missingForLong(now, w.settle) {
		return false, "", nil
	}
	search, other := evidenceNone, t.listedID
	if other == "" && t.listEvidence == evidenceAbsent {
		search, other = w.searchByName(ctx, t)
	}
	if other != "" && !w.belongsToJob(ctx, other) {
		return false, other, nil
	}
	switch combineEvidence(evidenceAbsent, t.listEvidence, search) {
	case evidencePresent:
		return false, "", errListed
	case evidenceAbsent:
		err = w.checkOrganisation(ctx, t, now.Sub(t.missingSince))
		return err == nil, "", err
	}
	return false, "", nil
}

// searchByName asks for a job's encoding by its name. other is the id under which a template's
// encoding is there, if that is not the id that the job knows.
func (w *worker) searchByName(ctx context.Context, t trackedJob) (presence evidence, other string) {
	if !w.encodings.usable(bitmovin.ParamName) {
		return evidenceNone, ""
	}
	name := provision.EncodingName(&t.job)
	if t.batch.Template != nil {
		name = provision.AttemptName(&t.job)
	}
	presence = evidenceAbsent
	_, err := w.encodings.eachNamedOrID(ctx, name, t.job.EncodingID, func(found bitmovin.Encoding) (enough bool, err error) {
		switch {
		case string(found.ID) == t.job.EncodingID:
			presence = evidencePresent
			return true, nil
		case t.batch.Template != nil:
			other = string(found.ID)
		}
		return false, nil
	})
	if err != nil {
		return evidenceNone, ""
	}
	return presence, other
}

// checkOrganisation returns an error if the encoding of a job, missing for so long, may be in
// another organisation: the platform has none of the resources that the jobs of its batch share,
// although some were created once. Resources that were created after the job's start prove
// nothing. For a batch whose jobs share none it returns nil.
func (w *worker) checkOrganisation(ctx context.Context, t trackedJob, missing time.Duration) error {
	if t.job.State == job.Cancelling && missing >= cancelledMissingFor {
		return nil
	}
	allMissing, err := w.provisioner.AllMissing(ctx, &t.batch.Batch, cmp.Or(t.job.StartTime, t.job.StepTime))
	if err == nil && allMissing {
		err = errOtherOrganisation
	}
	return err
}

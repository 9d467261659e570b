package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// reconcileMargin is how far before the job table's last change to look for
// encodings it does not know: clocks differ.
const reconcileMargin = 15 * time.Minute

// preparedEncodings are the encodings that a predecessor has configured and, as far
// as the job table knows, not started.
func (d *driver) preparedEncodings() map[string]job.ID {
	prepared := map[string]job.ID{}
	for id, e := range d.live {
		if e.job.Prepared() {
			prepared[e.job.EncodingID] = id
		}
	}
	return prepared
}

// reconcile brings the job table in line with what happened at the platform without
// its knowledge. After a crash that is little: encodings that were being created, and
// starts whose answer nobody heard. After a backup was restored it is all that went on
// since: jobs the table believes to be waiting have been started, and have perhaps
// finished. They are adopted, not paid again.
func (d *driver) reconcile(ctx context.Context, prepared map[string]job.ID) error {
	for encoding, id := range prepared {
		task, err := d.account.Client.Status(ctx, bitmovin.EncodingID(encoding))
		switch {
		case bitmovin.NotFound(err):
			continue // the start will find out
		case err != nil:
			return err
		}
		if err := d.adoptStarted(ctx, id, observation(encoding, task)); err != nil {
			return err
		}
	}
	last, err := d.store.LastChange(ctx, d.account.ID)
	if err != nil || last.IsZero() {
		return err
	}
	query := d.ours()
	query.CreatedAfter = last.Add(-reconcileMargin)
	var unknown []bitmovin.Encoding
	var ids []string
	for e, err := range d.account.Client.Encodings(ctx, query) {
		if err != nil {
			return err
		}
		unknown, ids = append(unknown, e), append(ids, string(e.ID))
	}
	known, err := d.store.EncodingJobs(ctx, d.account.ID, ids)
	if err != nil {
		return err
	}
	// A template's later attempts tell that the earlier ones have ended.
	slices.SortStableFunc(unknown, func(a, b bitmovin.Encoding) int {
		_, n := attemptOf(a.Name)
		_, m := attemptOf(b.Name)
		return cmp.Compare(n, m)
	})
	for _, e := range unknown {
		if _, ok := known[string(e.ID)]; ok {
			continue
		}
		if err := d.claim(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// claim decides about an encoding of ours that belongs to no job.
func (d *driver) claim(ctx context.Context, e bitmovin.Encoding) error {
	id, attempt, ok := jobOf(e.Name)
	if attempt > 0 {
		if claimed, err := d.claimTemplate(ctx, e, id, attempt); err != nil || claimed {
			return err
		}
	}
	if e.Status == bitmovin.StatusCreated {
		return d.orphan(ctx, string(e.ID))
	}
	if attempt > 0 {
		d.log.Warn("an encoding was started that its job does not know", "encoding", string(e.ID), "job", id.String(), "attempt", attempt)
		return nil
	}
	if !ok {
		d.log.Warn("an encoding with our label has a name that is not ours", "encoding", string(e.ID), "name", e.Name)
		return nil
	}
	task, err := d.account.Client.Status(ctx, e.ID)
	if err != nil {
		if bitmovin.NotFound(err) {
			return nil
		}
		return err
	}
	err = d.adoptStarted(ctx, id, observation(string(e.ID), task))
	if errors.Is(err, job.ErrNotFound) {
		d.log.Warn("an encoding was started for a job that the job table does not know", "encoding", string(e.ID), "job", id.String())
		return nil
	}
	return err
}

// adoptStarted has a waiting job go on with an encoding that was started without
// the job table knowing.
func (d *driver) adoptStarted(ctx context.Context, id job.ID, seen job.Observation) error {
	now := d.now()
	before, err := d.store.Job(ctx, id)
	if err != nil {
		return err
	}
	after, err := d.update(ctx, id, func(u *job.Update) error { return u.Adopt(seen, now) })
	if err == nil && before.State != after.State {
		d.log.Info("adopted an encoding", "job", id.String(), "encoding", seen.EncodingID, "status", string(seen.Status))
	}
	return err
}

// encodingName is how an encoding of ours is called: for people to recognise, and for us
// to find the job again. White space in a title becomes single blanks, so that nobody
// between here and there is tempted to tidy it up.
func encodingName(j *job.Job) string {
	return strings.TrimSpace(strings.Join(strings.Fields(j.Title()), " ") + " [" + j.ID.String() + "]")
}

// jobOf is the job that an encoding was named after and, for one made from a template,
// the attempt; 0 for any other.
func jobOf(name string) (id job.ID, attempt int, ok bool) {
	name, attempt = attemptOf(name)
	open := strings.LastIndexByte(name, '[')
	if open < 0 || !strings.HasSuffix(name, "]") {
		return job.ID{}, 0, false
	}
	id, err := job.ParseID(name[open+1 : len(name)-1])
	if err != nil {
		return job.ID{}, 0, false
	}
	return id, attempt, true
}

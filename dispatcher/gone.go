package dispatcher

import (
	"context"
	"errors"

	"github.com/stokerd/stoker/job"
)

// errOtherOrganisation is why a vanished encoding is not believed to have vanished.
var errOtherOrganisation = errors.New("the platform knows neither the encoding nor anything else that was created for it: " +
	"does the API key belong to another organisation?")

// vanished decides about an encoding that the platform says does not exist: nil if it
// can be believed. A new encoding would be paid for, so that a single answer does not do
// (it may come from a replica that does not know it yet), nor do many, as long as
// everything else of ours is missing as well: then the key is another organisation's,
// and the encoding goes on in the one it was started in.
func (d *driver) vanished(ctx context.Context, e entry) (certain bool, err error) {
	if e.goneSince.IsZero() || d.now().Sub(e.goneSince) < d.settle {
		return false, nil
	}
	if err := d.sameOrganisation(ctx, e.batch); err != nil {
		return false, err
	}
	return true, nil
}

// sameOrganisation is an error if the platform knows nothing of what the jobs of a batch
// share there, although some of it was created once. Nothing can be said of a batch that
// shares nothing.
func (d *driver) sameOrganisation(ctx context.Context, b *batch) error {
	remembered := 0
	for _, want := range d.sharedBy(b) {
		id, err := d.store.Resource(ctx, d.account.ID, want.kind, want.hash)
		if errors.Is(err, job.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		remembered++
		if exists, err := want.exists(ctx, id); err != nil || exists {
			return err
		}
	}
	if remembered > 0 {
		return errOtherOrganisation
	}
	return nil
}

// sharedBy describes everything that the jobs of a batch share at the platform, as far
// as the configuration still knows it.
func (d *driver) sharedBy(b *batch) []resource {
	var all []resource
	for kind, ref := range map[string]job.StorageRef{kindInput: b.Input, kindOutput: b.Output} {
		if s, ok := d.storages[kind][ref.Name]; ok {
			if r, err := d.resource.storage(kind, ref.Name, s); err == nil {
				all = append(all, r)
			}
		}
	}
	if b.Recipe == nil {
		return all
	}
	for _, v := range b.Recipe.Videos {
		if r, err := d.resource.config(videoConfig(v)); err == nil {
			all = append(all, r)
		}
	}
	for _, a := range b.Recipe.Audios {
		if r, err := d.resource.config(audioConfig(a)); err == nil {
			all = append(all, r)
		}
	}
	return all
}

package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// Shared holds the platform's ids of the resources that the jobs of a batch share.
type Shared struct {
	input                 bitmovin.InputID
	output                bitmovin.OutputID
	inputBase, outputBase string // base paths of the storages
	videos, audios        []bitmovin.ConfigID
	deinterlace           bitmovin.FilterID // empty: none
	used                  []usedResource
}

// SharedError is an error with a resource that all jobs of a batch share. It is not the fault of
// the job for which the resource was used.
type SharedError struct{ Err error }

func (e SharedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e SharedError) Unwrap() error { return e.Err }

// EnsureShared finds or creates the resources that the jobs of a batch with a recipe share: its
// storages, codec configurations and filter. It checks that the platform may write to the output,
// of which outputPath is the directory of one job; see [PermissionError]. The error is a [SharedError], except if the platform
// answers to a codec configuration or filter with an error: that is the recipe's fault.
func (p *Provisioner) EnsureShared(ctx context.Context, b *job.Batch, outputPath string) (Shared, error) {
	var s Shared
	if err := p.ensureInput(ctx, &s, b.Input); err != nil {
		return s, err
	}
	if err := p.ensureOutput(ctx, &s, b.Output); err != nil {
		return s, err
	}
	if err := p.checkOutput(ctx, b, s, outputPath); err != nil {
		return s, err
	}
	for _, v := range b.Recipe.Videos {
		id, err := p.ensureConfiguration(ctx, &s, VideoConfiguration(v))
		if err != nil {
			return s, err
		}
		s.videos = append(s.videos, id)
	}
	for _, a := range b.Recipe.Audios {
		id, err := p.ensureConfiguration(ctx, &s, AudioConfiguration(a))
		if err != nil {
			return s, err
		}
		s.audios = append(s.audios, id)
	}
	if d := b.Recipe.Deinterlace; d != nil {
		r, err := deinterlaceResource(p.platform, *d)
		id, err := p.ensureRecipePart(ctx, &s, "deinterlacing filter", r, err)
		if err != nil {
			return s, err
		}
		s.deinterlace = bitmovin.FilterID(id)
	}
	return s, nil
}

// EnsureStorages finds or creates those storages of a batch to which its template refers, and checks
// that the platform may write to the output as [Provisioner.EnsureShared] does. The error is a
// [SharedError].
func (p *Provisioner) EnsureStorages(ctx context.Context, b *job.Batch, t *template.Template, outputPath string) (s Shared, err error) {
	if t.Uses("input_id") {
		if err = p.ensureInput(ctx, &s, b.Input); err != nil {
			return s, err
		}
	}
	if t.Uses("output_id") {
		if err = p.ensureOutput(ctx, &s, b.Output); err == nil {
			err = p.checkOutput(ctx, b, s, outputPath)
		}
	}
	return s, err
}

// Verify asks the platform for each shared resource again, after it has refused a call that uses
// them, and reports whether all of them exist; an error counts as missing. A missing resource is
// created anew when it is needed next.
func (p *Provisioner) Verify(ctx context.Context, s Shared) bool {
	return p.resources.verify(ctx, s.used)
}

func (p *Provisioner) ensureInput(ctx context.Context, s *Shared, ref job.StorageRef) error {
	id, base, err := p.ensureStorage(ctx, s, kindInput, ref)
	s.input, s.inputBase = bitmovin.InputID(id), base
	return err
}

func (p *Provisioner) ensureOutput(ctx context.Context, s *Shared, ref job.StorageRef) error {
	id, base, err := p.ensureStorage(ctx, s, kindOutput, ref)
	s.output, s.outputBase = bitmovin.OutputID(id), base
	return err
}

// ensureStorage returns the id and the base path of a batch's input or output. A reference
// by id is taken as it is.
func (p *Provisioner) ensureStorage(ctx context.Context, s *Shared, kind resourceKind, ref job.StorageRef) (id, base string, err error) {
	if ref.ID != "" {
		return ref.ID, "", nil
	}
	storage, ok := p.storage(kind, ref.Name)
	if !ok {
		return "", "", SharedError{fmt.Errorf("storage %q is no longer in the server's configuration", ref.Name)}
	}
	if !p.mayUse(storage.Accounts) { // since the submission, the configuration has been changed
		return "", "", SharedError{fmt.Errorf("storage %q is no longer for account %q in the server's configuration", ref.Name, p.accountID)}
	}
	r, err := p.resources.storage(kind, ref.Name, storage.Storage)
	if err == nil {
		id, err = p.resources.ensure(ctx, r)
	}
	if err != nil {
		return "", "", SharedError{fmt.Errorf("storage %q: %w", ref.Name, err)}
	}
	s.used = append(s.used, usedResource{r, id})
	return id, storage.BasePath, nil
}

func (p *Provisioner) ensureConfiguration(ctx context.Context, s *Shared, c bitmovin.Configuration) (bitmovin.ConfigID, error) {
	r, err := configurationResource(p.platform, c)
	id, err := p.ensureRecipePart(ctx, s, fmt.Sprintf("codec configuration %q", c.Name), r, err)
	return bitmovin.ConfigID(id), err
}

// ensureRecipePart returns the id of a resource that the recipe describes. err is why it could not be
// described. what names it in errors.
func (p *Provisioner) ensureRecipePart(ctx context.Context, s *Shared, what string, r resource, err error) (string, error) {
	if err != nil {
		return "", SharedError{err}
	}
	id, err := p.resources.ensure(ctx, r)
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
		if _, answered := errors.AsType[*bitmovin.APIError](err); !answered {
			err = SharedError{err}
		}
		return "", err
	}
	s.used = append(s.used, usedResource{r, id})
	return id, nil
}

// AllMissing reports whether the platform has lost the shared resources of a batch: the store
// remembers some, and the platform has none of those that were saved up to the given time. Then
// the API key probably belongs to another organisation than it did. A resource that was saved
// later is not asked for: it may be the other organisation's. If all were saved later, AllMissing
// reports true as well.
func (p *Provisioner) AllMissing(ctx context.Context, b *job.Batch, before time.Time) (bool, error) {
	remembered := false
	for _, r := range p.sharedResources(b) {
		id, saved, err := p.store.Resource(ctx, p.accountID, string(r.kind), r.hash)
		if errors.Is(err, job.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		remembered = true
		if saved.After(before) {
			continue
		}
		if exists, err := r.exists(ctx, id); err != nil || exists {
			return false, err
		}
	}
	return remembered, nil
}

// sharedResources describes the resources that the jobs of a batch share, without storages that
// are no longer in the server's configuration.
func (p *Provisioner) sharedResources(b *job.Batch) (all []resource) {
	add := func(r resource, err error) {
		if err == nil {
			all = append(all, r)
		}
	}
	for _, storage := range []struct {
		kind resourceKind
		ref  job.StorageRef
	}{{kindInput, b.Input}, {kindOutput, b.Output}} {
		if s, ok := p.storage(storage.kind, storage.ref.Name); ok {
			add(p.resources.storage(storage.kind, storage.ref.Name, s.Storage))
		}
	}
	if b.Recipe == nil {
		return all
	}
	for _, v := range b.Recipe.Videos {
		add(configurationResource(p.platform, VideoConfiguration(v)))
	}
	for _, a := range b.Recipe.Audios {
		add(configurationResource(p.platform, AudioConfiguration(a)))
	}
	if d := b.Recipe.Deinterlace; d != nil {
		add(deinterlaceResource(p.platform, *d))
	}
	return all
}

package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// label marks everything at the platform that belongs to this service's job table.
func label(instance string) string { return "stoker-" + instance }

// sharedError is trouble with something that all jobs of a batch use. It is not
// the job's fault.
type sharedError struct{ error }

func (e sharedError) Unwrap() error { return e.error }

// prepare configures an encoding for a waiting job, so that a free place in the
// queue costs one call.
func (d *driver) prepare(ctx context.Context, e entry) outcome {
	if ctx.Err() != nil {
		return outcome{}
	}
	shared, err := d.share(ctx, e.batch)
	if err != nil {
		return d.unshared(ctx, e, err)
	}
	j, storeErr := d.update(ctx, e.job.ID, func(u *job.Update) error { return u.BeginCreate(d.now()) })
	if storeErr != nil {
		return outcome{store: storeErr}
	}
	e.job = j
	encoding, manifests, err := d.configure(ctx, e, shared)
	defer d.making.Delete(encoding) // once it is recorded
	now := d.now()
	switch {
	case err == nil:
		j, storeErr = d.update(ctx, j.ID, func(u *job.Update) error {
			return u.Configured(encoding, manifests, now)
		})
	case d.blames(ctx, e, shared, err), e.exhausted(err):
		f, rules := failureOf(job.FailedConfigure, err, now), e.batch.rules(0)
		j, storeErr = d.update(ctx, j.ID, func(u *job.Update) error {
			return u.ConfigureRefused(encoding, f, rules, now)
		})
		if e.exhausted(err) {
			err = vanishes(err) // the others of the batch will not fare better
		}
	default:
		j, storeErr = d.update(ctx, j.ID, func(u *job.Update) error {
			return u.CreateAbandoned(encoding, now)
		})
		if e.answered(err) {
			err = vanishes(err)
		}
	}
	return prepared(e, j, storeErr, err)
}

// vanishes is that something was refused because what the batch's jobs share is not there.
func vanishes(err error) error { return sharedError{fmt.Errorf("%w: %w", errVanishes, err)} }

// exhausted reports whether a refusal counts as the job's failure although something that
// its batch shares has vanished: that has happened again and again, however often it was
// made anew.
func (e *entry) exhausted(err error) bool {
	return e.setbacks >= tolerated && e.answered(err) && !bitmovin.Unauthorized(err)
}

// unshared handles that something that all jobs of a batch use cannot be had. A part
// of the recipe that the platform refuses is the job's trouble, any other is not.
func (d *driver) unshared(ctx context.Context, e entry, err error) outcome {
	if _, common := errors.AsType[sharedError](err); common || !e.answered(err) {
		return prepared(e, job.Job{}, nil, err)
	}
	now := d.now()
	f, rules := failureOf(job.FailedConfigure, err, now), e.batch.rules(0)
	j, storeErr := d.update(ctx, e.job.ID, func(u *job.Update) error { return u.ConfigureRefused("", f, rules, now) })
	return prepared(e, j, storeErr, err)
}

// answered reports whether err is the platform's word on what was asked of it, rather
// than trouble on the way there or with the account.
func (e *entry) answered(err error) bool {
	if bitmovin.Unauthorized(err) {
		return e.forbidden >= patience
	}
	return !bitmovin.Outage(err)
}

// prepared sorts out whose trouble err is.
func prepared(e entry, j job.Job, storeErr, err error) outcome {
	o := outcome{job: j, store: storeErr, called: true, platform: err}
	if shared, ok := errors.AsType[sharedError](err); ok && e.answered(err) {
		o.foreign, o.platform = shared, nil
	}
	return o
}

// blames reports whether a refused configuration is the job's fault: not if the
// platform is out of order, and not if something that all jobs share has vanished there.
func (d *driver) blames(ctx context.Context, e entry, shared sharedIDs, err error) bool {
	if !e.answered(err) {
		return false
	}
	return bitmovin.Unauthorized(err) || d.resource.allExist(ctx, shared)
}

// configure creates an encoding with its streams, muxings and manifests, in the
// order of the recipe. On an error it returns the encoding as far as it got.
func (d *driver) configure(ctx context.Context, e entry, shared sharedIDs) (string, []job.ManifestRef, error) {
	r := e.batch.Recipe
	created, err := d.account.Client.CreateEncoding(ctx, bitmovin.Encoding{
		Name:           encodingName(&e.job),
		Labels:         []string{"stoker", label(d.store.InstanceID())},
		CloudRegion:    r.RegionOf(e.job.FallbackRegionIndex),
		EncoderVersion: r.EncoderVersion,
	})
	if err != nil {
		return "", nil, err
	}
	id := string(created.ID)
	if err := d.unclaimed(ctx, id); err != nil {
		return "", nil, err
	}
	c := configuring{client: d.account.Client, encoding: created.ID, recipe: r, job: e.job, shared: shared}
	if err := c.renditions(ctx); err != nil {
		return id, nil, err
	}
	manifests, err := c.manifests(ctx)
	return id, manifests, err
}

// unclaimed is an error if an encoding that is said to have been created just now has been
// there before, for another job. It notes that the encoding is being configured.
func (d *driver) unclaimed(ctx context.Context, id string) error {
	if _, making := d.making.LoadOrStore(id, true); making {
		return fmt.Errorf("create encoding %s: %w", id, errOtherObject)
	}
	if d.another(ctx, id) {
		d.making.Delete(id)
		return fmt.Errorf("create encoding %s: %w", id, errOtherObject)
	}
	return nil
}

// configuring adds the parts of one encoding.
type configuring struct {
	client   *bitmovin.Client
	encoding bitmovin.EncodingID
	recipe   *job.Recipe
	job      job.Job
	shared   sharedIDs
}

// renditions creates a stream for each rendition and packages it at once.
func (c configuring) renditions(ctx context.Context) error {
	var videos, audios []bitmovin.StreamID
	for i, v := range c.recipe.Videos {
		id, err := c.rendition(ctx, c.shared.videos[i], v.Directory())
		if err != nil {
			return err
		}
		videos = append(videos, id)
	}
	for i, a := range c.recipe.Audios {
		id, err := c.rendition(ctx, c.shared.audios[i], a.Directory())
		if err != nil {
			return err
		}
		audios = append(audios, id)
	}
	return c.files(ctx, videos, audios)
}

// rendition creates a stream and its segmented muxings.
func (c configuring) rendition(ctx context.Context, config bitmovin.ConfigID, directory string) (bitmovin.StreamID, error) {
	stream, err := patiently(ctx, func() (bitmovin.Stream, error) {
		return c.client.CreateStream(ctx, c.encoding, bitmovin.Stream{
			CodecConfigID: config,
			InputStreams: []bitmovin.InputStream{{
				InputID:       c.shared.input,
				InputPath:     job.InputPath(c.shared.inputBase, c.job.InputPath),
				SelectionMode: bitmovin.SelectAuto,
			}},
		})
	})
	if err != nil {
		return "", err
	}
	for _, m := range c.recipe.Muxings {
		if m.Container == job.MP4 {
			continue
		}
		length := m.SegmentLength
		if length == 0 {
			length = job.DefaultSegmentLength
		}
		err := c.muxing(ctx, bitmovin.Muxing{
			Type:          bitmovin.MuxingType(m.Container),
			SegmentLength: length,
			Streams:       []bitmovin.MuxingStream{{StreamID: stream.ID}},
			Outputs:       c.output(path.Join(m.Directory, directory)),
		})
		if err != nil {
			return "", err
		}
	}
	return stream.ID, nil
}

// files creates one MP4 for each video with all audios in it, or one for each
// audio if there is no video.
func (c configuring) files(ctx context.Context, videos, audios []bitmovin.StreamID) error {
	for _, m := range c.recipe.Muxings {
		if m.Container != job.MP4 {
			continue
		}
		for i, v := range c.recipe.Videos {
			streams := append([]bitmovin.StreamID{videos[i]}, audios...)
			if err := c.file(ctx, path.Join(m.Directory, v.Directory()), streams); err != nil {
				return err
			}
		}
		for i, a := range c.recipe.Audios {
			if len(videos) > 0 {
				break
			}
			if err := c.file(ctx, path.Join(m.Directory, a.Directory()), audios[i:i+1]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c configuring) file(ctx context.Context, directory string, streams []bitmovin.StreamID) error {
	m := bitmovin.Muxing{
		Type: bitmovin.MuxingMP4, Filename: job.MP4Name(directory), Outputs: c.output(directory),
	}
	for _, id := range streams {
		m.Streams = append(m.Streams, bitmovin.MuxingStream{StreamID: id})
	}
	return c.muxing(ctx, m)
}

func (c configuring) muxing(ctx context.Context, m bitmovin.Muxing) error {
	_, err := patiently(ctx, func() (bitmovin.Muxing, error) { return c.client.CreateMuxing(ctx, c.encoding, m) })
	return err
}

// patiently repeats a call that the platform throttled: it had no effect, and what is
// configured already would be thrown away otherwise. The governor waits in between.
func patiently[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for range 3 {
		if result, err := call(); !bitmovin.Throttled(err) || ctx.Err() != nil {
			return result, err
		}
	}
	return call()
}

// manifests creates the recipe's manifests. They are attached at the start.
func (c configuring) manifests(ctx context.Context) ([]job.ManifestRef, error) {
	var refs []job.ManifestRef
	for _, m := range c.recipe.Manifests {
		request := bitmovin.ManifestRequest{
			EncodingID: c.encoding, Outputs: c.output(""),
			Name: m.FileName(), ManifestName: m.FileName(),
		}
		create := c.client.CreateDashManifest
		if m.Format == job.HLS {
			create = c.client.CreateHLSManifest
		}
		id, err := patiently(ctx, func() (bitmovin.ManifestID, error) { return create(ctx, request) })
		if err != nil {
			return nil, err
		}
		refs = append(refs, job.ManifestRef{Format: m.Format, ID: string(id)})
	}
	return refs, nil
}

// output is where files below the job's output path go.
func (c configuring) output(directory string) []bitmovin.EncodingOutput {
	permission := bitmovin.PublicRead
	if c.recipe.Private {
		permission = bitmovin.Private
	}
	return []bitmovin.EncodingOutput{{
		OutputID:   c.shared.output,
		OutputPath: job.OutputPath(c.shared.outputBase, c.job.OutputPath, directory),
		ACL:        []bitmovin.ACLEntry{{Permission: permission}},
	}}
}

package provision

import (
	"cmp"
	"context"
	"path"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// CreateEncoding creates the encoding of a job, without streams, muxings and manifests. A call
// that is throttled is not repeated.
func (p *Provisioner) CreateEncoding(ctx context.Context, r *job.Recipe, j *job.Job) (bitmovin.EncodingID, error) {
	created, err := p.platform.CreateEncoding(ctx, bitmovin.Encoding{
		Name:           EncodingName(j),
		Labels:         p.labels(),
		CloudRegion:    r.RegionOf(j.FallbackRegionIndex),
		EncoderVersion: r.EncoderVersion,
	})
	return created.ID, err
}

// Configure adds streams, muxings and manifests to an encoding. What does not depend on each other
// is created side by side: the renditions, then the MP4 muxings, then the manifests. All calls have
// ended when Configure returns. After an error the encoding is incomplete, and cannot be used. The
// job must have the returned manifests before [StartRequest] is called.
func (p *Provisioner) Configure(ctx context.Context, encoding bitmovin.EncodingID, r *job.Recipe, j *job.Job, s Shared) ([]job.ManifestRef, error) {
	b := encodingBuilder{platform: p.platform, clock: p.clock, encoding: encoding, recipe: r, job: j, shared: s}
	if err := b.createRenditions(ctx); err != nil {
		return nil, err
	}
	return b.createManifests(ctx)
}

// encodingBuilder adds streams, muxings and manifests to one encoding.
type encodingBuilder struct {
	platform EncodingAPI
	clock    clock.Clock
	encoding bitmovin.EncodingID
	recipe   *job.Recipe
	job      *job.Job
	shared   Shared
}

// createRenditions creates a stream for each rendition, with its segmented muxings, and then the
// MP4 muxings.
func (b encodingBuilder) createRenditions(ctx context.Context) error {
	videos := make([]bitmovin.StreamID, len(b.recipe.Videos))
	audios := make([]bitmovin.StreamID, len(b.recipe.Audios))
	var calls []func() error
	add := func(id *bitmovin.StreamID, config bitmovin.ConfigID, directory string) {
		calls = append(calls, func() (err error) {
			*id, err = b.createRendition(ctx, config, directory)
			return err
		})
	}
	for i, v := range b.recipe.Videos {
		add(&videos[i], b.shared.videos[i], v.Directory())
	}
	for i, a := range b.recipe.Audios {
		add(&audios[i], b.shared.audios[i], a.Directory())
	}
	if err := b.together(ctx, calls); err != nil {
		return err
	}
	return b.together(ctx, b.mp4Calls(ctx, videos, audios))
}

// together makes calls side by side and waits for all of them. Of several errors it returns
// that of the first call.
func (b encodingBuilder) together(ctx context.Context, calls []func() error) error {
	errs := make([]error, len(calls))
	var ends []clock.Event
	for i, call := range calls[:max(len(calls)-1, 0)] {
		end := b.clock.NewEvent()
		ends = append(ends, end)
		b.clock.Go(func() {
			defer end.Set()
			errs[i] = call()
		})
	}
	if last := len(calls) - 1; last >= 0 {
		errs[last] = calls[last]()
	}
	for i, end := range ends {
		// The calls end soon after ctx. Nothing may be added to the encoding afterwards.
		if err := end.Wait(context.WithoutCancel(ctx)); err != nil {
			errs[i] = err
		}
	}
	return cmp.Or(errs...)
}

// createRendition creates a stream and its segmented muxings.
func (b encodingBuilder) createRendition(ctx context.Context, config bitmovin.ConfigID, directory string) (bitmovin.StreamID, error) {
	stream, err := retryThrottled(ctx, func() (bitmovin.Stream, error) {
		return b.platform.CreateStream(ctx, b.encoding, bitmovin.Stream{
			CodecConfigID: config,
			InputStreams: []bitmovin.InputStream{{
				InputID:       b.shared.input,
				InputPath:     job.InputPath(b.shared.inputBase, b.job.InputPath),
				SelectionMode: bitmovin.SelectAuto,
			}},
		})
	})
	if err != nil {
		return "", err
	}
	var calls []func() error
	for _, m := range b.recipe.Muxings {
		if m.Container == job.MP4 {
			continue
		}
		calls = append(calls, func() error {
			return b.createMuxing(ctx, bitmovin.Muxing{
				Type:          bitmovin.MuxingType(m.Container),
				SegmentLength: cmp.Or(m.SegmentLength, job.DefaultSegmentLength),
				Streams:       []bitmovin.MuxingStream{{StreamID: stream.ID}},
				Outputs:       b.outputs(path.Join(m.Directory, directory)),
			})
		})
	}
	return stream.ID, b.together(ctx, calls)
}

// mp4Calls are the calls that create an MP4 muxing for each video, with all audios in it; without
// any video, one for each audio.
func (b encodingBuilder) mp4Calls(ctx context.Context, videos, audios []bitmovin.StreamID) (calls []func() error) {
	for _, m := range b.recipe.Muxings {
		if m.Container != job.MP4 {
			continue
		}
		add := func(directory string, streams []bitmovin.StreamID) {
			calls = append(calls, func() error { return b.createFile(ctx, path.Join(m.Directory, directory), streams) })
		}
		for i, v := range b.recipe.Videos {
			add(v.Directory(), append([]bitmovin.StreamID{videos[i]}, audios...))
		}
		for i, a := range b.recipe.Audios {
			if len(videos) > 0 {
				break
			}
			add(a.Directory(), audios[i:i+1])
		}
	}
	return calls
}

func (b encodingBuilder) createFile(ctx context.Context, directory string, streams []bitmovin.StreamID) error {
	m := bitmovin.Muxing{
		Type: bitmovin.MuxingMP4, Filename: job.MP4Name(directory), Outputs: b.outputs(directory),
	}
	for _, id := range streams {
		m.Streams = append(m.Streams, bitmovin.MuxingStream{StreamID: id})
	}
	return b.createMuxing(ctx, m)
}

func (b encodingBuilder) createMuxing(ctx context.Context, m bitmovin.Muxing) error {
	_, err := retryThrottled(ctx, func() (bitmovin.Muxing, error) { return b.platform.CreateMuxing(ctx, b.encoding, m) })
	return err
}

// createManifests creates the recipe's manifests.
func (b encodingBuilder) createManifests(ctx context.Context) ([]job.ManifestRef, error) {
	if len(b.recipe.Manifests) == 0 {
		return nil, nil
	}
	refs := make([]job.ManifestRef, len(b.recipe.Manifests))
	var calls []func() error
	for i, m := range b.recipe.Manifests {
		request := bitmovin.ManifestRequest{
			EncodingID: b.encoding, Outputs: b.outputs(""),
			Name: m.FileName(), ManifestName: m.FileName(),
		}
		create := b.platform.CreateDashManifest
		if m.Format == job.HLS {
			create = b.platform.CreateHLSManifest
		}
		calls = append(calls, func() error {
			id, err := retryThrottled(ctx, func() (bitmovin.ManifestID, error) { return create(ctx, request) })
			refs[i] = job.ManifestRef{Format: m.Format, ID: string(id)}
			return err
		})
	}
	if err := b.together(ctx, calls); err != nil {
		return nil, err
	}
	return refs, nil
}

// outputs is where files go at the platform; directory is relative to the job's output path.
func (b encodingBuilder) outputs(directory string) []bitmovin.EncodingOutput {
	permission := bitmovin.PublicRead
	if b.recipe.Private {
		permission = bitmovin.Private
	}
	return []bitmovin.EncodingOutput{{
		OutputID:   b.shared.output,
		OutputPath: job.OutputPath(b.shared.outputBase, b.job.OutputPath, directory),
		ACL:        []bitmovin.ACLEntry{{Permission: permission}},
	}}
}

// throttledRetries is how often a throttled call is repeated before its error is returned.
const throttledRetries = 10

// retryThrottled repeats a call that the platform throttled: the call had no effect, and giving up
// would waste the parts that have been created already. The client's governor waits before each
// repeat.
func retryThrottled[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for range throttledRetries {
		if result, err := call(); !bitmovin.Throttled(err) || ctx.Err() != nil {
			return result, err
		}
	}
	return call()
}

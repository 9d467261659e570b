package provision

import (
	"cmp"
	"context"
	"path"
	"slices"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// CreateEncoding creates the encoding of a job, without streams, muxings and manifests. A call
// that is throttled is not repeated. The permit is checked just before the call leaves.
func (p *Provisioner) CreateEncoding(ctx context.Context, r *job.Recipe, j *job.Job, permit bitmovin.Permit) (bitmovin.EncodingID, error) {
	created, err := p.platform.CreateEncoding(ctx, bitmovin.Encoding{
		Name:           EncodingName(j),
		Labels:         p.labels(),
		CloudRegion:    r.RegionOf(j.FallbackRegionIndex),
		EncoderVersion: r.EncoderVersion,
	}, permit)
	return created.ID, err
}

// Configure adds streams, muxings and manifests to an encoding. What does not depend on each other
// is created side by side: the renditions after the first one, then the MP4 muxings, then the
// manifests. All calls have ended when Configure returns. After an error the encoding is incomplete,
// and cannot be used. The job must have the returned manifests before [StartRequest] is called.
func (p *Provisioner) Configure(ctx context.Context, encoding bitmovin.EncodingID, r *job.Recipe, j *job.Job, s Shared) ([]job.ManifestRef, error) {
	b := encodingBuilder{platform: p.platform, clock: p.clock, encoding: encoding, recipe: r, job: j, shared: s}
	made, err := b.createRenditions(ctx)
	if err != nil {
		return nil, err
	}
	if r.HasLabels() {
		return b.createCustomManifests(ctx, made)
	}
	return b.createManifests(ctx)
}

// encodingBuilder adds streams, muxings and manifests to one encoding.
type encodingBuilder struct {
	platform interface {
		EncodingAPI
		ManifestAPI
	}
	clock    clock.Clock
	encoding bitmovin.EncodingID
	recipe   *job.Recipe
	job      *job.Job
	shared   Shared
}

// rendition is a stream with its segmented muxings.
type rendition struct {
	stream  bitmovin.StreamID
	muxings []bitmovin.MuxingID // by their numbers in the recipe; empty for an MP4 muxing
}

// renditions are those of an encoding, in the order of its recipe.
type renditions struct{ videos, audios []rendition }

// createRenditions creates a stream for each rendition, with its segmented muxings, and then the
// MP4 muxings. The first rendition goes ahead of the others: where the platform refuses all of
// them, as for an account without quota, that costs one call and not one for each.
func (b encodingBuilder) createRenditions(ctx context.Context) (renditions, error) {
	made := renditions{make([]rendition, len(b.recipe.Videos)), make([]rendition, len(b.recipe.Audios))}
	var calls []func() error
	add := func(made *rendition, stream bitmovin.Stream, directory string) {
		calls = append(calls, func() (err error) {
			*made, err = b.createRendition(ctx, stream, directory)
			return err
		})
	}
	for i, v := range b.recipe.Videos {
		add(&made.videos[i], b.videoStream(b.shared.videos[i], v), v.Directory())
	}
	for i, a := range b.recipe.Audios {
		add(&made.audios[i], b.audioStream(b.shared.audios[i], a), a.Directory())
	}
	first := min(len(calls), 1)
	for _, side := range [][]func() error{calls[:first], calls[first:]} {
		if err := b.together(ctx, side); err != nil {
			return made, err
		}
	}
	videos, audios := streamsOf(made.videos), streamsOf(made.audios)
	return made, b.together(ctx, slices.Concat(b.mp4Calls(ctx, videos, audios), b.videoExtraCalls(ctx, videos)))
}

func streamsOf(made []rendition) (ids []bitmovin.StreamID) {
	for _, r := range made {
		ids = append(ids, r.stream)
	}
	return ids
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
func (b encodingBuilder) createRendition(ctx context.Context, wanted bitmovin.Stream, directory string) (rendition, error) {
	stream, err := retryThrottled(ctx, func() (bitmovin.Stream, error) {
		return b.platform.CreateStream(ctx, b.encoding, wanted)
	})
	made := rendition{stream.ID, make([]bitmovin.MuxingID, len(b.recipe.Muxings))}
	if err != nil {
		return made, err
	}
	var calls []func() error
	for i, m := range b.recipe.Muxings {
		if !m.IsSegmented() {
			continue
		}
		calls = append(calls, func() (err error) {
			made.muxings[i], err = b.createMuxing(ctx, bitmovin.Muxing{
				Type:                 bitmovin.MuxingType(m.Container),
				SegmentLength:        cmp.Or(m.SegmentLength, job.DefaultSegmentLength),
				Streams:              []bitmovin.MuxingStream{{StreamID: stream.ID}},
				Outputs:              b.outputs(path.Join(m.Directory, directory)),
				StreamConditionsMode: conditionsMode(wanted.Conditions != nil, bitmovin.DropMuxing),
			})
			return err
		})
	}
	return made, b.together(ctx, calls)
}

// mp4Calls are the calls that create an MP4 muxing for each video, with all audios in it; without
// any video, one for each audio. Of a fragmented MP4 they create one for each rendition.
func (b encodingBuilder) mp4Calls(ctx context.Context, videos, audios []bitmovin.StreamID) (calls []func() error) {
	for _, m := range b.recipe.Muxings {
		if m.IsSegmented() {
			continue
		}
		add := func(directory string, streams []bitmovin.StreamID, conditions string) {
			calls = append(calls, func() error { return b.createFile(ctx, m, directory, streams, conditions) })
		}
		shared := !m.IsFragmented() // all audios are in the file of each video
		for i, v := range b.recipe.Videos {
			if shared {
				add(v.Directory(), append([]bitmovin.StreamID{videos[i]}, audios...), conditionsMode(b.anyOptional(), bitmovin.DropStream))
			} else {
				add(v.Directory(), videos[i:i+1], "")
			}
		}
		for i, a := range b.recipe.Audios {
			if shared && len(videos) > 0 {
				break
			}
			add(a.Directory(), audios[i:i+1], conditionsMode(a.Optional, bitmovin.DropMuxing))
		}
	}
	return calls
}

// conditionsMode is the mode of a muxing whose streams may be left out; empty without such a stream.
func conditionsMode(optional bool, mode string) string {
	if optional {
		return mode
	}
	return ""
}

// anyOptional reports whether any audio may be left out.
func (b encodingBuilder) anyOptional() bool {
	return slices.ContainsFunc(b.recipe.Audios, func(a job.Audio) bool { return a.Optional })
}

func (b encodingBuilder) createFile(ctx context.Context, m job.Muxing, rendition string, streams []bitmovin.StreamID, conditions string) error {
	directory := path.Join(m.Directory, rendition)
	file := bitmovin.Muxing{
		Type: bitmovin.MuxingMP4, Filename: job.MP4Name(directory), Outputs: b.outputs(directory),
		FragmentDuration: m.FragmentDuration, StreamConditionsMode: conditions,
	}
	for _, id := range streams {
		file.Streams = append(file.Streams, bitmovin.MuxingStream{StreamID: id})
	}
	_, err := b.createMuxing(ctx, file)
	return err
}

func (b encodingBuilder) createMuxing(ctx context.Context, m bitmovin.Muxing) (bitmovin.MuxingID, error) {
	created, err := retryThrottled(ctx, func() (bitmovin.Muxing, error) { return b.platform.CreateMuxing(ctx, b.encoding, m) })
	return created.ID, err
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
		if m.Format == job.DASH && b.onlyFragmented() {
			request.Profile = bitmovin.OnDemand
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

// onlyFragmented reports whether a manifest can refer to fragmented MP4 files alone.
func (b encodingBuilder) onlyFragmented() bool {
	return !slices.ContainsFunc(b.recipe.Muxings, func(m job.Muxing) bool { return !m.IsFragmented() })
}

// outputs is where files go at the platform; directory is relative to the job's output path.
func (b encodingBuilder) outputs(directory string) []bitmovin.EncodingOutput {
	output := bitmovin.EncodingOutput{
		OutputID:   b.shared.output,
		OutputPath: job.OutputPath(b.shared.outputBase, b.job.OutputPath, directory),
	}
	if acl := cmp.Or(b.recipe.ACL, job.PublicRead); acl != job.NoACL {
		output.ACL = []bitmovin.ACLEntry{{Permission: bitmovin.Permission(acl)}}
	}
	return []bitmovin.EncodingOutput{output}
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

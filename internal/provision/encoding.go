package provision

import (
	"context"
	"path"

	"github.com/stokerd/stoker/bitmovin"
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

// Configure adds streams, muxings and manifests to an encoding, in the order of the recipe. After
// an error the encoding is incomplete, and cannot be used. The job must have the returned
// manifests before [StartRequest] is called.
func (p *Provisioner) Configure(ctx context.Context, encoding bitmovin.EncodingID, r *job.Recipe, j *job.Job, s Shared) ([]job.ManifestRef, error) {
	b := encodingBuilder{platform: p.platform, encoding: encoding, recipe: r, job: j, shared: s}
	if err := b.createRenditions(ctx); err != nil {
		return nil, err
	}
	return b.createManifests(ctx)
}

// encodingBuilder adds streams, muxings and manifests to one encoding.
type encodingBuilder struct {
	platform EncodingAPI
	encoding bitmovin.EncodingID
	recipe   *job.Recipe
	job      *job.Job
	shared   Shared
}

// createRenditions creates a stream for each rendition, with its segmented muxings, and then the
// MP4 muxings.
func (b encodingBuilder) createRenditions(ctx context.Context) error {
	var videos, audios []bitmovin.StreamID
	for i, v := range b.recipe.Videos {
		id, err := b.createRendition(ctx, b.shared.videos[i], v.Directory())
		if err != nil {
			return err
		}
		videos = append(videos, id)
	}
	for i, a := range b.recipe.Audios {
		id, err := b.createRendition(ctx, b.shared.audios[i], a.Directory())
		if err != nil {
			return err
		}
		audios = append(audios, id)
	}
	return b.createFiles(ctx, videos, audios)
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
	for _, m := range b.recipe.Muxings {
		if m.Container == job.MP4 {
			continue
		}
		length := m.SegmentLength
		if length == 0 {
			length = job.DefaultSegmentLength
		}
		err := b.createMuxing(ctx, bitmovin.Muxing{
			Type:          bitmovin.MuxingType(m.Container),
			SegmentLength: length,
			Streams:       []bitmovin.MuxingStream{{StreamID: stream.ID}},
			Outputs:       b.outputs(path.Join(m.Directory, directory)),
		})
		if err != nil {
			return "", err
		}
	}
	return stream.ID, nil
}

// createFiles creates an MP4 muxing for each video, with all audios in it; without any video, one
// for each audio.
func (b encodingBuilder) createFiles(ctx context.Context, videos, audios []bitmovin.StreamID) error {
	for _, m := range b.recipe.Muxings {
		if m.Container != job.MP4 {
			continue
		}
		for i, v := range b.recipe.Videos {
			streams := append([]bitmovin.StreamID{videos[i]}, audios...)
			if err := b.createFile(ctx, path.Join(m.Directory, v.Directory()), streams); err != nil {
				return err
			}
		}
		for i, a := range b.recipe.Audios {
			if len(videos) > 0 {
				break
			}
			if err := b.createFile(ctx, path.Join(m.Directory, a.Directory()), audios[i:i+1]); err != nil {
				return err
			}
		}
	}
	return nil
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
	var refs []job.ManifestRef
	for _, m := range b.recipe.Manifests {
		request := bitmovin.ManifestRequest{
			EncodingID: b.encoding, Outputs: b.outputs(""),
			Name: m.FileName(), ManifestName: m.FileName(),
		}
		create := b.platform.CreateDashManifest
		if m.Format == job.HLS {
			create = b.platform.CreateHLSManifest
		}
		id, err := retryThrottled(ctx, func() (bitmovin.ManifestID, error) { return create(ctx, request) })
		if err != nil {
			return nil, err
		}
		refs = append(refs, job.ManifestRef{Format: m.Format, ID: string(id)})
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
const throttledRetries = 3

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

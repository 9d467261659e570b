package provision

import (
	"cmp"
	"context"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// stream reads the job's asset with a codec configuration.
func (b encodingBuilder) stream(config bitmovin.ConfigID) bitmovin.Stream {
	return bitmovin.Stream{
		CodecConfigID: config,
		InputStreams: []bitmovin.InputStream{{
			InputID:       b.shared.input,
			InputPath:     job.InputPath(b.shared.inputBase, b.job.InputPath),
			SelectionMode: bitmovin.SelectAuto,
		}},
	}
}

func (b encodingBuilder) videoStream(config bitmovin.ConfigID, v job.Video) bitmovin.Stream {
	s := b.stream(config)
	s.Mode = v.Mode
	return s
}

func (b encodingBuilder) audioStream(config bitmovin.ConfigID, a job.Audio) bitmovin.Stream {
	s := b.stream(config)
	if mode := bitmovin.SelectionMode(a.SelectionMode); mode != "" && mode != bitmovin.SelectAuto {
		s.InputStreams[0].SelectionMode, s.InputStreams[0].Position = mode, new(a.Position)
	}
	if a.Language != "" {
		s.Metadata = &bitmovin.StreamMetadata{Language: a.Language}
	}
	if a.Optional {
		s.Conditions = bitmovin.InputStreamExists()
	}
	return s
}

// videoExtraCalls are the calls that put the filter before each video and make pictures of the first.
func (b encodingBuilder) videoExtraCalls(ctx context.Context, videos []bitmovin.StreamID) (calls []func() error) {
	add := func(call func() error) {
		calls = append(calls, func() error { return b.addPart(ctx, call) })
	}
	if len(videos) == 0 {
		return nil
	}
	if b.shared.deinterlace != "" {
		for _, id := range videos {
			add(func() error {
				return b.platform.AddFilters(ctx, b.encoding, id, []bitmovin.StreamFilter{{ID: b.shared.deinterlace}})
			})
		}
	}
	for _, t := range b.recipe.Thumbnails {
		add(func() error {
			return b.platform.CreateThumbnail(ctx, b.encoding, videos[0], bitmovin.Thumbnail{
				Height: t.Height, Width: t.Width, Pattern: t.FileName(), Interval: t.Interval, Positions: t.Positions, Unit: t.Unit,
				AspectMode: t.AspectMode, Outputs: b.outputs(t.Folder()),
			})
		})
	}
	for _, s := range b.recipe.Sprites {
		add(func() error {
			return b.platform.CreateSprite(ctx, b.encoding, videos[0], bitmovin.Sprite{
				Height: s.Height, Width: s.Width, SpriteName: s.FileName(), VTTName: s.VTTFileName(),
				Distance: cmp.Or(s.Distance, job.DefaultSpriteDistance), Unit: cmp.Or(s.Unit, job.DefaultSpriteUnit),
				HTiles: s.HTiles, VTiles: s.VTiles, CreationMode: s.CreationMode, AspectMode: s.AspectMode, Outputs: b.outputs(s.Folder()),
			})
		})
	}
	return calls
}

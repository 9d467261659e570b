package server

import (
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// recipe converts a recipe of a request.
func recipe(r *stokerv1.Recipe) job.Recipe {
	return job.Recipe{
		Videos: mapSlice(r.GetVideos(), video),
		Audios: mapSlice(r.GetAudios(), audio),
		Muxings: mapSlice(r.GetMuxings(), func(m *stokerv1.Muxing) job.Muxing {
			return job.Muxing{
				Container:     enumName[job.Container](m.GetContainer(), "CONTAINER_"),
				SegmentLength: m.GetSegmentLength(), FragmentDuration: int(m.GetFragmentDuration()), Directory: m.GetDirectory(),
			}
		}),
		Manifests: mapSlice(r.GetManifests(), func(m *stokerv1.Manifest) job.Manifest {
			return job.Manifest{
				Format: enumName[job.ManifestFormat](m.GetFormat(), "MANIFEST_FORMAT_"),
				Name:   m.GetName(),
			}
		}),
		PerTitle: perTitle(r.GetPerTitle()), Deinterlace: deinterlace(r.GetDeinterlace()),
		Thumbnails: mapSlice(r.GetThumbnails(), thumbnail), Sprites: mapSlice(r.GetSprites(), sprite),
		ACL: enumName[job.ACL](r.GetAcl(), "ACL_"), AllowUnknown: r.GetAllowUnknown(),
		Region: r.GetRegion(), FallbackRegions: r.GetFallbackRegions(),
		EncoderVersion: r.GetEncoderVersion(), EncodingMode: r.GetEncodingMode(),
		PrewarmedPools: r.GetPrewarmedEncoderPoolIds(),
	}
}

func video(v *stokerv1.Video) job.Video {
	return job.Video{
		Name:   v.GetName(),
		Codec:  enumName[job.Codec](v.GetCodec(), "VIDEO_CODEC_"),
		Height: int(v.GetHeight()), Width: int(v.GetWidth()),
		Bitrate: v.GetBitrate(), CRF: v.GetCrf(), FrameRate: v.GetFrameRate(),
		Preset: v.GetPreset(), Profile: v.GetProfile(), Level: v.GetLevel(), Mode: v.GetMode(),
		DynamicRangeFormat: v.GetDynamicRangeFormat(), PixelFormat: v.GetPixelFormat(),
		MinGOP: int(v.GetMinGop()), MaxGOP: int(v.GetMaxGop()),
		MinKeyframeInterval: v.GetMinKeyframeInterval(), MaxKeyframeInterval: v.GetMaxKeyframeInterval(),
	}
}

func audio(a *stokerv1.Audio) job.Audio {
	return job.Audio{
		Name:    a.GetName(),
		Codec:   enumName[job.Codec](a.GetCodec(), "AUDIO_CODEC_"),
		Bitrate: a.GetBitrate(), SampleRate: int(a.GetSampleRate()), ChannelLayout: a.GetChannelLayout(),
		Language: a.GetLanguage(), Label: a.GetLabel(), SelectionMode: a.GetSelectionMode(), Position: int(a.GetPosition()), Optional: a.GetOptional(),
	}
}

func perTitle(p *stokerv1.PerTitle) *job.PerTitle {
	if p == nil {
		return nil
	}
	return &job.PerTitle{
		MinBitrate: p.GetMinBitrate(), MaxBitrate: p.GetMaxBitrate(),
		MinBitrateStepSize: p.GetMinBitrateStepSize(), MaxBitrateStepSize: p.GetMaxBitrateStepSize(),
		TargetQualityCRF: p.GetTargetQualityCrf(),
	}
}

func deinterlace(d *stokerv1.Deinterlace) *job.Deinterlace {
	if d == nil {
		return nil
	}
	return &job.Deinterlace{
		Parity: d.GetParity(), Mode: d.GetMode(), FrameSelectionMode: d.GetFrameSelectionMode(), AutoEnable: d.GetAutoEnable(),
	}
}

func thumbnail(t *stokerv1.Thumbnail) job.Thumbnail {
	return job.Thumbnail{
		Pattern: t.GetPattern(), Height: int(t.GetHeight()), Width: int(t.GetWidth()),
		Interval: t.GetInterval(), Positions: t.GetPositions(), Unit: t.GetUnit(),
		AspectMode: t.GetAspectMode(), Directory: t.GetDirectory(),
	}
}

func sprite(s *stokerv1.Sprite) job.Sprite {
	return job.Sprite{
		SpriteName: s.GetSpriteName(), VTTName: s.GetVttName(), Height: int(s.GetHeight()), Width: int(s.GetWidth()),
		Distance: s.GetDistance(), Unit: s.GetUnit(), HTiles: int(s.GetHTiles()), VTiles: int(s.GetVTiles()),
		CreationMode: s.GetCreationMode(), AspectMode: s.GetAspectMode(), Directory: s.GetDirectory(),
	}
}

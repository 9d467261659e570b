package provision

import (
	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// perTitle is the per-title part of a start: a configuration for each codec that has per-title
// videos. It is nil if no video is per title.
func perTitle(r *job.Recipe) *bitmovin.PerTitle {
	var p *bitmovin.PerTitle
	for _, v := range r.Videos {
		if !v.IsPerTitle() {
			continue
		}
		if p == nil {
			p = &bitmovin.PerTitle{}
		}
		of := map[job.Codec]**bitmovin.PerTitleConfiguration{job.H264: &p.H264, job.H265: &p.H265, job.VP9: &p.VP9, job.AV1: &p.AV1}[v.Codec]
		if of == nil {
			continue // an earlier version, with other codecs, has accepted the recipe
		}
		if *of == nil {
			*of = perTitleConfiguration(r.PerTitle, v.Codec)
		}
		if v.Mode == job.PerTitleTemplate {
			(*of).AutoRepresentations = &bitmovin.AutoRepresentations{}
		}
	}
	return p
}

// perTitleConfiguration is the configuration of one codec; nil bounds leave the platform's defaults.
func perTitleConfiguration(bounds *job.PerTitle, codec job.Codec) *bitmovin.PerTitleConfiguration {
	if bounds == nil {
		return &bitmovin.PerTitleConfiguration{}
	}
	c := &bitmovin.PerTitleConfiguration{
		MinBitrate: bounds.MinBitrate, MaxBitrate: bounds.MaxBitrate,
		MinBitrateStepSize: bounds.MinBitrateStepSize, MaxBitrateStepSize: bounds.MaxBitrateStepSize,
	}
	if codec != job.AV1 { // which has no constant rate factor
		c.TargetQualityCRF = bounds.TargetQualityCRF
	}
	return c
}

package capability

import (
	"fmt"
	"strings"

	"github.com/stokerd/stoker/job"
)

// CheckRecipe lists everything that is wrong with a recipe, in itself and for the platform, and what
// is unknown but allowed. Fields are named as in the API and in the configuration, below the given
// path.
func CheckRecipe(r job.Recipe, path string) (violations, warnings []job.Violation) {
	c := &checker{path: path, allowUnknown: r.AllowUnknown, violations: r.Validate(path)}
	for i, v := range r.Videos {
		c.checkVideo(fmt.Sprintf("videos[%d].", i), v)
	}
	for i, a := range r.Audios {
		c.checkAudio(fmt.Sprintf("audios[%d].", i), a)
	}
	c.checkLabels(r)
	c.checkImages(r)
	c.checkPackaging(r)
	c.checkACL(r.ACL)
	c.checkValue("encoding_mode", r.EncodingMode, encodingMode, "")
	c.checkRegion("region", r.Region)
	c.checkFallbackRegions(r.Region, r.FallbackRegions)
	return c.violations, c.warnings
}

// videoCodec has the enumerations of a codec's fields. The codec lacks the fields that are nil.
type videoCodec struct {
	profile, preset, level, dynamicRange *Enum
	gop                                  bool // the distance between keyframes can be set
}

var videoCodecs = map[job.Codec]videoCodec{
	job.H264: {profile: &profileH264, preset: &preset, level: &levelH264, dynamicRange: &dynamicRangeH264, gop: true},
	job.H265: {profile: &profileH265, preset: &preset, level: &levelH265, dynamicRange: &dynamicRangeH265, gop: true},
	job.VP9:  {preset: &preset, dynamicRange: &dynamicRangeVP9, gop: true},
	job.AV1:  {preset: &presetAV1},
}

func (c *checker) checkVideo(at string, v job.Video) {
	codec, known := videoCodecs[v.Codec]
	if !known {
		return
	}
	whose := string(v.Codec)
	c.checkField(at+"profile", v.Profile, codec.profile, whose)
	c.checkField(at+"preset", v.Preset, codec.preset, whose)
	c.checkField(at+"level", v.Level, codec.level, whose)
	c.checkField(at+"dynamic_range_format", v.DynamicRangeFormat, codec.dynamicRange, whose)
	c.checkValue(at+"pixel_format", v.PixelFormat, pixelFormat, "")
	c.checkValue(at+"mode", v.Mode, streamMode, "")
	if v.Mode == "PER_TITLE_RESULT" {
		c.add(at+"mode", "PER_TITLE_RESULT is the mode of what the platform makes; want PER_TITLE_TEMPLATE")
	}
	if !codec.gop && (v.MinGOP != 0 || v.MaxGOP != 0 || v.MinKeyframeInterval != 0 || v.MaxKeyframeInterval != 0) {
		c.add(at+"max_gop", "the platform does not let the distance between keyframes be set for %s; leave min_gop, max_gop and keyframe intervals out", whose)
	}
}

func (c *checker) checkAudio(at string, a job.Audio) {
	layouts := channelLayoutAAC
	if a.Codec == job.Opus {
		layouts = channelLayoutOpus
	}
	c.checkValue(at+"channel_layout", a.ChannelLayout, layouts, string(a.Codec))
	c.checkValue(at+"selection_mode", a.SelectionMode, selectionMode, "")
	if strings.HasPrefix(a.SelectionMode, "VIDEO_") || strings.HasPrefix(a.SelectionMode, "SUBTITLE_") {
		c.add(at+"selection_mode", "%s does not select audio; want AUDIO_RELATIVE", a.SelectionMode)
	}
}

// checkLabels warns of manifests that name renditions which an asset may lack.
func (c *checker) checkLabels(r job.Recipe) {
	for i, a := range r.Audios {
		if a.Optional && r.HasLabels() {
			c.warnings = append(c.warnings, job.Violation{
				Field:   c.join(fmt.Sprintf("audios[%d].optional", i)),
				Message: "a manifest with labels names this rendition also for an asset that lacks it; the platform does not document what it does then",
			})
		}
	}
}

func (c *checker) checkImages(r job.Recipe) {
	if d := r.Deinterlace; d != nil {
		c.checkValue("deinterlace.parity", d.Parity, parity, "")
		c.checkValue("deinterlace.mode", d.Mode, deinterlaceMode, "")
		c.checkValue("deinterlace.frame_selection_mode", d.FrameSelectionMode, frameSelectionMode, "")
		c.checkValue("deinterlace.auto_enable", d.AutoEnable, autoEnable, "")
	}
	for i, t := range r.Thumbnails {
		at := fmt.Sprintf("thumbnails[%d].", i)
		c.checkValue(at+"unit", t.Unit, thumbnailUnit, "")
		c.checkValue(at+"aspect_mode", t.AspectMode, aspectMode, "")
	}
	for i, s := range r.Sprites {
		at := fmt.Sprintf("sprites[%d].", i)
		c.checkValue(at+"unit", s.Unit, spriteUnit, "")
		c.checkValue(at+"aspect_mode", s.AspectMode, aspectMode, "")
		c.checkValue(at+"creation_mode", s.CreationMode, creationMode, "")
	}
}

// checkACL checks an access control list. NONE is Stoker's own value.
func (c *checker) checkACL(acl job.ACL) {
	if acl != job.NoACL {
		c.checkValue("acl", string(acl), Enum{what: aclPermission.what, Values: append(aclPermission.Values[:2:2], string(job.NoACL))}, "")
	}
}

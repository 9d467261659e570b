package job

import (
	"fmt"
	"path"
	"strings"
)

// validatePerTitle checks the bounds of per-title videos.
func (r Recipe) validatePerTitle(v *violationList) {
	perTitle := false
	for i, video := range r.Videos {
		perTitle = perTitle || video.IsPerTitle()
		field := fmt.Sprintf("videos[%d]", i)
		if video.Mode == PerTitleTemplateFixedResolution || video.Mode == PerTitleTemplateFixedResolutionAndBitrate {
			if video.Height == 0 && video.Width == 0 {
				v.addf(field+".height", "mode %s needs a height or a width", video.Mode)
			}
		}
		if video.Mode == PerTitleTemplateFixedResolutionAndBitrate && video.Bitrate == 0 {
			v.addf(field+".bitrate", "mode %s needs a bitrate", video.Mode)
		}
	}
	p := r.PerTitle
	switch {
	case p == nil:
		return
	case !perTitle:
		v.add("per_title", "no video has a per-title mode; give one the mode PER_TITLE_TEMPLATE")
	}
	if p.MinBitrate < 0 || p.MaxBitrate < 0 || p.MaxBitrate > 0 && p.MinBitrate > p.MaxBitrate {
		v.addf("per_title.max_bitrate", "want 0 or more bit/s, and min_bitrate (%d) not above max_bitrate (%d)", p.MinBitrate, p.MaxBitrate)
	}
	least, most := p.MinBitrateStepSize, p.MaxBitrateStepSize
	if least != 0 && least < 1 || most != 0 && (most < 1 || least > most) {
		v.addf("per_title.max_bitrate_step_size", "want ratios of at least 1, and min_bitrate_step_size (%g) not above max_bitrate_step_size (%g)", least, most)
	}
	if p.TargetQualityCRF < 0 || p.TargetQualityCRF > 63 {
		v.addf("per_title.target_quality_crf", "%g: want 0 to 63", p.TargetQualityCRF)
	}
}

// validateImages checks thumbnails and sprites. directories are those of the renditions.
func (r Recipe) validateImages(v *violationList, directories map[string]string) {
	if len(r.Videos) == 0 {
		if len(r.Thumbnails) > 0 {
			v.add("thumbnails", "are pictures of the first video; the recipe has none")
		}
		if len(r.Sprites) > 0 {
			v.add("sprites", "are pictures of the first video; the recipe has none")
		}
		if r.Deinterlace != nil {
			v.add("deinterlace", "is for videos; the recipe has none")
		}
	}
	for i, t := range r.Thumbnails {
		field := fmt.Sprintf("thumbnails[%d]", i)
		t.validate(v, field)
		v.claimDirectory(directories, t.Folder(), field)
	}
	for i, s := range r.Sprites {
		field := fmt.Sprintf("sprites[%d]", i)
		s.validate(v, field)
		v.claimDirectory(directories, s.Folder(), field)
	}
}

func (t Thumbnail) validate(v *violationList, field string) {
	v.checkImageSize(field, t.Height, t.Width)
	v.checkFileName(field+".pattern", t.FileName())
	v.checkDirectory(field+".directory", t.Directory)
	switch {
	case t.Interval == 0 && len(t.Positions) == 0:
		v.add(field+".interval", "give an interval in seconds, or positions")
	case t.Interval != 0 && len(t.Positions) > 0:
		v.add(field+".positions", "interval and positions exclude each other")
	case len(t.Positions) == 0 && t.Interval < 1:
		v.addf(field+".interval", "%g: want at least 1 second", t.Interval)
	case t.Unit != "" && len(t.Positions) == 0:
		v.add(field+".unit", "is that of positions; an interval is in seconds")
	}
	for i, at := range t.Positions {
		if at < 0 || t.Unit == "PERCENTS" && at > 100 {
			v.addf(fmt.Sprintf("%s.positions[%d]", field, i), "%g lies outside the asset", at)
		}
	}
	if !strings.Contains(t.FileName(), "%number%") {
		v.addf(field+".pattern", "%q: want %%number%% in it, so that no picture overwrites another", t.FileName())
	}
}

func (s Sprite) validate(v *violationList, field string) {
	v.checkImageSize(field, s.Height, s.Width)
	v.checkFileName(field+".sprite_name", s.FileName())
	v.checkFileName(field+".vtt_name", s.VTTFileName())
	v.checkDirectory(field+".directory", s.Directory)
	switch strings.ToLower(path.Ext(s.FileName())) {
	case ".jpg", ".jpeg", ".png":
	default:
		v.addf(field+".sprite_name", "%q: want a name that ends in .jpg, .jpeg or .png", s.FileName())
	}
	if path.Ext(s.VTTFileName()) != ".vtt" {
		v.addf(field+".vtt_name", "%q: want a name that ends in .vtt", s.VTTFileName())
	}
	if s.Distance < 0 || s.Unit == "PERCENTS" && s.Distance > 100 {
		v.addf(field+".distance", "%g: want more than 0", s.Distance)
	}
	if s.HTiles < 0 || s.VTiles < 0 || (s.HTiles == 0) != (s.VTiles == 0) {
		v.addf(field+".v_tiles", "want h_tiles (%d) and v_tiles (%d) both, or neither", s.HTiles, s.VTiles)
	}
	if s.HTiles > 0 && !strings.Contains(s.FileName(), "%number%") {
		v.addf(field+".sprite_name", "%q: want %%number%% in it, because tiles make several files", s.FileName())
	}
}

// checkImageSize checks that a picture has a height or a width.
func (v *violationList) checkImageSize(field string, height, width int) {
	switch {
	case height == 0 && width == 0:
		v.add(field+".height", "give a height or a width in pixels")
	case height < 0 || height > 8640 || width < 0 || width > 15360:
		v.addf(field+".height", "%d × %d: want at most 15360 × 8640 pixels", width, height)
	}
}

// checkFileName adds a violation if a file name is a path or has hidden characters.
func (v *violationList) checkFileName(field, name string) {
	if strings.ContainsAny(name, "/\\") {
		v.addf(field, "%q: want a file name without directories", name)
	}
	v.checkText(field, name)
}

package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Containers that hold some codecs only.
var (
	notInTS  = words("VP8 VP9 AV1 OPUS VORBIS") // in MPEG-2 transport streams
	onlyWebM = words("VP8 VP9 AV1 OPUS VORBIS") // all that WebM holds
)

// checkContainer refuses a stream whose codec does not fit into the container of the muxing.
func (c *checker) checkContainer(field string, stream *resource) {
	codec := c.codecOf(stream)
	if codec == "" {
		return
	}
	switch c.kind.path {
	case "ts", "progressive-ts":
		if slices.Contains(notInTS, codec) {
			c.addError(field, "names a stream with codec %s, which cannot be packaged in %s", codec, c.kind.typ)
		}
	case "webm", "progressive-webm":
		if !slices.Contains(onlyWebM, codec) {
			c.addError(field, "names a stream with codec %s, which cannot be packaged in %s", codec, c.kind.typ)
		}
	}
}

// codecOf is the codec of a stream; empty if its configuration has been deleted.
func (c *checker) codecOf(stream *resource) string {
	var fields struct {
		CodecConfigID string `json:"codecConfigId"`
	}
	decodeStored(stream.fields, &fields)
	if config := c.s.resources.byID[fields.CodecConfigID]; config != nil {
		return config.kind.typ
	}
	return ""
}

// checkPackaging refuses a start that would end without what it promises: a default manifest that can
// refer to none of the muxings, and a per-title stream without per-title configuration.
func checkPackaging(s *Simulator, streams, muxings []*resource, request startRequest) error {
	check := &checker{s: s}
	for _, list := range []struct {
		field string
		refs  []manifestRef
	}{
		{"vodDashManifests", request.DASH},
		{"vodHlsManifests", request.HLS},
		{"previewDashManifests", request.PreviewDASH},
		{"previewHlsManifests", request.PreviewHLS},
	} {
		for i, ref := range list.refs {
			if m := s.resources.byID[ref.ManifestID]; m != nil && m.isDefaultManifest() {
				check.checkManifestMuxings(fmt.Sprintf("%s[%d].manifestId", list.field, i), m, muxings)
			}
		}
	}
	for _, stream := range streams {
		check.checkPerTitle(stream, request.PerTitle)
	}
	return check.err()
}

// isDefaultManifest reports whether the platform chooses what is in a manifest.
func (r *resource) isDefaultManifest() bool { return strings.HasSuffix(r.kind.path, "/default") }

// checkManifestMuxings refuses a default manifest that can refer to none of the muxings.
func (c *checker) checkManifestMuxings(field string, manifest *resource, muxings []*resource) {
	for _, m := range muxings {
		if suits(manifest.kind.typ, m) {
			return
		}
	}
	c.addError(field, "names a %s manifest, and no muxing of the encoding suits one: MP4 needs fragmentDuration, and DASH takes no TS", manifest.kind.typ)
}

// suits reports whether a default manifest of a type can refer to a muxing.
func suits(manifest string, muxing *resource) bool {
	switch muxing.kind.path {
	case "fmp4", "cmaf":
		return true
	case "mp4":
		var fields struct {
			FragmentDuration float64 `json:"fragmentDuration"`
		}
		decodeStored(muxing.fields, &fields)
		return fields.FragmentDuration > 0
	case "ts", "progressive-ts":
		return manifest == "HLS"
	case "webm", "progressive-webm":
		return manifest == "DASH"
	}
	return true // what the simulator does not know it does not judge
}

// perTitleConfigurations are the fields of a start's perTitle.
var perTitleConfigurations = map[string]string{
	"H264": "h264Configuration", "H265": "h265Configuration", "VP9": "vp9Configuration", "AV1": "av1Configuration",
}

// checkPerTitle refuses a per-title stream whose codec has no configuration in the start.
func (c *checker) checkPerTitle(stream *resource, configured map[string]json.RawMessage) {
	var fields struct {
		Mode string `json:"mode"`
	}
	decodeStored(stream.fields, &fields)
	if !strings.HasPrefix(fields.Mode, "PER_TITLE_TEMPLATE") {
		return
	}
	if name := perTitleConfigurations[c.codecOf(stream)]; name != "" && configured[name] == nil {
		c.addError("perTitle."+name, "is required, because stream %s has mode %s", stream.id, fields.Mode)
	}
}

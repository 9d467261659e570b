package simulator

import "strings"

// A part is a resource below an encoding or a manifest other than a stream or a muxing: an input
// stream, a thumbnail, a DRM configuration, a period, a media playlist.

// partKind is a type of part.
type partKind struct {
	kind
	// pattern is the path at which parts of this kind are created, with {} for each id in it, such
	// as "/encoding/encodings/{}/input-streams/trimming/time-based".
	pattern string
	custom  bool // the API has a path for its customData
}

// partParameters are the names of the ids in a pattern, in order.
func partParameters() []string { return []string{"id", "child", "part", "below", "lowest"} }

// makePaths makes the path of the collection, which is the pattern with names for its ids, and the path
// of one part below it.
func (k *partKind) makePaths() (collection, one string) {
	collection, names := k.pattern, partParameters()
	for strings.Contains(collection, "{}") {
		collection = strings.Replace(collection, "{}", "{"+names[0]+"}", 1)
		names = names[1:]
	}
	return collection, collection + "/{" + names[0] + "}"
}

// partKinds lists the kinds of parts of encodings for video on demand and of manifests.
func partKinds() []*partKind {
	const enc, dash, hls, smooth = "/encoding/encodings/{}", "/encoding/manifests/dash/{}", "/encoding/manifests/hls/{}", "/encoding/manifests/smooth/{}"
	const set = dash + "/periods/{}/adaptationsets"
	segmented := []string{"encodingId", "muxingId", "type", "segmentPath"}
	whole := []string{"encodingId", "muxingId", "filePath"}
	protection := []string{"encodingId", "muxingId", "drmId"}
	media := []string{"groupId", "segmentPath", "encodingId", "streamId", "muxingId", "uri"}
	tag := []string{"positionMode", "data"}
	file := []string{"inputId", "inputPath"}
	picture := []string{"outputs"}
	keyed := []string{"outputs", "key", "kid"}

	var all []*partKind
	add := func(what, pattern string, custom bool, required ...string) {
		all = append(all, &partKind{
			kind:    kind{class: &class{what: what}, path: pattern, required: required, check: checkPart},
			pattern: pattern, custom: custom,
		})
	}
	add("input stream", enc+"/input-streams/ingest", false, file...)
	add("input stream", enc+"/input-streams/concatenation", false, "concatenation")
	add("input stream", enc+"/input-streams/trimming/time-based", false, "inputStreamId")
	add("input stream", enc+"/input-streams/trimming/timecode-track", false, "inputStreamId", "startTimeCode", "endTimeCode")
	add("input stream", enc+"/input-streams/trimming/h264-picture-timing", false, "inputStreamId")
	add("input stream", enc+"/input-streams/audio-mix", false, "audioMixChannels")
	add("input stream", enc+"/input-streams/file", false, "inputId", "inputPath", "fileType")
	add("input stream", enc+"/input-streams/captions/cea608", false, "inputId", "inputPath", "channel")
	add("input stream", enc+"/input-streams/captions/cea708", false, "inputId", "inputPath", "channel")
	add("input stream", enc+"/input-streams/subtitles/dvb-subtitle", false)
	add("input stream", enc+"/input-streams/dolby-atmos", false, "inputId", "inputPath", "inputFormat")
	add("input stream", enc+"/input-streams/dolby-vision", false, "inputId", "videoInputPath")
	add("input stream", enc+"/input-streams/sidecar/dolby-vision-metadata-ingest", false, file...)
	add("keyframe", enc+"/keyframes", false, "time")
	add("SCTE-35 trigger", enc+"/scte-35-triggers", false, "base64EncodedMetadata")
	add("caption", enc+"/captions/scc", true, "input", "outputs", "fileName", "outputFormat")
	add("sidecar", enc+"/sidecars", true, file...)
	add("sidecar", enc+"/sidecars/webvtt", false, file...)

	add("bifs", enc+"/streams/{}/bifs", true, "distance", "filename", "outputs")
	add("burn-in subtitle", enc+"/streams/{}/burn-in-subtitles/assa", false, "input", "characterEncoding")
	add("burn-in subtitle", enc+"/streams/{}/burn-in-subtitles/dvbsub", false, "inputStreamId")
	add("burn-in subtitle", enc+"/streams/{}/burn-in-subtitles/srt", false, "input", "characterEncoding")
	add("caption", enc+"/streams/{}/captions/608-708/scc", true, "input")
	add("caption", enc+"/streams/{}/captions/608-708/srt", true, "input", "ccChannel", "characterEncoding")
	add("Dolby Vision configuration", enc+"/streams/{}/hdr/dolby-vision", false, "metadataSource")
	add("sprite", enc+"/streams/{}/sprites", true, "spriteName")
	add("thumbnail", enc+"/streams/{}/thumbnails", true, "pattern", "outputs")
	add("watermark", enc+"/streams/{}/watermarking/nexguard-file-marker", true, "license")

	for _, container := range []string{"fmp4", "mp4", "ts", "progressive-ts", "webm", "progressive-webm", "packed-audio"} {
		for _, drm := range drmOf(container) {
			required := picture
			switch drm {
			case "clearkey", "marlin":
				required = keyed
			case "widevine", "primetime":
				required = append([]string{"pssh"}, keyed...)
			case "fairplay":
				required = []string{"outputs", "key", "iv"}
			case "cenc":
				required = []string{"outputs", "key", "encryptionMode"}
			case "aes":
				required = []string{"outputs", "key", "method"}
			case "speke":
				required = []string{"outputs", "provider", "systemIds"}
			}
			add("DRM configuration", enc+"/muxings/"+container+"/{}/drm/"+drm, true, required...)
		}
	}
	for _, id3 := range []string{"frame-id", "plain-text", "raw"} {
		add("ID3 tag", enc+"/muxings/progressive-ts/{}/id3/"+id3, true)
	}

	add("period", dash+"/periods", false)
	add("custom XML element", dash+"/periods/{}/custom-xml-elements", false, "data")
	add("adaptation set", set+"/audio", false, "lang")
	add("adaptation set", set+"/image", false)
	add("adaptation set", set+"/subtitle", false, "lang")
	add("adaptation set", set+"/video", false)
	add("content protection", set+"/{}/contentprotection", false, protection...)
	for _, container := range []string{"fmp4", "cmaf", "webm"} {
		add("representation", set+"/{}/representations/"+container, false, segmented...)
		add("content protection", set+"/{}/representations/"+container+"/{}/contentprotection", false, protection...)
	}
	add("representation", set+"/{}/representations/chunked-text", false, segmented...)
	add("representation", set+"/{}/representations/fmp4/drm", false, append([]string{"drmId"}, segmented...)...)
	add("content protection", set+"/{}/representations/fmp4/drm/{}/contentprotection", false, protection...)
	add("representation", set+"/{}/representations/mp4", false, whole...)
	add("representation", set+"/{}/representations/mp4/drm", false, append([]string{"drmId"}, whole...)...)
	add("representation", set+"/{}/representations/progressive-webm", false, whole...)
	add("representation", set+"/{}/representations/vtt", false, "vttUrl")
	add("representation", set+"/{}/representations/imsc", false, "imscUrl")
	add("representation", set+"/{}/representations/sprite", false, "encodingId", "streamId", "spriteId", "segmentPath")

	add("variant stream", hls+"/streams", false, "encodingId", "streamId", "muxingId", "segmentPath", "uri")
	add("custom tag", hls+"/streams/{}/custom-tags", false, tag...)
	add("I-frame playlist", hls+"/streams/{}/iframe", false, "filename")
	add("media", hls+"/media/video", false, media...)
	add("media", hls+"/media/audio", false, media...)
	add("media", hls+"/media/subtitles", false, media...)
	add("media", hls+"/media/vtt", false, "groupId", "vttUrl", "uri")
	add("media", hls+"/media/closed-captions", false, "groupId", "instreamId")
	add("custom tag", hls+"/media/{}/custom-tags", false, tag...)

	add("representation", smooth+"/representations/mp4", false, "encodingId", "muxingId", "mediaFile")
	add("content protection", smooth+"/contentprotection", false, protection...)
	return all
}

// drmOf lists the DRM configurations that a muxing can have.
func drmOf(container string) []string {
	switch container {
	case "fmp4":
		return []string{"aes", "cenc", "clearkey", "fairplay", "marlin", "playready", "primetime", "speke", "widevine"}
	case "mp4":
		return []string{"cenc", "clearkey", "marlin", "playready", "speke", "widevine"}
	case "webm", "progressive-webm":
		return []string{"cenc", "speke"}
	case "packed-audio":
		return []string{"aes"}
	}
	return []string{"aes", "fairplay", "speke"}
}

package simulator

import "strings"

// The kinds in this file are those that a batch of Stoker's own recipes does not need, and an
// encoding template or another client may. Their fields are checked less strictly: whether the
// required ones are there, and whether ids name something.

// moreStorages lists storages besides the usual ones.
func moreStorages(of *class) []*kind {
	required := map[string][]string{
		"local": {"path"}, "ftp": {"host"}, "sftp": {"host"}, "aspera": {"host"}, "akamai-netstorage": {"host", "username", "password"},
		"zixi": nil, "srt": {"mode", "port"}, "hls": nil, "akamai-msl": {"eventName", "streamId", "streamFormat", "mslVersion"},
		"live-media-ingest": {"publishingPoint"},
	}
	names := []string{"local", "ftp", "sftp", "aspera", "akamai-netstorage", "zixi", "srt", "hls"}
	if of.what == "output" {
		names = []string{"local", "ftp", "sftp", "akamai-netstorage", "akamai-msl", "live-media-ingest"}
	}
	var kinds []*kind
	for _, name := range names {
		kinds = append(kinds, &kind{
			class: of, path: of.base + "/" + name, typ: strings.ToUpper(strings.ReplaceAll(name, "-", "_")),
			template: camel(name), required: required[name], check: checkStorage, noCustom: name == "hls",
		})
	}
	return kinds
}

// moreCodecs lists codec configurations besides the usual ones.
func moreCodecs(of *class) []*kind {
	plain := func(*checker) {}
	var kinds []*kind
	for _, codec := range []struct {
		path, typ string
		check     func(*checker)
		required  []string
	}{
		{"video/h262", "H262", checkVideo(51), nil},
		{"video/vp8", "VP8", checkVideo(63), nil},
		{"video/mjpeg", "MJPEG", plain, []string{"qScale", "rate"}},
		{"audio/ac3", "AC3", checkAudio, nil},
		{"audio/eac3", "EAC3", checkAudio, nil},
		{"audio/mp2", "MP2", checkAudio, nil},
		{"audio/mp3", "MP3", checkAudio, nil},
		{"audio/vorbis", "VORBIS", checkAudio, nil},
		{"audio/dolby-digital", "DD", checkAudio, []string{"loudnessControl"}},
		{"audio/dolby-digital-plus", "DDPLUS", checkAudio, []string{"loudnessControl"}},
		{"audio/dolby-atmos", "DOLBY_ATMOS", checkAudio, []string{"loudnessControl"}},
		{"audio/dts", "DTS", checkAudio, nil},
		{"audio/dtsx", "DTSX", plain, []string{"bitrate", "channelLayout"}},
		{"audio/pcm", "PCM", plain, nil},
		{"audio/passthrough", "AUDIO_PASSTHROUGH", plain, nil},
		{"audio/dts-passthrough", "DTS_PASSTHROUGH", plain, nil},
		{"subtitles/webvtt", "WEBVTT", plain, nil},
		{"subtitles/imsc", "IMSC", plain, nil},
		{"subtitles/dvb-subtitle", "DVB_SUBTITLE", plain, nil},
	} {
		kinds = append(kinds, &kind{
			class: of, path: of.base + "/" + codec.path, typ: codec.typ,
			template: camelPath(codec.path), required: codec.required, check: codec.check, noCustom: codec.path == "audio/passthrough",
		})
	}
	return kinds
}

// filterKinds lists the filters.
func filterKinds(of *class) []*kind {
	var kinds []*kind
	for _, f := range []struct {
		name     string
		required []string
	}{
		{"audio-mix", []string{"channelLayout", "audioMixChannels"}},
		{"audio-volume", []string{"volume", "unit"}},
		{"azure-speech-to-captions", nil},
		{"conform", nil},
		{"crop", nil},
		{"deinterlace", nil},
		{"denoise-hqdn3d", nil},
		{"ebu-r128-single-pass", nil},
		{"enhanced-deinterlace", nil},
		{"enhanced-watermark", []string{"image"}},
		{"interlace", nil},
		{"rotate", nil},
		{"scale", nil},
		{"text", nil},
		{"unsharp", nil},
		{"watermark", []string{"image"}},
	} {
		kinds = append(kinds, &kind{
			class: of, path: of.base + "/" + f.name, typ: strings.ToUpper(strings.ReplaceAll(f.name, "-", "_")),
			template: camel(f.name), required: f.required, check: (*checker).checkEnums,
		})
	}
	return kinds
}

// customManifests lists the manifests whose contents the client names.
func customManifests(of *class) []*kind {
	var kinds []*kind
	for _, m := range []struct{ name, typ string }{{"dash", "DASH"}, {"hls", "HLS"}, {"smooth", "SMOOTH_STREAMING"}} {
		kinds = append(kinds, &kind{
			class: of, path: of.base + "/" + m.name, typ: m.typ, template: m.name,
			required: []string{"outputs"}, check: checkManifest,
		})
	}
	return append(kinds, &kind{
		class: of, path: of.base + "/smooth/default", typ: "SMOOTH_STREAMING", template: "smooth/defaultapi",
		required: []string{"outputs", "encodingId"}, check: checkManifest,
	})
}

// moreMuxings lists muxings besides the usual ones.
func moreMuxings(of *class) []*kind {
	segmented, whole := []string{"streams", "segmentLength"}, []string{"streams", "filename"}
	var kinds []*kind
	for _, m := range []struct {
		path     string
		required []string
	}{
		{"broadcast-ts", whole},
		{"chunked-text", segmented},
		{"mp3", whole},
		{"mxf", whole},
		{"packed-audio", segmented},
		{"progressive-mov", whole},
		{"progressive-wav", whole},
		{"segmented-raw", []string{"streams", "segmentLength", "segmentNaming"}},
		{"text", whole},
	} {
		kinds = append(kinds, &kind{
			class: of, path: m.path, typ: strings.ToUpper(strings.ReplaceAll(m.path, "-", "_")),
			template: camel(m.path), required: m.required, check: checkMuxing,
		})
	}
	return kinds
}

// camelPath turns each name in a path into the name in templates.
func camelPath(path string) string {
	names := strings.Split(path, "/")
	for i, name := range names {
		names[i] = camel(name)
	}
	return strings.Join(names, "/")
}

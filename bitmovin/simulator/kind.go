package simulator

import (
	"slices"
	"strings"
)

// class is a group of kinds, such as all inputs, with an endpoint that lists all of them.
type class struct {
	base  string // "/encoding/inputs"
	group string
	what  string // name of one resource in error messages, such as "input"
}

// kind is a type of resource, such as an S3 output or an H264 configuration.
type kind struct {
	class    *class
	path     string   // "/encoding/inputs/http"; of a muxing only the last segment
	typ      string   // "HTTP"
	template string   // path below its section of a template, such as "http" or "video/h264"
	required []string // fields
	// named is true if the API requires a name. A template may leave the name out.
	named bool
	check func(*checker)
	// noCustom is true if the API has no path for the customData of this kind.
	noCustom bool
}

// catalog holds every kind that the simulator knows. It never changes. Kinds and classes are
// compared by their addresses.
type catalog struct {
	inputs, outputs, configurations, filters, manifests *class

	kinds   []*kind // of these classes
	muxings []*kind
	stream  *kind
	parts   []*partKind
}

func newCatalog() *catalog {
	c := &catalog{
		inputs:         &class{"/encoding/inputs", groupInputs, "input"},
		outputs:        &class{"/encoding/outputs", groupOutputs, "output"},
		configurations: &class{"/encoding/configurations", groupConfigurations, "codec configuration"},
		filters:        &class{"/encoding/filters", groupOther, "filter"},
		manifests:      &class{"/encoding/manifests", groupManifests, "manifest"},
		stream:         &kind{class: &class{what: "stream"}, path: "streams", check: checkStream},
	}
	c.kinds = append(c.kinds, storages(c.inputs)...)
	c.kinds = append(c.kinds, storages(c.outputs)...)
	c.kinds = append(c.kinds, codecs(c.configurations)...)
	c.kinds = slices.Concat(c.kinds, moreStorages(c.inputs), moreStorages(c.outputs), moreCodecs(c.configurations), filterKinds(c.filters))
	c.kinds = append(c.kinds,
		&kind{
			class: c.manifests, path: c.manifests.base + "/dash/default", typ: "DASH", template: "dash/defaultapi",
			required: []string{"outputs", "encodingId"}, check: checkManifest,
		},
		&kind{
			class: c.manifests, path: c.manifests.base + "/hls/default", typ: "HLS", template: "hls/defaultapi",
			required: []string{"outputs", "encodingId"}, check: checkManifest,
		})
	c.kinds = append(c.kinds, customManifests(c.manifests)...)
	c.parts = partKinds()
	muxing := &class{what: "muxing"}
	for _, m := range []struct {
		path     string
		required []string
	}{
		{"fmp4", []string{"streams", "segmentLength"}},
		{"cmaf", []string{"streams", "segmentLength"}},
		{"webm", []string{"streams", "segmentLength"}},
		{"ts", []string{"streams"}},
		{"mp4", []string{"streams"}},
		{"progressive-ts", []string{"streams"}},
		{"progressive-webm", []string{"streams"}},
	} {
		c.muxings = append(c.muxings, &kind{
			class: muxing, path: m.path, typ: strings.ToUpper(strings.ReplaceAll(m.path, "-", "_")),
			template: camel(m.path), required: m.required, check: checkMuxing,
		})
	}
	c.muxings = append(c.muxings, moreMuxings(muxing)...)
	return c
}

// storages returns the kinds of inputs or outputs.
func storages(of *class) []*kind {
	var kinds []*kind
	for _, s := range []struct {
		name     string
		required []string
	}{
		{"http", []string{"host"}},
		{"https", []string{"host"}},
		{"s3", []string{"bucketName", "accessKey", "secretKey"}},
		{"s3-role-based", []string{"bucketName", "roleArn"}},
		{"gcs", []string{"bucketName", "accessKey", "secretKey"}},
		{"gcs-service-account", []string{"bucketName", "serviceAccountCredentials"}},
		{"azure", []string{"accountName", "container"}},
		{"generic-s3", []string{"bucketName", "host", "accessKey", "secretKey"}},
	} {
		if of.what == "output" && strings.HasPrefix(s.name, "http") {
			continue // nothing can be written to a web server
		}
		kinds = append(kinds, &kind{
			class: of, path: of.base + "/" + s.name,
			typ:      strings.ToUpper(strings.ReplaceAll(s.name, "-", "_")),
			template: camel(s.name), required: s.required, check: checkStorage,
		})
	}
	return kinds
}

// codecs returns the kinds of codec configurations.
func codecs(of *class) []*kind {
	var kinds []*kind
	for _, codec := range []struct {
		path, typ string
		check     func(*checker)
	}{
		{"video/h264", "H264", checkVideo(51)},
		{"video/h265", "H265", checkVideo(51)},
		{"video/vp9", "VP9", checkVideo(63)},
		{"video/av1", "AV1", checkAV1},
		{"audio/aac", "AAC", checkAudio},
		{"audio/he-aac-v1", "HE_AAC_V1", checkAudio},
		{"audio/he-aac-v2", "HE_AAC_V2", checkAudio},
		{"audio/opus", "OPUS", checkAudio},
	} {
		kinds = append(kinds, &kind{
			class: of, path: of.base + "/" + codec.path, typ: codec.typ,
			template: camel(codec.path), named: true, check: codec.check,
		})
	}
	return kinds
}

// camel turns a name in paths into the name in templates: s3-role-based into s3RoleBased.
func camel(name string) string {
	parts := strings.Split(name, "-")
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
	}
	return strings.Join(parts, "")
}

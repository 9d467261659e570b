package template

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/stokerd/stoker/job"
)

// titles are codecs and muxings as people spell them, by their keys. Others are spelled as their keys.
var titles = map[string]string{
	"h262": "H.262", "h264": "H.264", "h265": "H.265", "vp8": "VP8", "vp9": "VP9", "av1": "AV1", "mjpeg": "MJPEG",
	"aac": "AAC", "heAacV1": "HE-AAC", "heAacV2": "HE-AAC", "mp2": "MP2", "mp3": "MP3", "opus": "Opus", "vorbis": "Vorbis",
	"ac3": "AC-3", "eac3": "E-AC-3", "dts": "DTS", "dolbyAtmos": "Dolby Atmos", "dolbyDigital": "Dolby Digital", "dolbyDigitalPlus": "Dolby Digital Plus",
	"fmp4": "fMP4", "cmaf": "CMAF", "ts": "TS", "mp4": "MP4", "webm": "WebM", "progressiveWebm": "WebM",
	"progressiveTs": "TS", "broadcastTs": "TS", "progressiveMov": "MOV", "packedAudio": "packed audio", "text": "text", "chunkedText": "text",
}

func titleOf(key string) string {
	if title, ok := titles[key]; ok {
		return title
	}
	return key
}

// Summarize returns what the template encodes to. Values that jobs define are unknown to it.
func (t *Template) Summarize() job.Summary {
	var s job.Summary
	perTitle := t.perTitleConfigurations()
	configurations := mappingAt(t.doc, "configurations")
	for codec, list := range namedBelow(mappingAt(configurations, "video")) {
		for _, configuration := range list {
			s.Videos = append(s.Videos, job.VideoSummary{
				Codec: titleOf(codec), Height: numberAt(configuration.properties, "height"),
				PerTitle: slices.Contains(perTitle, "$/configurations/video/"+codec+"/"+configuration.name),
			})
		}
	}
	for codec := range namedBelow(mappingAt(configurations, "audio")) {
		s.Audios = append(s.Audios, titleOf(codec))
	}
	for kind := range namedBelow(mappingAt(t.encodingMapping(), "muxings")) {
		s.Containers = append(s.Containers, titleOf(kind))
	}
	for _, format := range mappingAt(t.doc, "manifests") {
		s.Manifests = append(s.Manifests, strings.ToUpper(fmt.Sprint(format.Key)))
	}
	slices.Sort(s.Manifests)
	return s
}

// Region is the cloud region of the encoding, as the template has it; empty if it has none, or a variable.
func (t *Template) Region() string {
	region, _ := childOf(mappingAt(t.encodingMapping(), "properties"), "cloudRegion").(string)
	if strings.Contains(region, "${") {
		return ""
	}
	return region
}

// Declarations returns the variables that jobs define, by name, as the template declares or uses them.
func (t *Template) Declarations() map[string]job.TemplateVariable {
	all := map[string]job.TemplateVariable{}
	for _, v := range t.used {
		if !v.ofJob() {
			continue
		}
		declared, ok := t.declared[v.name]
		if !ok {
			declared = job.TemplateVariable{Type: job.TextVariable, Required: true}
		}
		switch v.kind { // a stricter use decides
		case numberKind:
			declared.Type = job.NumberVariable
		case boolKind:
			declared.Type = job.BoolVariable
		}
		if earlier, seen := all[v.name]; seen && earlier.Type != job.TextVariable {
			continue
		}
		if !declared.Required && declared.Default == nil {
			declared.Default = new("")
		}
		all[v.name] = declared
	}
	return all
}

// encodingMapping is the one encoding of the template.
func (t *Template) encodingMapping() yaml.MapSlice {
	return mappingAt(mappingAt(t.doc, "encodings"), t.encoding)
}

// perTitleConfigurations lists references to the configurations of streams in a per-title mode.
func (t *Template) perTitleConfigurations() (references []string) {
	for _, stream := range mappingAt(t.encodingMapping(), "streams") {
		m, _ := stream.Value.(yaml.MapSlice)
		properties := mappingAt(m, "properties")
		mode, _ := childOf(properties, "mode").(string)
		if configuration, ok := childOf(properties, "codecConfigId").(string); ok && strings.HasPrefix(mode, job.PerTitleTemplate) {
			references = append(references, configuration)
		}
	}
	return references
}

// named is a thing with a free name.
type named struct {
	name       string
	properties yaml.MapSlice
}

// namedBelow goes through the kinds in a mapping of kinds, in its order, with the things of each.
func namedBelow(kinds yaml.MapSlice) func(yield func(kind string, list []named) bool) {
	return func(yield func(string, []named) bool) {
		for _, kind := range kinds {
			things, _ := kind.Value.(yaml.MapSlice)
			var list []named
			for _, thing := range things {
				m, _ := thing.Value.(yaml.MapSlice)
				list = append(list, named{fmt.Sprint(thing.Key), mappingAt(m, "properties")})
			}
			if len(list) > 0 && !yield(fmt.Sprint(kind.Key), list) {
				return
			}
		}
	}
}

// mappingAt returns the mapping below a key; nil if there is none.
func mappingAt(m yaml.MapSlice, key string) yaml.MapSlice {
	below, _ := childOf(m, key).(yaml.MapSlice)
	return below
}

// numberAt returns the whole number below a key; 0 if there is none.
func numberAt(m yaml.MapSlice, key string) int {
	n, err := strconv.Atoi(fmt.Sprint(childOf(m, key)))
	if err != nil {
		return 0
	}
	return n
}

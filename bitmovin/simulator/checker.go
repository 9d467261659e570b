package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// checker checks the fields of one object. It collects all errors, which become the details
// of one answer.
type checker struct {
	s      *Simulator
	enc    *encoding // to which the stream or muxing belongs
	kind   *kind
	fields map[string]json.RawMessage
	code   int
	errors []detail
}

func (c *checker) addError(field, format string, args ...any) {
	c.errors = append(c.errors, detail{Field: field, Text: field + " " + fmt.Sprintf(format, args...)})
}

// addMissingReference adds the error of a field that names something missing.
func (c *checker) addMissingReference(field, what, id string) {
	c.addError(field, "names %s %q, which does not exist", what, id)
	c.code = CodeReference
}

// err returns all errors as one, or nil.
func (c *checker) err() error {
	if len(c.errors) == 0 {
		return nil
	}
	code := c.code
	if code == 0 {
		code = CodeInvalid
	}
	return &apiError{status: http.StatusBadRequest, code: code, message: c.errors[0].Text, details: c.errors}
}

// has reports whether a field has a value, neither null nor empty.
func (c *checker) has(field string) bool {
	switch string(bytes.TrimSpace(c.fields[field])) {
	case "", "null", `""`, "[]", "{}":
		return false
	}
	return true
}

func (c *checker) require(fields ...string) {
	for _, field := range fields {
		if !c.has(field) {
			c.addError(field, "is required")
		}
	}
}

// read decodes a field, if it is there, and adds an error if it has the wrong type. It
// reports whether there is a value, neither null nor empty.
func (c *checker) read(field string, into any) bool {
	raw, ok := c.fields[field]
	if !ok {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		c.addError(field, "has the wrong type")
		return false
	}
	return c.has(field)
}

func (c *checker) within(field string, low, high float64) {
	var n float64
	if c.read(field, &n) && (n < low || n > high) {
		c.addError(field, "must be between %v and %v", low, high)
	}
}

func (c *checker) oneOf(field string, allowed ...string) {
	var text string
	if c.read(field, &text) && !slices.Contains(allowed, text) {
		c.addError(field, "must be one of %v", allowed)
	}
}

func (c *checker) texts(fields ...string) {
	for _, field := range fields {
		var text string
		c.read(field, &text)
	}
}

// checkCommon checks the fields that every resource may have.
func (c *checker) checkCommon() {
	c.texts("name", "description")
	var custom map[string]json.RawMessage
	c.read("customData", &custom)
	var typ string
	if c.read("type", &typ) && c.kind.typ != "" && typ != c.kind.typ {
		c.addError("type", "must be %s here", c.kind.typ)
	}
	c.require(c.kind.required...)
}

func checkStorage(c *checker) {
	c.texts("host", "bucketName", "accessKey", "secretKey", "roleArn", "accountName", "container", "username", "password")
	c.within("port", 1, 65535)
	c.checkEnums()
	if c.kind.class == c.s.known.inputs {
		c.checkInputFields()
	}
	if c.kind.typ == "AZURE" {
		c.checkAzure()
	}
}

func checkVideo(maxCRF float64) func(*checker) {
	return func(c *checker) {
		c.within("bitrate", 1, 1e10)
		c.within("crf", 0, maxCRF)
		c.within("width", 1, 16384)
		c.within("height", 1, 16384)
		c.checkEnums()
		if c.has("bitrate") && c.has("crf") {
			c.addError("crf", "and bitrate exclude each other")
		}
	}
}

// checkAV1 refuses crf: the SDKs of the platform have no such field for AV1.
func checkAV1(c *checker) {
	checkVideo(63)(c)
	if c.has("crf") {
		c.addError("crf", "is not possible with AV1; set bitrate")
	}
}

func checkAudio(c *checker) {
	c.require("bitrate")
	c.within("bitrate", 1, 1e7)
	c.within("rate", 1, 1e6)
	c.checkEnums()
}

func checkStream(c *checker) {
	c.require("inputStreams", "codecConfigId")
	var inputs []InputStream
	c.read("inputStreams", &inputs)
	for i, in := range inputs {
		c.checkInputStream(fmt.Sprintf("inputStreams[%d].", i), in)
	}
	var configID string
	if c.read("codecConfigId", &configID) {
		config := c.findResource(c.s.known.configurations, "codecConfigId", configID)
		c.checkRateControl(config)
	}
	c.checkEnum("mode", streamModes)
	c.checkOutputs()
}

func (c *checker) checkInputStream(at string, in InputStream) {
	if in.InputStreamID != "" {
		if !c.isPart(c.enc, in.InputStreamID, "/input-streams/") {
			c.addMissingReference(at+"inputStreamId", "input stream", in.InputStreamID)
		}
		return
	}
	if in.InputPath == "" {
		c.addError(at+"inputPath", "is required")
	}
	if in.InputID == "" {
		c.addError(at+"inputId", "is required")
		return
	}
	c.findResource(c.s.known.inputs, at+"inputId", in.InputID)
	modes := []string{"", "AUTO", "POSITION_ABSOLUTE", "VIDEO_RELATIVE", "AUDIO_RELATIVE", "SUBTITLE_RELATIVE"}
	switch {
	case !slices.Contains(modes, in.SelectionMode):
		c.addError(at+"selectionMode", "must be one of %v", modes[1:])
	case in.Position != nil && (in.SelectionMode == "" || in.SelectionMode == "AUTO"):
		c.addError(at+"position", "is not possible with selectionMode AUTO")
	}
}

// checkRateControl refuses a configuration without bitrate and crf unless the stream has a
// per-title mode, which chooses the bitrate.
func (c *checker) checkRateControl(config *resource) {
	if config == nil {
		return
	}
	var fields map[string]json.RawMessage
	decodeStored(config.fields, &fields)
	var mode string
	c.read("mode", &mode)
	if fields["bitrate"] == nil && fields["crf"] == nil && (mode == "" || mode == "STANDARD") {
		c.addError("codecConfigId", "names a configuration with neither bitrate nor crf, which needs a per-title mode")
	}
}

// findResource returns the resource that a field names. If there is none it adds an error
// and returns nil. It returns nil for a foreign resource too.
func (c *checker) findResource(of *class, field, id string) *resource {
	if !c.s.exists(of, id) {
		c.addMissingReference(field, of.what, id)
		return nil
	}
	return c.s.resources.byID[id]
}

func (c *checker) checkOutputs() {
	var outputs []Output
	c.read("outputs", &outputs)
	for i, out := range outputs {
		at := fmt.Sprintf("outputs[%d].", i)
		if out.OutputPath == "" {
			c.addError(at+"outputPath", "is required")
		}
		if out.OutputID == "" {
			c.addError(at+"outputId", "is required")
		} else {
			c.findResource(c.s.known.outputs, at+"outputId", out.OutputID)
		}
		for j, entry := range out.ACL {
			if entry.Permission != "PUBLIC_READ" && entry.Permission != "PRIVATE" {
				c.addError(fmt.Sprintf("%sacl[%d].permission", at, j), "must be PUBLIC_READ or PRIVATE")
			}
		}
	}
}

func checkMuxing(c *checker) {
	var refs []StreamRef
	c.read("streams", &refs)
	for i, ref := range refs {
		field := fmt.Sprintf("streams[%d].streamId", i)
		if stream := findChild(c.enc.streams, ref.StreamID); stream != nil {
			c.checkContainer(field, stream)
		} else {
			c.addMissingReference(field, "stream", ref.StreamID)
		}
	}
	if c.kind.path == "fmp4" && len(refs) > 1 {
		c.addError("streams", "must be exactly one for fMP4")
	}
	if c.kind.path == "mp4" && !c.has("filename") && !c.has("name") {
		c.addError("filename", "is required")
	}
	c.texts("filename")
	c.within("segmentLength", 0.1, 1e4)
	c.checkOutputs()
}

func checkManifest(c *checker) {
	var id string
	if c.read("encodingId", &id) {
		if c.s.encodings.find(id) == nil {
			c.addMissingReference("encodingId", "encoding", id)
		}
	}
	c.texts("manifestName")
	c.oneOf("version", "V1", "V2")
	c.checkOutputs()
}

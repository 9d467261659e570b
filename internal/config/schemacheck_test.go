package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/stokerd/stoker/internal/config"
)

// mustCompile makes a checker of the published schema.
func mustCompile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(config.SchemaFile))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("stoker.schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("stoker.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asEditorsDo checks a file as an editor does.
func asEditorsDo(t *testing.T, s *jsonschema.Schema, file string) error {
	t.Helper()
	var document any
	if err := yaml.Unmarshal([]byte(file), &document); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

// TestSchemaTakesTheExample checks the example with the schema, as it is and with every line turned on.
func TestSchemaTakesTheExample(t *testing.T) {
	s := mustCompile(t)
	for name, file := range map[string]string{"as it is": config.ExampleFile, "every line": config.Uncommented(config.ExampleFile)} {
		if err := asEditorsDo(t, s, file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaAndLoader hold schema and loader to the same answers, for what a schema can say.
func TestSchemaAndLoader(t *testing.T) {
	s := mustCompile(t)
	for file, right := range map[string]bool{
		"auth: required":                                true,
		"auth: {mode: required}":                        true,
		"auth: maybe":                                   false,
		"queue_target: auto":                            true,
		"queue_target: 1000":                            true,
		"queue_target: 1001":                            false,
		"queue_target: many":                            false,
		"queue_traget: 3":                               false,
		"max_retries: -1":                               false,
		"audit_retention: 0":                            true,
		"audit_retention: 90d":                          false,
		"log_level: loud":                               false,
		"tls: {min_version: 1.2}":                       true,
		"tls: {min_version: \"1.4\"}":                   false,
		"tls: {certfile: a}":                            false,
		"db_must_exist: maybe":                          false,
		"listen: [a]":                                   false,
		"limits: {watches: 0}":                          false,
		"limits: {watches: 1}":                          true,
		"limits: {calls: 1}":                            false,
		"limits: 5":                                     false,
		"accounts: [{queue_target: 3}]":                 false,
		"accounts: [{id: a, api_key: x}]":               false,
		"accounts: [{id: default, queue_target: 2000}]": false,
		"storages: [{name: a, type: HTTPS, host: h}]":   true,
		"storages: [{name: a, type: FTP, host: h}]":     false,
		"storages: [{name: a, type: HTTPS, host: h, use: read}]":                                                                                        false,
		"storages: [{name: a, type: HTTPS, hostname: h}]":                                                                                               false,
		"storages: [{type: HTTPS, host: h}]":                                                                                                            false,
		"profiles: {a: {videos: [{codec: H264, height: 360, bitrate: 500000}], muxings: [{container: FMP4}]}}":                                          true,
		"profiles: {a: {videos: [{codec: H264, level: 5.1, height: 360, bitrate: 500000}], muxings: [{container: FMP4}]}}":                              true,
		"profiles: {a: {videos: [{codec: XVID, height: 360, bitrate: 500000}], muxings: [{container: FMP4}]}}":                                          false,
		"profiles: {a: {videos: [{codec: H264, heigth: 360, bitrate: 500000}], muxings: [{container: FMP4}]}}":                                          false,
		"profiles: {a: {videos: [{codec: H264, height: 360, bitrate: 800k}], muxings: [{container: FMP4}]}}":                                            false,
		"profiles: {a: {videos: [{codec: H264, height: 360, bitrate: 500000}], muxings: {container: FMP4}}}":                                            false,
		"profiles: {a: {allow_unknown: true, region: AWS_MARS_1, videos: [{codec: H264, height: 360, bitrate: 500000}], muxings: [{container: FMP4}]}}": true,
		"secrets: {a: {file: f, path: g}}":                                                                                                              false,
		"templates: {a: {fiel: f}}":                                                                                                                     false,
	} {
		err := asEditorsDo(t, s, file)
		if (err == nil) != right {
			t.Errorf("the schema says of %s: %v", file, err)
		}
		if _, err := config.Load(environment{files: map[string]string{"stoker.yaml": file + "\n"}}.sources("stoker.yaml")); (err == nil) != right {
			t.Errorf("the loader says of %s: %v", file, err)
		}
	}
}

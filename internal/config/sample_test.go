package config_test

import (
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/config"
)

// People fill in examples.properties in many ways. Each is understood, or refused by its line and name
// and without repeating the value.
func TestPropertiesAsPeopleWriteThem(t *testing.T) {
	const key, host, bucket, path = "BITMOVIN_API_KEY", "HTTP_INPUT_HOST", "S3_OUTPUT_BUCKET_NAME", "HTTP_INPUT_FILE_PATH"
	for _, tt := range []struct{ text, name, want string }{
		{"BITMOVIN_API_KEY=k-1", key, "k-1"},
		{"\ufeffBITMOVIN_API_KEY : k-1  \r\n", key, "k-1"},
		{"export BITMOVIN_API_KEY=k-1", key, "k-1"},
		{"  export\tBITMOVIN_API_KEY = 'k-1' # mine", key, "k-1"},
		{`BITMOVIN_API_KEY="k-1"`, key, "k-1"},
		{`BITMOVIN_API_KEY="k-1"#mine`, key, "k-1"},
		{"HTTP_INPUT_HOST=masters.example.com # our origin", host, "masters.example.com"},
		{"HTTP_INPUT_HOST=masters.example.com\t#our origin", host, "masters.example.com"},
		{"S3_OUTPUT_SECRET_KEY=a+b/c#d=", "S3_OUTPUT_SECRET_KEY", "a+b/c#d="},
		{"HTTP_INPUT_FILE_PATH=videos/My Film.mp4 # the asset", path, "videos/My Film.mp4"},
		{`HTTP_INPUT_FILE_PATH="videos/My Film #1.mp4"`, path, "videos/My Film #1.mp4"},
		{`HTTP_INPUT_FILE_PATH=videos/a\:b\=c.mp4`, path, "videos/a:b=c.mp4"},
		{"BITMOVIN_API_KEY=\nBITMOVIN_API_KEY= # later\n#BITMOVIN_API_KEY=old\n!BITMOVIN_API_KEY=old\nBITMOVIN_API_KEY=k-1\nBITMOVIN_API_KEY=k-1\n", key, "k-1"},
		{"BITMOVIN_API_KEYS=k-1\nMY BITMOVIN_API_KEY=k-1\nBITMOVIN_API_KEY\n", key, ""},

		{"\nBITMOVIN_API_KEY=<YOUR API KEY>", key, "examples.properties:2: BITMOVIN_API_KEY: still has the placeholder: put the value there"},
		{"BITMOVIN_API_KEY=s3cr3t-<org>", key, "examples.properties:1: BITMOVIN_API_KEY: still has the placeholder"},
		{"S3_OUTPUT_BUCKET_NAME=YOUR_BUCKET_NAME", bucket, "still has the placeholder"},
		{"S3_OUTPUT_BUCKET_NAME=your-bucket", bucket, "still has the placeholder"},
		{"S3_OUTPUT_BUCKET_NAME=youth-videos", bucket, "youth-videos"},
		{"BITMOVIN_API_KEY=xxxxxxxx", key, "still has the placeholder"},
		{"BITMOVIN_API_KEY=${s3cr3t}", key, "refers to a variable"},
		{"BITMOVIN_API_KEY={{ s3cr3t }}", key, "refers to a variable"},
		{`BITMOVIN_API_KEY="s3cr3t`, key, "the quote before the value has none behind it"},
		{`BITMOVIN_API_KEY=s3cr3t"`, key, "has a quote in it"},
		{"BITMOVIN_API_KEY=“s3cr3t”", key, "has a quote in it"},
		{`BITMOVIN_API_KEY="s3cr3t" s3cr3t`, key, "something behind the value in quotes"},
		{"HTTP_INPUT_HOST=masters.example.com // s3cr3t", host, "has a blank in it"},
		{"BITMOVIN_API_KEY=s3cr3t;", key, "ends with a separator"},
		{"BITMOVIN_API_KEY=s3cr\u200b3t", key, "U+200B ZERO WIDTH SPACE is in it"},
		{`BITMOVIN_API_KEY=s3cr3t\`, key, "a backslash stands before"},
		{`HTTP_INPUT_FILE_PATH=videos\s3cr3t.mp4`, path, "a backslash stands before"},
		{"HTTP_INPUT_FILE_PATH=videos/My Film #1.mp4", path, "put the path in quotes"},
		{"BITMOVIN_API_KEY=s3cr3t\nBITMOVIN_API_KEY=s3cr3t-2", key, "examples.properties:2: BITMOVIN_API_KEY: has another value further up"},
		{"\xff\xfeB\x00", key, "examples.properties:1: not UTF-8 text"},
		{"BITMOVIN_API_KEY=s3cr3t\xe4", key, "not UTF-8 text"},
	} {
		w := environment{files: map[string]string{"examples.properties": tt.text}}
		got, where, err := config.NewSample(w.sources("")).Get(tt.name)
		switch {
		case err == nil && got == tt.want && (got == "") == (where == ""):
		case err != nil && strings.Contains(err.Error(), tt.want) && !strings.Contains(err.Error(), "s3cr3t") && tt.want != "":
		default:
			t.Errorf("%q: %q from %q, %v; want %q", tt.text, got, where, err, tt.want)
		}
	}
}

// All mistakes are reported together, before anything is started, also those of the environment.
func TestLoadReportsPropertiesByName(t *testing.T) {
	w := environment{
		files: map[string]string{"examples.properties": "BITMOVIN_API_KEY=<KEY>\nHTTP_INPUT_HOST=https://me:s3cr3t@masters.example.com/\n" +
			"S3_OUTPUT_BUCKET_NAME=s3://s3cr3t/outputs\nS3_OUTPUT_ACCESS_KEY=\"a\nS3_OUTPUT_SECRET_KEY=s\n"},
		env: map[string]string{"BITMOVIN_TENANT_ORG_ID": "'s3cr3t"},
	}
	_, err := config.Load(w.sources(""))
	const want = `examples.properties:1: BITMOVIN_API_KEY: still has the placeholder: put the value there
environment variable BITMOVIN_TENANT_ORG_ID: has a quote in it: leave it out
examples.properties: HTTP_INPUT_HOST: the host of HTTP storage must be a name such as files.example.com: leave out https://, users and paths
examples.properties:4: S3_OUTPUT_ACCESS_KEY: the quote before the value has none behind it
examples.properties: S3_OUTPUT_BUCKET_NAME: give the name of the bucket alone, without s3:// and without a path, which belongs into S3_OUTPUT_BASE_PATH`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	w.files["stoker.yaml"] = "accounts: [{id: default}]\n"
	if _, err := config.Load(w.sources("stoker.yaml")); err == nil || !strings.HasPrefix(err.Error(), "examples.properties:1: BITMOVIN_API_KEY") {
		t.Errorf("with an account of the file: %v", err)
	}
	w.env["BITMOVIN_API_KEY"] = `"k-1"` // as programs leave it that read files of variables
	w.files["examples.properties"] = ""
	if got, _, err := config.NewSample(w.sources("")).Get("BITMOVIN_API_KEY"); got != "k-1" || err != nil {
		t.Errorf("a quoted variable of the environment is %q, %v", got, err)
	}
}

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// TestSample submits the example's own jobs with the example's own variables and
// settings, and checks what arrives at the platform, in whichever order.
func TestSample(t *testing.T) {
	sim := &simulator.Simulator{Encoders: 2, Duration: 50 * time.Millisecond}
	env := serviceEnv(t, sim)
	env["HTTP_INPUT_FILE_PATH"] = "videos/1080p_Sintel.mp4"
	env["S3_OUTPUT_BASE_PATH"] = "/outputs"
	env["STOKER_POLL_INTERVAL"] = "200ms"
	s := startService(t, env)
	got := command{env: env}.run(t.Context(), "submit", "--sample", "--watch", "--server", s.grpc)
	if got.code != exitOK {
		t.Fatalf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	type file struct{ Input, InputKind, Output, OutputKind, Permission string }
	kind := func(id string) string {
		resource, _ := sim.FindResource(id)
		return resource.Kind
	}
	var files, want []file
	for _, e := range sim.Encodings() {
		for i, m := range e.Muxings {
			in, out := e.Streams[i].InputStreams[0], m.Outputs[0]
			files = append(files, file{in.InputPath, kind(in.InputID), out.OutputPath, kind(out.OutputID), out.ACL[0].Permission})
		}
	}
	for _, name := range []string{"encoding1", "encoding2", "encoding3", "encoding4", "encoding5", "encoding6"} {
		for _, rendition := range []string{"video/480", "video/720", "video/1080", "audio/128"} {
			want = append(want, file{
				Input: "videos/1080p_Sintel.mp4", InputKind: "/encoding/inputs/http",
				Output: "outputs/BatchEncoding/videos/1080p_Sintel.mp4/" + name + "/" + rendition, OutputKind: "/encoding/outputs/s3",
				Permission: "PUBLIC_READ",
			})
		}
	}
	byOutput := cmpopts.SortSlices(func(a, b file) int { return strings.Compare(a.Output, b.Output) })
	if diff := cmp.Diff(want, files, byOutput); diff != "" {
		t.Errorf("what is read and written (-want +got):\n%s", diff)
	}
}

package gateway_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// An honest request may be as large as the server takes it, in each protocol and packed or not.
func TestLargeRequestsInEachProtocol(t *testing.T) {
	f := newFace(t, false)
	const jobs = 8_000
	request := &stokerv1.SubmitBatchRequest{KeepOpen: true}
	var text strings.Builder
	text.WriteString(`{"keep_open": true, "jobs": [`)
	for i := range jobs {
		path := fmt.Sprintf("in/%0900d.mp4", i)
		request.Jobs = append(request.Jobs, &stokerv1.JobSpec{InputPath: path, OutputPath: fmt.Sprint("out/", i)})
		if i > 0 {
			text.WriteString(",")
		}
		fmt.Fprintf(&text, `{"input_path": %q, "output_path": "out/%d"}`, path, i)
	}
	text.WriteString("]}" + strings.Repeat(" ", 31<<20-text.Len()))
	encoded, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	framed := func(flags byte, message string) string {
		return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message)))) + message
	}
	for name, tt := range map[string]struct {
		body    string
		headers []string
	}{
		"JSON":            {text.String(), []string{"Content-Type", "application/json"}},
		"packed JSON":     {pack(t, text.String()), []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}},
		"Connect":         {string(encoded), []string{"Content-Type", "application/proto", "Connect-Protocol-Version", "1"}},
		"packed Connect":  {pack(t, string(encoded)), []string{"Content-Type", "application/proto", "Connect-Protocol-Version", "1", "Content-Encoding", "gzip"}},
		"gRPC-Web":        {framed(0, string(encoded)), []string{"Content-Type", "application/grpc-web+proto"}},
		"packed gRPC-Web": {framed(1, pack(t, string(encoded))), []string{"Content-Type", "application/grpc-web+proto", "Grpc-Encoding", "gzip"}},
		"gRPC-Web, JSON":  {framed(0, text.String()), []string{"Content-Type", "application/grpc-web+json"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.do(http.MethodPost, "/stoker.v1.BatchService/SubmitBatch", tt.body, tt.headers...)
			if got.StatusCode != http.StatusOK || got.Header.Get("Grpc-Status") != "" {
				t.Fatalf("%s %q %.300s", got.Status, got.Header.Get("Grpc-Message"), got.body)
			}
		})
	}
	batches, err := f.store.Batches(t.Context(), job.BatchFilter{})
	if err != nil || len(batches) != 7 {
		t.Fatalf("%d batches, %v", len(batches), err)
	}
}

package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// TestCodec holds that a message encoded beforehand arrives as any other, and is the
// same memory for everybody.
func TestCodec(t *testing.T) {
	want := &stokerv1.WatchBatchResponse{Cursor: "c", Jobs: []*stokerv1.Job{{Key: "a"}, {Key: "b"}}}
	shared, err := encodeMessage(want)
	if err != nil {
		t.Fatal(err)
	}
	c := newCodec()
	for _, m := range []any{want, &message{WatchBatchResponse: want}, shared} {
		for range 2 {
			data, err := c.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got := &stokerv1.WatchBatchResponse{}
			if err := c.Unmarshal(data, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("%T (-want +got):\n%s", m, diff)
			}
			if m == any(shared) && &data[0].ReadOnlyData()[0] != &shared.encoded[0] {
				t.Error("a shared message was copied")
			}
			data.Free()
		}
	}
}

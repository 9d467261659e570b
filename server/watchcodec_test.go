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
	own, err := (&message{WatchBatchResponse: want}).encode()
	if err != nil {
		t.Fatal(err)
	}
	unread := &unreadMessages{}
	for _, m := range []any{want, &sentMessage{own, unread}, &sentMessage{shared.encoded, unread}} {
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
			if sent, ok := m.(*sentMessage); ok && (&data[0].ReadOnlyData()[0] != &sent.bytes[0] || unread.count != 1) {
				t.Errorf("an encoded message was copied, or %d are counted as unread", unread.count)
			}
			data.Free()
		}
	}
	if unread.count != 0 {
		t.Errorf("%d messages are counted as unread in the end", unread.count)
	}
}

package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Messages that wait become one, which fits a notification whatever they say.
func TestMessagesFit(t *testing.T) {
	many := make([]int64, 2000)
	for i := range many {
		many[i] = int64(i) + 1
	}
	var batches []job.Change
	for n := range 300 {
		batches = append(batches, job.Change{BatchID: fmt.Sprintf("019d0c7e-0000-7000-8000-%012d", n), AccountID: "default", Dispatch: true})
	}
	for name, tt := range map[string]struct {
		changes [][]job.Change
		want    store.Wakeups
	}{
		"changes of one batch": {
			[][]job.Change{{{BatchID: "b", AccountID: "a", Starts: 1}}, {{BatchID: "b", AccountID: "a", Ends: 2, Dispatch: true, Numbers: []int64{7}}}, {{BatchID: "c", AccountID: "a"}}},
			store.Wakeups{Changes: []job.Change{{BatchID: "b", AccountID: "a", Starts: 1, Ends: 2, Dispatch: true, Numbers: []int64{7}}, {BatchID: "c", AccountID: "a"}}},
		},
		"hints": {
			[][]job.Change{{{AccountID: "a", EncodingID: "1"}}, {{AccountID: "a", EncodingID: "2"}}, {{AccountID: "a", EncodingID: "1"}}},
			store.Wakeups{Changes: []job.Change{{AccountID: "a", EncodingID: "1"}, {AccountID: "a", EncodingID: "2"}}},
		},
		"too many jobs": {
			[][]job.Change{{{BatchID: "b", AccountID: "a", Dispatch: true, Numbers: many}}},
			store.Wakeups{Changes: []job.Change{{BatchID: "b", AccountID: "a", Dispatch: true}, {AccountID: "a", Everything: true, Dispatch: true}}},
		},
		"too many batches": {[][]job.Change{batches}, store.Wakeups{Everything: true}},
		"a long message":   {[][]job.Change{batches[:190]}, store.Wakeups{Everything: true}},
	} {
		w := newWakeups(nil, "me", "", nil, nil, nil)
		for _, changes := range tt.changes {
			w.tell(message{Wakeups: store.Wakeups{Changes: changes}})
		}
		text, err := w.take()
		if err != nil || len(text) > 8000 {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
		var got store.Wakeups
		other := newWakeups(nil, "other", "", nil, nil, nil)
		other.receive(string(text), func(heard store.Wakeups) { got = heard })
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A schema with a long name has a channel that the server takes.
func TestChannelOfALongSchema(t *testing.T) {
	database := migrated(t)
	schema := "s" + strings.Repeat("é", 30)
	listener := connectTo(t, database)
	if _, err := listener.Exec(t.Context(), "LISTEN "+pgx.Identifier{channelOf(schema)}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	if _, err := connectTo(t, database).Exec(t.Context(), `SELECT pg_notify($1, 'x')`, channelOf(schema)); err != nil {
		t.Fatal(err)
	}
	if n, err := listener.WaitForNotification(t.Context()); err != nil || n.Payload != "x" {
		t.Errorf("heard %+v, %v", n, err)
	}
}

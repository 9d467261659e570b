package simulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestListEncodings(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Encoders: 1, Duration: time.Hour})
		st := a.storage()
		a.started(st, "job-1") // created 00:00:00
		time.Sleep(time.Second)
		a.started(st, "job-2")
		time.Sleep(time.Second)
		a.create("/encoding/encodings", `{"name":"Film: \"A\" (1)","labels":["Team:vod","batch-7"]}`)
		time.Sleep(time.Second)
		a.create("/encoding/encodings", `{"name":"other","labels":["batch-71"]}`)
		film := `Film: "A" (1)`
		tests := []struct {
			query string
			want  []string
		}{
			{"", []string{"other", film, "job-2", "job-1"}},
			{"status=QUEUED", []string{"job-2"}},
			{"status=RUNNING", []string{"job-1"}},
			{"status=CREATED", []string{"other", film}},
			{"status=FINISHED", nil},
			{"name=job-1", []string{"job-1"}},
			{"name=JOB-1", nil},
			{"name=job-1&status=QUEUED", nil},
			{"type=VOD", []string{"job-2", "job-1"}},
			{"type=NONE&sort=name", []string{film, "other"}},
			{"search=name:JOB-1", []string{"job-1"}},
			{"search=name:job*", []string{"job-2", "job-1"}},
			{"search=labels:batch-7", []string{film}},
			{"search=labels:batch-7*", []string{"other", film}},
			{`search=labels:"team%3Avod"`, []string{film}},
			{`search=labels:team%5C%3Avod`, []string{film}},
			{`search=name:"film%3A%20%5C"a%5C"%20(1)"`, []string{film}},
			{"search=labels:batch-7*%20AND%20name:oth*", []string{"other"}},
			{"search=labels:batch-7+AND+name:other", nil},
			{"createdAtNewerThan=2000-01-01T00:00:01Z", []string{"other", film}},
			{"createdAtOlderThan=2000-01-01T00:00:01Z", []string{"job-1"}},
			{"startedAtOlderThan=2000-01-01T00%3A00%3A10Z", []string{"job-2", "job-1"}},
			{"finishedAtOlderThan=2100-01-01T00:00:00Z", nil},
			{"sort=createdAt", []string{"job-1", "job-2", film, "other"}},
			{"sort=name:desc&limit=1", []string{"other"}},
			{"sort=-name&offset=3", []string{film}},
		}
		for _, tt := range tests {
			if diff := cmp.Diff(tt.want, names(a.must("GET", "/encoding/encodings?"+tt.query, ""))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.query, diff)
			}
			time.Sleep(time.Second) // 60 lists a minute are allowed
		}
		for _, query := range []string{
			"limit=101", "limit=0", "offset=-1", "limit=x", "status=DONE", "includeTotalCount=maybe",
			"createdAtNewerThan=yesterday", "sort=size", "sort=name:up",
			"search=x", "search=job-1", "search=title:x", "search=name:a+OR+name:b", "search=name:", "search=name:(a)",
			"search=name:%22a", "search=name:a*b", "search=name:a~2",
		} {
			a.refused("GET", "/encoding/encodings?"+query, "", 400, simulator.CodeInvalid)
			time.Sleep(time.Second)
		}
	})
}

func TestPagesOfAList(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	for range 60 {
		a.create("/encoding/encodings", `{"name":"n"}`)
	}
	page := a.must("GET", "/encoding/encodings", "")
	if got := []any{page["totalCount"], page["offset"], page["limit"], len(names(page)), page["previous"]}; !cmp.Equal(got, []any{60.0, 0.0, 25.0, 25, nil}) {
		t.Errorf("first page: %v", got)
	}
	seen := make(map[string]bool)
	for next := "/encoding/encodings"; next != ""; {
		page = a.must("GET", next, "")
		items, _ := page["items"].([]any)
		for _, item := range items {
			object, _ := item.(map[string]any)
			id, _ := object["id"].(string)
			seen[id] = true
		}
		url, _ := page["next"].(string)
		if url != "" && !strings.HasPrefix(url, "http://api.test/v1/encoding/encodings?") {
			t.Fatalf("next is %q", url)
		}
		next = strings.TrimPrefix(url, "http://api.test/v1")
	}
	if len(seen) != 60 {
		t.Errorf("%d encodings seen on all pages, want 60", len(seen))
	}
	if page["previous"] == nil {
		t.Error("the last page has no link to the previous one")
	}
}

func TestTotalCount(t *testing.T) {
	for _, tt := range []struct {
		omit  bool
		query string
		want  any
	}{
		{false, "", 1.0},
		{false, "?includeTotalCount=false", 1.0},
		{true, "", nil},
		{true, "?includeTotalCount=false", nil},
		{true, "?includeTotalCount=true", 1.0},
		{true, "?includeTotalCount=True", 1.0},
	} {
		a := newAPI(t, &simulator.Simulator{OmitTotalCount: tt.omit})
		a.create("/encoding/encodings", `{"name":"n"}`)
		if got := a.must("GET", "/encoding/encodings"+tt.query, "")["totalCount"]; got != tt.want {
			t.Errorf("omit %v, %q: totalCount %v, want %v", tt.omit, tt.query, got, tt.want)
		}
	}
}

func TestDeletedEncodingsAreGone(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{Unlimited: true})
	var kept []string
	for i := range 3000 { // enough for the index to be compacted
		id := a.create("/encoding/encodings", `{"name":"n","labels":["l"]}`)
		if i%3 == 0 {
			kept = append(kept, id)
			continue
		}
		a.must("DELETE", "/encoding/encodings/"+id, "")
		a.refused("GET", "/encoding/encodings/"+id, "", 404, simulator.CodeNotFound)
	}
	for _, query := range []string{"", "?name=n", "?status=CREATED", "?search=labels:l"} {
		if got := a.must("GET", "/encoding/encodings"+query, "")["totalCount"]; got != float64(len(kept)) {
			t.Errorf("%q: totalCount %v, want %d", query, got, len(kept))
		}
	}
	var ids []string
	for _, enc := range a.sim.Encodings() {
		ids = append(ids, enc.ID)
	}
	if diff := cmp.Diff(kept, ids); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

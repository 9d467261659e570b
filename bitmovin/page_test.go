package bitmovin

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listServer serves n encodings in pages, in one of the shapes a list may have.
type listServer struct {
	n        int
	total    bool // report totalCount
	next     bool // report next
	noLimit  bool // leave out limit and offset
	maxLimit int  // cap pages below what is asked for
	stuck    bool // ignore the offset
	calls    int
}

func (s *listServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls++
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	if s.maxLimit > 0 {
		limit = min(limit, s.maxLimit)
	}
	if s.stuck {
		offset = 0
	}
	var fields []string
	var items []string
	for i := offset; i < min(s.n, offset+limit); i++ {
		items = append(items, fmt.Sprintf(`{"id":"%d","createdAt":"%s"}`, i, map[bool]string{true: "rubbish", false: "2026-01-02T03:04:05Z"}[i%7 == 0]))
	}
	if len(items) > 0 {
		fields = append(fields, `"items":[`+strings.Join(items, ",")+`]`)
	}
	if s.total {
		fields = append(fields, fmt.Sprintf(`"totalCount":%d`, s.n))
	}
	if s.next && offset+limit < s.n {
		fields = append(fields, fmt.Sprintf(`"next":"http://host/x?offset=%d&limit=%d"`, offset+limit, limit))
	}
	if !s.noLimit {
		fields = append(fields, fmt.Sprintf(`"offset":%d,"limit":%d`, offset, limit))
	}
	success("{"+strings.Join(fields, ",")+"}")(w, r)
}

func TestEncodingsWalksAllPages(t *testing.T) {
	tests := []struct {
		name  string
		srv   listServer
		calls int
	}{
		{"with total and next", listServer{n: 25, total: true, next: true}, 3},
		{"with total", listServer{n: 25, total: true}, 3},
		{"with next", listServer{n: 25, next: true}, 3},
		{"with neither", listServer{n: 25}, 3},
		{"bare", listServer{n: 25, noLimit: true}, 3},
		{"capped pages, total", listServer{n: 25, total: true, maxLimit: 4}, 7},
		{"capped pages, next", listServer{n: 25, next: true, noLimit: true, maxLimit: 4}, 7},
		{"capped pages, neither", listServer{n: 25, maxLimit: 4}, 7},
		{"full last page, total", listServer{n: 20, total: true}, 2},
		{"full last page, neither", listServer{n: 20}, 3},
		{"empty", listServer{}, 1},
		{"empty with total", listServer{total: true}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestClient(t, &tt.srv)
			i := 0
			for e, err := range c.Encodings(t.Context(), EncodingQuery{Limit: 10}) {
				if err != nil {
					t.Fatal(err)
				}
				if e.ID != EncodingID(strconv.Itoa(i)) {
					t.Fatalf("item %d has id %s", i, e.ID)
				}
				if e.CreatedAt.IsZero() != (i%7 == 0) {
					t.Errorf("item %d: createdAt = %v", i, e.CreatedAt)
				}
				i++
			}
			if i != tt.srv.n || tt.srv.calls != tt.calls {
				t.Errorf("got %d items in %d calls, want %d in %d", i, tt.srv.calls, tt.srv.n, tt.calls)
			}
		})
	}
}

func TestEncodingsStopsEarly(t *testing.T) {
	srv := &listServer{n: 1000, total: true}
	for e, err := range newTestClient(t, srv).Encodings(t.Context(), EncodingQuery{Offset: 5}) {
		if err != nil || e.ID != "5" {
			t.Errorf("first item: %v, %v", e.ID, err)
		}
		break
	}
	if srv.calls != 1 {
		t.Errorf("%d calls for one item", srv.calls)
	}
}

func TestEncodingsEndsWithTheFirstError(t *testing.T) {
	srv := &listServer{n: 1000, total: true}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if srv.calls == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		srv.ServeHTTP(w, r)
	})
	var items, failures int
	for _, err := range newTestClient(t, h).Encodings(t.Context(), EncodingQuery{Limit: 10}) {
		if err != nil {
			failures++
			if !Outage(err) {
				t.Errorf("err = %v, want an outage", err)
			}
			continue
		}
		items++
	}
	if items != 10 || failures != 1 {
		t.Errorf("%d items and %d errors, want 10 and 1", items, failures)
	}
}

func TestEncodingsEndsOnAListThatRepeatsItself(t *testing.T) {
	var last error
	for _, err := range newTestClient(t, &listServer{n: 50, stuck: true}).Encodings(t.Context(), EncodingQuery{Limit: 10}) {
		last = err
	}
	if !errors.Is(last, errRepeatedPage) {
		t.Errorf("err = %v, want %v", last, errRepeatedPage)
	}
}

func TestListsThatDoNotEnd(t *testing.T) {
	endless := &listServer{n: math.MaxInt, next: true, total: true}
	c := mustNew(t, Options{
		APIKey: fixedKey(testKey), Governor: NewGovernor(Limits{ClassEncodingList: 1e9}), HTTPClient: &http.Client{Transport: handlerTransport{endless}},
	})
	var last error
	for _, err := range c.Encodings(t.Context(), EncodingQuery{Limit: 1}) {
		last = err
	}
	if !errors.Is(last, errEndless) || endless.calls != mostWalkPages {
		t.Errorf("encodings: err = %v after %d calls, want %v after %d", last, endless.calls, errEndless, mostWalkPages)
	}
	endless.calls = 0
	_, err := collect(listAll[Encoding](t.Context(), c, EncodingQuery{}.toCall(urgencyList), 0, 1))
	if !errors.Is(err, errEndless) || endless.calls != mostPages {
		t.Errorf("a short list: err = %v after %d calls, want %v after %d", err, endless.calls, errEndless, mostPages)
	}
}

func TestListEncodingsPage(t *testing.T) {
	tests := []struct {
		name, result string
		want         Page[Encoding]
	}{
		{
			"total", `{"totalCount":7,"offset":2,"limit":5,"items":[{"id":"a"}]}`,
			Page[Encoding]{Items: []Encoding{{ID: "a"}}, Total: 7, TotalKnown: true, Offset: 2, Limit: 5},
		},
		{"no total", `{"items":[{"id":"a"}]}`, Page[Encoding]{Items: []Encoding{{ID: "a"}}, Offset: 2, Limit: 10}},
		{"null total", `{"totalCount":null,"items":[{"id":"a"}]}`, Page[Encoding]{Items: []Encoding{{ID: "a"}}, Offset: 2, Limit: 10}},
		{"impossible total", `{"totalCount":0,"items":[{"id":"a"}]}`, Page[Encoding]{Items: []Encoding{{ID: "a"}}, Offset: 2, Limit: 10}},
		{"no items", `{"totalCount":0}`, Page[Encoding]{TotalKnown: true, Offset: 2, Limit: 10}},
		{"nothing", `{}`, Page[Encoding]{Offset: 2, Limit: 10}},
		{"items without id", `{"items":[{},{"id":"a"},4,null]}`, Page[Encoding]{Items: []Encoding{{ID: "a"}}, Offset: 2, Limit: 10}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newTestClient(t, success(tt.result)).ListEncodings(t.Context(), EncodingQuery{Offset: 2, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			got.next, got.received = false, 0
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(Page[Encoding]{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

package bitmovin

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// datedServer serves n encodings, the newest first, one for each second.
type datedServer struct {
	n                          int
	ignoresOffset, ignoresTime bool
	maxOffset                  int // what is beyond is refused; 0: nothing is
	ownSize                    int // the size of its pages if it is asked for none
	oldestFirst                bool
	grows                      int // how many come in with each call, or are deleted
	breaks                     int // every so many calls one is not answered; 0: all are
	calls                      int
}

func (s *datedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls++
	if s.calls > 1000 {
		http.Error(w, "for ever", http.StatusTeapot)
		return
	}
	if s.breaks > 0 && s.calls > 20 && s.calls%s.breaks == 0 {
		http.Error(w, "busy", http.StatusBadGateway)
		return
	}
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	if s.maxOffset > 0 && offset > s.maxOffset {
		http.Error(w, "the result window is too large", http.StatusBadRequest)
		return
	}
	if limit == 0 {
		limit = s.ownSize
	}
	if s.ignoresOffset {
		offset = 0
	}
	before, err := time.Parse(time.RFC3339, r.FormValue("createdAtOlderThan"))
	if err != nil || s.ignoresTime {
		before = time.Now().AddDate(10, 0, 0)
	}
	s.n += s.grows
	var items []string
	for i := s.n - 1; i >= 0; i-- {
		n := i
		if s.oldestFirst {
			n = s.n - 1 - i
		}
		if at := time.Unix(int64(n), 0); at.Before(before) {
			items = append(items, fmt.Sprintf(`{"id":"%d","createdAt":%q}`, n, at.UTC().Format(time.RFC3339)))
		}
	}
	items = items[min(offset, len(items)):]
	success(`{"items":[`+strings.Join(items[:min(limit, len(items))], ",")+`]}`)(w, r)
}

// Where the offset leads nowhere the list goes on by time, and says so where that leads
// nowhere either.
func TestEncodingsWithoutOffset(t *testing.T) {
	for name, tt := range map[string]struct {
		srv   datedServer
		query EncodingQuery
		stuck bool
	}{
		"ignored":             {srv: datedServer{ignoresOffset: true}},
		"ignored as it grows": {srv: datedServer{ignoresOffset: true, grows: 3}},
		"grows":               {srv: datedServer{grows: 3}},
		"refused":             {srv: datedServer{maxOffset: 1}},
		"refused far behind":  {srv: datedServer{maxOffset: 60}},
		"no limit":            {srv: datedServer{ownSize: 7}, query: EncodingQuery{Without: []string{ParamLimit}}},
		"overlaps":            {query: EncodingQuery{Overlap: 4}},
		"shrinks":             {srv: datedServer{grows: -2}, query: EncodingQuery{Overlap: 4}},
		"and time ignored":    {srv: datedServer{ignoresOffset: true, ignoresTime: true}, stuck: true},
		"both, as it grows":   {srv: datedServer{ignoresOffset: true, ignoresTime: true, grows: 3}, stuck: true},
		"and oldest first":    {srv: datedServer{ignoresOffset: true, oldestFirst: true}, stuck: true},
	} {
		t.Run(name, func(t *testing.T) {
			tt.srv.n = 105
			tt.query.Limit = 10
			seen := map[EncodingID]int{}
			var last error
			srv := httptest.NewServer(&tt.srv)
			defer srv.Close()
			c := mustNew(t, Options{BaseURL: srv.URL, APIKey: fixedKey(testKey), Governor: NewGovernor(Limits{ClassEncodingList: 100_000})})
			for e, err := range c.Encodings(t.Context(), tt.query) {
				if last = err; err == nil {
					seen[e.ID]++
				}
			}
			if stuck := errors.Is(last, errRepeatedPage); stuck != tt.stuck || !stuck && last != nil {
				t.Errorf("err = %v, want stuck: %v", last, tt.stuck)
			}
			for n := 0; n < min(105, tt.srv.n) && !tt.stuck; n++ {
				if seen[EncodingID(strconv.Itoa(n))] == 0 {
					t.Errorf("encoding %d is missing among %d", n, len(seen))
				}
			}
		})
	}
}

// A storage or a configuration is found although the platform cannot select by name, nor
// takes a size of pages.
func TestFindWithoutName(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("name") != "" || r.FormValue("limit") != "" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		success(`{"items":[{"id":"1","name":"x"},{"id":"2","name":"wanted"}],"totalCount":2}`)(w, r)
	}))
	if id, found, err := c.FindInput(t.Context(), StorageS3, "wanted"); id != "2" || !found || err != nil {
		t.Errorf("input %q, %v, %v", id, found, err)
	}
	if id, found, err := c.FindConfiguration(t.Context(), H264, "wanted"); id != "2" || !found || err != nil {
		t.Errorf("configuration %q, %v, %v", id, found, err)
	}
}

// A long walk is not given up because of single calls.
func TestEncodingsIsPatientFarBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	srv := httptest.NewServer(&datedServer{n: 300, breaks: 15})
	defer srv.Close()
	c := mustNew(t, Options{BaseURL: srv.URL, APIKey: fixedKey(testKey), Governor: NewGovernor(Limits{ClassEncodingList: 100_000})})
	n := 0
	for _, err := range c.Encodings(t.Context(), EncodingQuery{Limit: 10}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 300 {
		t.Errorf("%d encodings, want 300", n)
	}
}

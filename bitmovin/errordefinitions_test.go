package bitmovin

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// catalogues serves definitions, the status of a failed run, and a refusal.
type catalogues struct {
	encoding, api string // the results; empty: 404
	task          string
	calls         map[string]int
}

func (s *catalogues) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[r.URL.Path]++
	result := map[string]string{
		"/v1/encoding/error-definitions": s.encoding, "/v1/general/error-definitions": s.api,
		"/v1/encoding/encodings/e/status": `{"status":"ERROR","error":` + s.task + `}`,
	}[r.URL.Path]
	switch {
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"status":"ERROR","data":{"code":8007}}`)
	case result == "":
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"status":"ERROR","data":{"code":1001,"message":"no such path"}}`)
	default:
		success(result)(w, r)
	}
}

// client returns a client of s that needs no sockets.
func (s *catalogues) client(t *testing.T) *Client {
	t.Helper()
	c, err := New(Options{
		APIKey:     func() (string, error) { return "key", nil },
		HTTPClient: &http.Client{Transport: handlerTransport{s}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A failed run is completed by the definition of its code, or else by what is documented; what
// the run itself says counts.
func TestDefinitionsCompleteErrors(t *testing.T) {
	const loaded = `{"items":[
		{"code":10000,"category":"DECODING","message":"no {1} in {2}","description":"nothing to decode","retryHint":"RETRY"},
		{"code":"20000","message":"busy","retryHint":"RETRY_IN_DIFFERENT_REGION"},{"code":30000,"retryHint":"SOMETIMES"},
		null,5,{"code":"x","message":"odd"},{"message":"no code"},{"code":40000,"category":7,"message":["x"],"retryHint":"NO_RETRY"}]}`
	for _, tt := range []struct {
		name, definitions, task string
		want                    TaskError
	}{
		{"all missing", loaded, `{"code":10000}`, TaskError{10000, "DECODING", "nothing to decode", RetryPossible}},
		{"hint missing", loaded, `{"code":20000,"category":"C","text":"T"}`, TaskError{20000, "C", "T", RetryInDifferentRegion}},
		{"hint null", loaded, `{"code":20000,"retryHint":null}`, TaskError{20000, "", "busy", RetryInDifferentRegion}},
		{"nothing missing", loaded, `{"code":20000,"category":"C","text":"T","retryHint":"NO_RETRY"}`, TaskError{20000, "C", "T", RetryPointless}},
		{"hint not known", loaded, `{"code":20000,"text":"T","retryHint":"MAYBE"}`, TaskError{20000, "", "T", "MAYBE"}},
		{"hint undefined", loaded, `{"code":40000,"text":"T","retryHint":"UNDEFINED"}`, TaskError{40000, "", "T", RetryUndefined}},
		{"odd definition", loaded, `{"code":40000}`, TaskError{40000, "", "", RetryPointless}},
		{"unknown hint in the definition", loaded, `{"code":30000}`, TaskError{Code: 30000}},
		{"not defined", loaded, `{"code":50000}`, TaskError{Code: 50000}},
		{"not defined but documented", loaded, `{"code":10006}`, TaskError{10006, "DECODING ERROR", "the input cannot be decoded", RetryPointless}},
		{"no definitions", "", `{"code":10000}`, TaskError{10000, "DECODING ERROR", "the input cannot be decoded", RetryPointless}},
		{"no definitions, not documented", "", `{"code":20000}`, TaskError{Code: 20000}},
		{"garbage", `{"items":"none"}`, `{"code":10000}`, TaskError{10000, "DECODING ERROR", "the input cannot be decoded", RetryPointless}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &catalogues{encoding: tt.definitions, task: tt.task}
			c := s.client(t)
			_ = c.LoadDefinitions(t.Context())
			got, err := c.ReadStatus(t.Context(), "e")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, *got.Error); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A refusal without a text is explained by the definition of its code, or by what is
// documented. A code that is defined is no longer unknown.
func TestDefinitionsExplainRefusals(t *testing.T) {
	s := &catalogues{}
	c := s.client(t)
	refused := func() string { return c.StartEncoding(t.Context(), "e", nil, nil).Error() }
	if got, want := refused(), "POST /encoding/encodings/e/start: HTTP 400, code 8007: a quota of the account is used up"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := c.LoadDefinitions(t.Context()); err == nil {
		t.Error("no error although there are no definitions")
	}
	if diff := cmp.Diff(map[string]int64{"error_code 1001": 4}, c.Unknown().names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s = &catalogues{api: `{"items":[{"code":8007,"category":"QUOTA","description":"no more streams"},{"code":1001,"description":"gone"}]}`}
	c = s.client(t)
	_ = c.LoadDefinitions(t.Context())
	if got, want := refused(), "POST /encoding/encodings/e/start: HTTP 400, code 8007: no more streams"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := c.Unknown().names(); len(got) != 0 {
		t.Errorf("unknown values %v although all codes are defined", got)
	}
}

// Catalogues are fetched once a day, and what cannot be had once an hour: by two calls, as a
// list that is refused is asked for without a limit as well.
func TestDefinitionsAreFetchedOnceADay(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &catalogues{api: `{"items":[{"code":1,"description":"d"}]}`, task: "null"}
		c := s.client(t)
		for range 24 * 60 {
			_ = c.LoadDefinitions(t.Context())
			time.Sleep(time.Minute)
		}
		if diff := cmp.Diff(map[string]int{"/v1/general/error-definitions": 1, "/v1/encoding/error-definitions": 48}, s.calls); diff != "" {
			t.Errorf("calls in a day (-want +got):\n%s", diff)
		}
		s.encoding = `{"items":[]}`
		for range 24 * 60 {
			_ = c.LoadDefinitions(t.Context())
			time.Sleep(time.Minute)
		}
		if diff := cmp.Diff(map[string]int{"/v1/general/error-definitions": 2, "/v1/encoding/error-definitions": 49}, s.calls); diff != "" {
			t.Errorf("calls in two days (-want +got):\n%s", diff)
		}
	})
}

// However long the catalogue and its texts are, little of it is kept, and few calls made.
func TestDefinitionsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		text  int
		same  bool // each page is the first
		calls int
	}{
		{"endless", 1, false, 21}, {"long texts", 1 << 20, false, 6}, {"all in each page", 1, true, 2},
	} {
		bubble.Test(t, func(t *testing.T) { // which passes the time that the rate limit takes
			calls := 0
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/encoding/error-definitions") {
					success(`{"items":[]}`)(w, r)
					return
				}
				calls++
				offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
				if tt.same {
					offset = 0
				}
				var items []string
				for i := range 100 {
					text := strings.Repeat("ü", tt.text/100)
					items = append(items, fmt.Sprintf(`{"code":%d,"message":"%s","description":"x\u001b"}`, offset+i+1, text))
				}
				success(`{"items":[`+strings.Join(items, ",")+`]}`)(w, r)
			})
			c, err := New(Options{
				APIKey:     func() (string, error) { return "key", nil },
				HTTPClient: &http.Client{Transport: handlerTransport{handler}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.LoadDefinitions(t.Context()); err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, d := range c.encodingErrors.loaded {
				size += len(d.Message) + len(d.Description)
			}
			if len(c.encodingErrors.loaded) == 0 || len(c.encodingErrors.loaded) > maxDefinitions || size > maxDefinitionBytes {
				t.Errorf("%s: %d definitions of %d bytes are kept", tt.name, len(c.encodingErrors.loaded), size)
			}
			if calls != tt.calls {
				t.Errorf("%s: %d calls, want %d", tt.name, calls, tt.calls)
			}
			if d := c.encodingErrors.loaded[1]; d.Description != "x " || len(d.Message) > maxDefinitionText {
				t.Errorf("%s: the first is %+v", tt.name, d)
			}
		})
	}
}

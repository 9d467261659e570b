package gateway_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A page of another origin may not make calls, and nobody may come by a foreign name.
func TestStrangers(t *testing.T) {
	f := newFace(t, false)
	own := "http://" + f.web.Listener.Addr().String()
	for _, tt := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"curl", nil, 200},
		{"the page itself", []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, 200},
		{"an older browser", []string{"Origin", own}, 200},
		{"a page of another site", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		{"a page of a neighbour", []string{"Origin", "https://evil.example.com", "Sec-Fetch-Site", "same-site"}, 403},
		{"an older browser with a page of another site", []string{"Origin", "https://evil.example"}, 403},
		{"a page in a sandbox", []string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, 403},
		{"another port of this machine", []string{"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"}, 403},
		{"a rebound name", []string{"Host", "evil.example", "Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}, 421},
		{"a rebound name that begins well", []string{"Host", "127.0.0.1.evil.example"}, 421},
		{"a rebound name that ends well", []string{"Host", "localhost.evil.example:7072"}, 421},
		{"another address", []string{"Host", "192.0.2.1"}, 421},
		{"a name of this machine", []string{"Host", "localhost:7072", "Origin", "http://localhost:7072"}, 200},
		{"a name of this machine, spelled otherwise", []string{"Host", "LOCALHOST"}, 200},
		{"through a tunnel", []string{"Host", "127.0.0.1:9000"}, 200},
		{"through a tunnel by IPv6", []string{"Host", "[::1]:9000"}, 200},
		{"the proxy", []string{"Host", "stoker.example.com", "Origin", "https://stoker.example.com", "Sec-Fetch-Site", "same-origin"}, 200},
		{"the proxy, which changes Host", []string{"Origin", "https://stoker.example.com"}, 200},
		{"a page below the proxy's name on another port", []string{"Origin", "https://stoker.example.com:8443"}, 403},
	} {
		headers := append([]string{"Content-Type", "application/json"}, tt.headers...)
		for _, path := range []string{"/stoker.v1.BatchService/ListBatches", "/stoker.v1.BatchService/WatchBatch", "/login"} {
			want := tt.want
			switch {
			case want == 200 && strings.HasSuffix(path, "WatchBatch"):
				want = 400 // it names no batch
			case want == 200 && path == "/login":
				want = 401 // it has no token
			}
			got := f.do(http.MethodPost, path, "{}", headers...)
			if got.StatusCode != want {
				t.Errorf("%s: %s %s, want %d", tt.name, got.Status, got.body, want)
			}
			if want == 403 || want == 421 {
				if e := got.failure(t); e.Code != "permission_denied" || e.Message == "" {
					t.Errorf("%s: %s", tt.name, got.body)
				}
			}
		}
		// Even the page is not shown by a foreign name. Links from other sites to it work.
		want := 200
		if tt.want == 421 {
			want = 421
		}
		if got := f.do(http.MethodGet, "/", "", tt.headers...); got.StatusCode != want {
			t.Errorf("%s: the page: %s, want %d", tt.name, got.Status, want)
		}
	}
	// No answer lets a page of another origin read it.
	got := f.do(http.MethodOptions, "/stoker.v1.BatchService/ListBatches", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	if got.Header.Get("Access-Control-Allow-Origin") != "" || got.StatusCode < 400 {
		t.Errorf("a preflight is answered with %s, %v", got.Status, got.Header)
	}
}

// Every answer says what a browser may do with it: of the page, of calls, and of errors.
func TestPolicy(t *testing.T) {
	f := newFace(t, false)
	for _, got := range []answer{
		f.do(http.MethodGet, "/", ""), f.do(http.MethodGet, "/assets/page.js", ""), f.do(http.MethodGet, "/nothing", ""),
		f.call("AccountService/ListAccounts", "{}"), f.call("BatchService/WatchBatch", "{}"),
		f.do(http.MethodGet, "/", "", "Host", "evil.example"),
	} {
		policy := got.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy is %q, want %s", got.Request.URL, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", got.Request.URL, got.Header)
		}
	}
}

// The page is sent packed, is asked for anew each time, and its parts only once.
func TestPage(t *testing.T) {
	f := newFace(t, false)
	for _, tt := range []struct{ path, cache, contentType string }{
		{"/", "no-cache", "text/html; charset=utf-8"},
		{"/openapi.yaml", "no-cache", "application/yaml; charset=utf-8"},
		{"/assets/page.js", "public, max-age=31536000, immutable", "text/javascript; charset=utf-8"},
	} {
		plain := f.do(http.MethodGet, tt.path, "", "Accept-Encoding", "identity")
		if plain.StatusCode != http.StatusOK || plain.Header.Get("Cache-Control") != tt.cache || plain.Header.Get("Content-Type") != tt.contentType {
			t.Errorf("%s: %s, %v", tt.path, plain.Status, plain.Header)
		}
		packed := f.open(http.MethodGet, tt.path, "", "Accept-Encoding", "gzip")
		if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Content-Type") != tt.contentType {
			t.Fatalf("%s: %v", tt.path, packed.Header)
		}
		unzip, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(unzip)
		if err != nil || string(text) != plain.body {
			t.Errorf("%s: unpacked it is another: %v", tt.path, err)
		}
		again := f.do(http.MethodGet, tt.path, "", "If-None-Match", plain.Header.Get("ETag"), "Accept-Encoding", "identity")
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s, unchanged: %s", tt.path, again.Status)
		}
		head := f.do(http.MethodHead, tt.path, "")
		if head.StatusCode != http.StatusOK || head.body != "" {
			t.Errorf("HEAD %s: %s", tt.path, head.Status)
		}
	}
	if got := f.do(http.MethodPost, "/", "x"); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %s", got.Status)
	}
}

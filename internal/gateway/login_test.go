package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// tokenCalls knows one token, and shows what a call was made with.
func tokenCalls(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Cookie") != "" {
		http.Error(w, "the call has a cookie", http.StatusInternalServerError)
		return
	}
	if r.Header.Get("Authorization") != "Bearer stk_valid" {
		writeError(w, http.StatusUnauthorized, 16, "prove who you are")
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", jsonType)
	_, _ = io.WriteString(w, `{"path":"`+r.URL.Path+`","request":`+string(body)+`}`)
}

func TestLogin(t *testing.T) {
	handler := withLogin(http.HandlerFunc(tokenCalls), http.HandlerFunc(tokenCalls))
	send := func(method, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	for body, status := range map[string]int{
		`{"token": "stk_other"}`: 401, `{"token": ""}`: 401, `{"token": "stk_valid; Domain=evil.example"}`: 401, "{\"token\": \"stk_valid\\r\\nSet-Cookie: a=b\"}": 401,
		`{"tokne": "stk_valid"}`: 400, `stk_valid`: 400, ``: 400, `{"token": "` + strings.Repeat("x", 4000) + `"}`: 400, `{"token": "` + strings.Repeat("x", 9000) + `"}`: 400,
	} {
		resp := send("POST", "/login", body, nil)
		if resp.Code != status || resp.Header().Get("Set-Cookie") != "" {
			t.Errorf("%.60s: %d, cookie %q, want %d and none", body, resp.Code, resp.Header().Get("Set-Cookie"), status)
		}
		if got := resp.Body.String(); !strings.Contains(got, `"message":`) || strings.Contains(got, "stk_") {
			t.Errorf("%.60s: %s", body, got)
		}
	}
	if resp := send("GET", "/login", "", nil); resp.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET /login: %d", resp.Code)
	}

	resp := send("POST", "/login", `{"token": " stk_valid\n"}`, nil)
	if got := resp.Body.String(); resp.Code != http.StatusOK || got != `{"path":"/stoker.v1.AccessService/WhoAmI","request":{}}` {
		t.Errorf("%d %s", resp.Code, got)
	}
	const want = "__Host-stoker=stk_valid; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Strict"
	if got := resp.Header().Values("Set-Cookie"); len(got) != 1 || got[0] != want {
		t.Fatalf("the cookie is %q, want %q", got, want)
	}
	cookie, err := http.ParseSetCookie(want)
	if err != nil {
		t.Fatal(err)
	}
	loggedIn := func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "other", Value: "1"})
		r.AddCookie(cookie)
	}
	if resp := send("POST", "/stoker.v1.BatchService/ListBatches", "{}", loggedIn); resp.Code != http.StatusOK {
		t.Errorf("a call with the cookie: %d %s", resp.Code, resp.Body.String())
	}
	// A header counts more than the cookie, and other cookies are none.
	if resp := send("POST", "/stoker.v1.BatchService/ListBatches", "{}", func(r *http.Request) {
		loggedIn(r)
		r.Header.Set("Authorization", "Bearer stk_other")
	}); resp.Code != http.StatusUnauthorized {
		t.Errorf("a call with a header that is not valid: %d", resp.Code)
	}
	if resp := send("POST", "/stoker.v1.BatchService/ListBatches", "{}", func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "stoker", Value: "stk_valid"})
	}); resp.Code != http.StatusUnauthorized {
		t.Errorf("a call with another cookie: %d", resp.Code)
	}
	resp = send("POST", "/logout", "", loggedIn)
	if got := resp.Header().Get("Set-Cookie"); resp.Code != http.StatusNoContent || got != "__Host-stoker=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict" {
		t.Errorf("logout: %d, cookie %q", resp.Code, got)
	}
}

package main

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// webCall is a call as JSON over HTTP.
func webCall(t *testing.T, address, body string, headers ...string) (status int, answer io.ReadCloser, cookies []*http.Cookie) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() }) // it may have been closed
	return response.StatusCode, response.Body, response.Cookies()
}

// Somebody logs in with a token, makes calls by the cookie, and is sent away when the token is revoked, also from
// a watch that is open.
func TestLogin(t *testing.T) {
	env := serviceEnv(t, &simulator.Simulator{})
	env["STOKER_AUTH"] = "required"
	made := command{env: env}.run(t.Context(), "token", "create", "ops", "--role", "admin", "--db", env["STOKER_DB"])
	token := strings.TrimSpace(made.stdout)
	if made.code != exitOK || !strings.HasPrefix(token, "stk_") {
		t.Fatal(made.stderr)
	}
	s := startService(t, env)
	if status, _, _ := webCall(t, s.web+"/stoker.v1.BatchService/ListBatches", "{}"); status != http.StatusUnauthorized {
		t.Errorf("a stranger got %d", status)
	}
	if status, _, cookies := webCall(t, s.web+"/login", `{"token": "stk_nobody"}`); status != http.StatusUnauthorized || len(cookies) > 0 {
		t.Errorf("a wrong token got %d and %v", status, cookies)
	}
	status, answer, cookies := webCall(t, s.web+"/login", `{"token": "`+token+`"}`)
	text, err := io.ReadAll(answer)
	if err != nil || status != http.StatusOK || len(cookies) != 1 || !strings.Contains(string(text), `"token:ops"`) {
		t.Fatalf("login: %d %s, %v, %v", status, text, cookies, err)
	}
	cookie := cookies[0].Name + "=" + cookies[0].Value
	if status, _, _ := webCall(t, s.web+"/stoker.v1.BatchService/ListBatches", "{}", "Cookie", cookie); status != http.StatusOK {
		t.Errorf("a call by the cookie got %d", status)
	}
	_, watched, _ := webCall(t, s.web+"/stoker.v1.BatchService/WatchBatches", "{}", "Cookie", cookie)
	lines := bufio.NewScanner(watched)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"snapshot":true`) {
		t.Fatalf("the watch begins with %q", lines.Text())
	}
	list := command{env: map[string]string{"STOKER_TOKEN": token}}.run(t.Context(), "token", "list", "--server", s.grpc, "-o", "json", "--jq", ".[0].id")
	revoked := command{env: map[string]string{"STOKER_TOKEN": token}}.run(t.Context(), "token", "revoke", strings.Trim(strings.TrimSpace(list.stdout), `"`), "--server", s.grpc)
	if revoked.code != exitOK {
		t.Fatalf("%s%s", list.stderr, revoked.stderr)
	}
	if !lines.Scan() || !strings.Contains(lines.Text(), `"error":{"code":"unauthenticated"`) {
		t.Errorf("the watch goes on with %q, want its end", lines.Text())
	}
	if status, _, _ := webCall(t, s.web+"/stoker.v1.BatchService/ListBatches", "{}", "Cookie", cookie); status != http.StatusUnauthorized {
		t.Errorf("a call by the cookie of a revoked token got %d", status)
	}
}

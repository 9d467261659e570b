package attack

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// jsonUploads sends requests of 31 MiB in JSON, ten at once: each is a text where one is wanted, or in the place of
// something else, so that the service has to decode it, or to say what is wrong with it.
func jsonUploads(_ context.Context, t *testing.T, s *service) {
	long := strings.Repeat("x", 31<<20-100)
	for _, body := range []string{
		`{"list": {"text": "` + long + `"}}`, `{"list": {"data": "` + long + `!"}}`, `{"display_name": "` + long + `"}`, `{"priority": "` + long + `"}`,
		`{"` + long + `": 1}`, `{"jobs": [{"variables": {"a": "` + strings.Repeat(`","b": "`, 900_000) + `"}}]}`,
	} {
		each(10, func(int) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.web+submit, strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Content-Type", "application/json")
			transport := &http.Transport{DialContext: attacker.DialContext}
			defer transport.CloseIdleConnections()
			answer, err := transport.RoundTrip(request)
			if err != nil {
				return // it was refused while it was sent
			}
			defer func() { _ = answer.Body.Close() }() // it was read
			if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)); err != nil || answer.StatusCode < http.StatusBadRequest {
				t.Errorf("it was answered with %s, %v", answer.Status, err)
			}
		})
	}
}

// Package platform serves a simulator to tests over HTTP, and has the environment variables of a service
// that uses it.
package platform

import (
	"maps"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// Serve serves a simulator until the test ends, and returns the URL of its API.
func Serve(t testing.TB, sim *simulator.Simulator) string {
	t.Helper()
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Close()
		server.Close()
	})
	return server.URL + "/v1"
}

// Env is environment variables for stoker serve: the platform at url, and an account, an input and an
// output, each named default.
func Env(url string) map[string]string {
	return map[string]string{
		"STOKER_BITMOVIN_URL": url, "BITMOVIN_API_KEY": "key", "HTTP_INPUT_HOST": "masters.example.com",
		"S3_OUTPUT_BUCKET_NAME": "encodes", "S3_OUTPUT_ACCESS_KEY": "access", "S3_OUTPUT_SECRET_KEY": "secret",
	}
}

// Environ is [Env] in the form that os/exec takes: NAME=VALUE, sorted by name.
func Environ(url string) []string {
	var environ []string
	env := Env(url)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		environ = append(environ, name+"="+env[name])
	}
	return environ
}

// Package platform gives tests a simulated platform over HTTP, and the environment of a service on it.
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

// Env is the environment in which stoker serve has an account, an input and an output on the platform
// at url, named default.
func Env(url string) map[string]string {
	return map[string]string{
		"STOKER_BITMOVIN_URL": url, "BITMOVIN_API_KEY": "key", "HTTP_INPUT_HOST": "masters.example.com",
		"S3_OUTPUT_BUCKET_NAME": "encodes", "S3_OUTPUT_ACCESS_KEY": "access", "S3_OUTPUT_SECRET_KEY": "secret",
	}
}

// Environ is [Env] as a process takes it.
func Environ(url string) []string {
	var environ []string
	env := Env(url)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		environ = append(environ, name+"="+env[name])
	}
	return environ
}

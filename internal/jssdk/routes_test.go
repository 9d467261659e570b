package jssdk

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// The simulator has no route that the official SDK does not have: a client that works with it would
// fail on the platform.
func TestRoutes(t *testing.T) {
	needSDK(t)
	official := officialRoutes(t)
	if len(official) < 1000 {
		t.Fatalf("found %d routes in the SDK", len(official))
	}
	for _, route := range simulator.Routes() {
		if !official[withoutNames(route)] {
			t.Errorf("the SDK has no %s", route)
		}
	}
}

// officialRoutes reads the routes from the code of the SDK.
func officialRoutes(t *testing.T) map[string]bool {
	t.Helper()
	call := regexp.MustCompile(`restClient\.(get|post|put|delete)\('([^']+)'`)
	routes := map[string]bool{}
	root := filepath.Join("node_modules", "@bitmovin", "api-sdk", "dist")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "Api.js") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range call.FindAllStringSubmatch(string(text), -1) {
			routes[withoutNames(strings.ToUpper(found[1])+" "+found[2])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

// withoutNames removes the names of the ids in a route.
func withoutNames(route string) string {
	return regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(route, "{}")
}

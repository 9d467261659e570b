package browser

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
)

const webDir = "../../web"

// TestPage runs the tests of web/test.
func TestPage(t *testing.T) {
	needBrowser(t)
	w := newWorld(t)
	control := httptest.NewServer(w.control())
	defer control.Close()
	run(t, w.environ(control.URL), "npm", "test", "--silent")
}

// TestBench prints the times and the heap of docs/figures.md; `make page-bench` runs it.
func TestBench(t *testing.T) {
	if os.Getenv("STOKER_PAGE_BENCH") == "" {
		t.Skip("prints figures and checks nothing: make page-bench runs it")
	}
	needBrowser(t)
	w := newWorld(t)
	control := httptest.NewServer(w.control())
	defer control.Close()
	run(t, w.environ(control.URL), "npm", "run", "--silent", "bench")
}

// TestScreenshots takes the pictures of docs/page; `make screenshots` runs it.
func TestScreenshots(t *testing.T) {
	if os.Getenv("STOKER_SCREENSHOTS") == "" {
		t.Skip("takes pictures and checks nothing: make screenshots runs it")
	}
	needBrowser(t)
	w := newWorld(t)
	control := httptest.NewServer(w.control())
	defer control.Close()
	run(t, w.environ(control.URL), "npm", "run", "--silent", "screenshots")
}

// run runs a program in web/ and shows what it printed.
func run(t *testing.T, environ []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = webDir, environ
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Errorf("%v: %v", cmd.Args, err)
	}
}

// needBrowser skips the test where it cannot run, and fails it with CI=true.
func needBrowser(t *testing.T) {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath("node"); err != nil {
		missing = "node is not installed: the page is not tested in a browser"
	} else if _, err := exec.LookPath("chromium"); err != nil {
		missing = "chromium is not installed: the page is not tested in a browser"
	} else if _, err := os.Stat(webDir + "/node_modules/playwright-core"); err != nil {
		missing = "web/node_modules is missing: npm ci --prefix web makes it, and then the page is tested in a browser"
	}
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
}

package browser

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/demo"
	"github.com/stokerd/stoker/internal/service"
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
	platforms := demo.NewPlatforms(time.Second)
	simulation := &service.Simulation{
		Simulator: platforms.Default, Others: map[string]*simulator.Simulator{demo.Partner: platforms.Partner}, Templates: demo.Templates(),
		Listen: "127.0.0.1:0", WebListen: "127.0.0.1:0", DB: filepath.Join(t.TempDir(), "stoker.db"), QueueTarget: demo.QueueTarget, PollInterval: time.Second,
	}
	err := simulation.Run(t.Context(), func(ctx context.Context, s *service.Service) (err error) {
		conn, err := client.Dial(s.Address("--listen"), client.Options{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		if err := (demo.Story{Platforms: platforms, Client: conn}).Tell(ctx); err != nil {
			return err
		}
		run(t, append(os.Environ(), "STOKER_PAGE="+s.WebAddress()+"/"), "npm", "run", "--silent", "screenshots")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
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

package docstest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/gobuild"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/internal/testkit/transcript"
	"github.com/stokerd/stoker/store/postgres"
)

// TestPages runs the console blocks of the pages that have any. The cookbook is run twice: as it is, and with each
// call by grpcurl made by curl instead.
func TestPages(t *testing.T) {
	for _, page := range []string{"README.md", "docs/tour.md", "docs/cookbook.md", "docs/cookbook.md by curl"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			page, byCurl := strings.CutSuffix(page, " by curl")
			s := newSession(t, page != "docs/cookbook.md")
			if byCurl {
				s.standInForGrpcurl(t)
			}
			runPage(t, s, page)
		})
	}
}

// TestCookbookOverTLS runs the cookbook once more, with TLS and a token. What it prints is the same.
func TestCookbookOverTLS(t *testing.T) {
	t.Parallel()
	runPage(t, newSecureSession(t), "docs/cookbook.md")
}

// TestDatabasePage runs the page about PostgreSQL, with a database and with a job table in a file that moves there.
func TestDatabasePage(t *testing.T) {
	t.Parallel()
	database := pgserver.Empty(t)
	s := newSession(t, false)
	s.address["postgres://stoker@db.example/stoker"] = "'" + database + "'" // there is a question mark in it
	s.says = map[string]string{postgres.Name(database): "postgres://stoker@db.example:5432/stoker"}
	for _, command := range []string{"stoker submit examples/open-movies.csv", "stoker backup create stoker.db --db service.db"} {
		if printed, code, err := s.run(command); code != "0" || err != nil {
			t.Fatalf("%s: exit code %s, %v:\n%s", command, code, err, strings.Join(printed, "\n"))
		}
	}
	runPage(t, s, "docs/postgresql.md")
}

// runPage runs the console blocks of a page.
func runPage(t *testing.T, s *session, page string) {
	t.Helper()
	n, grpcurls := 0, 0
	for _, b := range blocks(t, page) {
		if b.language != "console" {
			continue
		}
		for _, c := range b.commands() {
			s.check(t, page, c)
			n++
			grpcurls += strings.Count(c.text, "grpcurl ")
		}
	}
	if n == 0 {
		t.Error("no command was run: the page has no console block")
	}
	transcript.Add(t, "%s: %d commands printed what the page says, %d of them calls by grpcurl", page, n, grpcurls)
}

// TestGoProgram compiles the Go program of the tour and runs it.
func TestGoProgram(t *testing.T) {
	const page = "docs/tour.md"
	s := newSession(t, true)
	for _, b := range blocks(t, page) {
		if b.language != "go" {
			continue
		}
		file := filepath.Join(s.dir, "main.go")
		if err := os.WriteFile(file, []byte(strings.Join(b.lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		// The program is compiled as if it stood in this module, whose packages it imports.
		const place = "internal/docstest/program"
		target, err := filepath.Abs(filepath.Join(root, place, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		overlay, err := json.Marshal(map[string]map[string]string{"Replace": {target: file}})
		if err != nil {
			t.Fatal(err)
		}
		replace := filepath.Join(s.dir, "overlay.json")
		if err := os.WriteFile(replace, overlay, 0o644); err != nil {
			t.Fatal(err)
		}
		// The service of the test listens elsewhere than the one of the page.
		text := strings.ReplaceAll(strings.Join(b.lines, "\n"), "127.0.0.1:7070", s.address["127.0.0.1:7070"])
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := gobuild.Program(t.Context(), filepath.Join(s.dir, "program"), place, "-overlay", replace); err != nil {
			t.Fatal(err)
		}
		s.check(t, page, command{line: b.line, text: "./program", want: []string{"…", "BATCH_STATE_SUCCEEDED 100 %"}})
		return
	}
	t.Fatalf("%s has no Go program", page)
}

// usage finds stoker commands in a line of shell.
var usage = regexp.MustCompile(`(?:^|[|&;(]\s*)(?:bin/)?stoker( (?:'[^']*'|[^'|&;<>)#])*)?`)

// TestUsage checks that every stoker command of every page is valid.
func TestUsage(t *testing.T) {
	stoker := filepath.Join(t.TempDir(), "stoker")
	if err := gobuild.Program(t.Context(), stoker, "cmd/stoker"); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.language != "sh" {
				continue
			}
			text := strings.ReplaceAll(strings.Join(b.lines, "\n"), "\\\n", " ")
			for line := range strings.Lines(text) {
				for _, found := range usage.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
					n++
					// With --help a command checks its flags and does nothing.
					cmd := exec.CommandContext(t.Context(), "sh", "-c", stoker+" "+strings.TrimSpace(found[1])+" --help")
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("%s:%d: %s: %v\n%s", page, b.line, found[0], err, out)
					}
				}
			}
		}
	}
	if n == 0 {
		t.Error("no command was found: the pattern no longer fits the pages")
	}
}

// TestEveryMethod checks that the cookbook shows every method of the contract.
func TestEveryMethod(t *testing.T) {
	cookbook, err := os.ReadFile(filepath.Join(root, "docs/cookbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	rpc := regexp.MustCompile(`(?m)^  rpc (\w+)\(`)
	n := 0
	for _, service := range []struct{ name, file string }{
		{"BatchService", "batch_service.proto"},
		{"AccountService", "account_service.proto"},
		{"AccessService", "access_service.proto"},
		{"AuditService", "audit_service.proto"},
		{"DiagnosticsService", "diagnostics_service.proto"},
		{"NotificationService", "notification_service.proto"},
	} {
		text, err := os.ReadFile(filepath.Join(root, "proto/stoker/v1", service.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range rpc.FindAllStringSubmatch(string(text), -1) {
			n++
			if method := "stoker.v1." + service.name + "/" + m[1]; !strings.Contains(string(cookbook), method) {
				t.Errorf("docs/cookbook.md never calls %s", method)
			}
		}
	}
	if n == 0 {
		t.Error("no method was found: the pattern no longer fits the contract")
	}
}

// TestNamedTests finds every test that a page calls by its name.
func TestNamedTests(t *testing.T) {
	declared := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declaration.FindAllStringSubmatch(string(text), -1) {
			declared[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
	n := 0
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			n++
			if !declared[m[1]] {
				t.Errorf("%s names %s, which does not exist", page, m[1])
			}
		}
	}
	if n == 0 {
		t.Error("no test is named: the pattern no longer fits the pages")
	}
}

// pages lists the pages of the project, but for the changes.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			page, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page)
		}
	}
	return all
}

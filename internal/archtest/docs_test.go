package archtest

import (
	"flag"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
)

var (
	mdLink     = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)\s]*)?\)`)
	makeUse    = regexp.MustCompile("(?m)(?:`|^\\$ )make ([a-z][a-z/]*)")
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z/]*):`)
)

// TestDocs holds the pages of the project to what they point at: files that exist, targets that exist.
func TestDocs(t *testing.T) {
	root := os.DirFS("../..")
	makefile, err := fs.ReadFile(root, "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range makeTarget.FindAllSubmatch(makefile, -1) {
		targets = append(targets, string(m[1]))
	}

	links, uses := 0, 0
	for _, page := range pages(t, root) {
		text, err := fs.ReadFile(root, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mdLink.FindAllSubmatch(text, -1) {
			link := string(m[1])
			if strings.Contains(link, "://") {
				continue
			}
			links++
			if _, err := fs.Stat(root, path.Join(path.Dir(page), link)); err != nil {
				t.Errorf("%s: link: %v", page, err)
			}
		}
		for _, m := range makeUse.FindAllSubmatch(text, -1) {
			uses++
			if target := string(m[1]); !slices.Contains(targets, target) {
				t.Errorf("%s: the Makefile has no target %q", page, target)
			}
		}
	}
	if links == 0 || uses == 0 {
		t.Errorf("found %d links and %d uses of make: the patterns no longer fit the pages", links, uses)
	}
}

var update = flag.Bool("update", false, "write the generated parts of docs/architecture.md")

// TestGeneratedParts holds what stands between markers in docs/architecture.md to the code that it shows.
func TestGeneratedParts(t *testing.T) {
	const name = "../../docs/architecture.md"
	for _, part := range []struct{ marker, want string }{
		{"packages", importTable(rules)},
		{"job states", "```mermaid\n" + job.Diagram() + "```\n"},
	} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		begin, end := "<!-- "+part.marker+": begin -->\n", "<!-- "+part.marker+": end -->\n"
		before, rest, begun := strings.Cut(string(page), begin)
		got, after, ended := strings.Cut(rest, end)
		switch {
		case !begun || !ended:
			t.Errorf("docs/architecture.md: the markers of the part %q are missing", part.marker)
		case got == part.want:
		case *update:
			if err := os.WriteFile(name, []byte(before+begin+part.want+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("docs/architecture.md: the part %q is out of date, run make generate/docs (-want +got):\n%s",
				part.marker, cmp.Diff(part.want, got))
		}
	}
}

// pages lists the Markdown files at the root of the module and below docs.
func pages(t *testing.T, root fs.FS) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

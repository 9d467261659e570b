package archtest

import (
	"flag"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
)

var (
	mdLink     = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	mdCode     = regexp.MustCompile("`[^`\n]*`")
	mdHeading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	mdFile     = regexp.MustCompile("`([a-z]+/[a-z0-9_/]+\\.[a-z]+)`")
	makeUse    = regexp.MustCompile("(?m)(?:`|^\\$ )make ([a-z][a-z/-]*)")
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z/-]*):`)
)

// TestDocs holds the pages of the project to what they point at: files, headings and targets that exist.
func TestDocs(t *testing.T) {
	root := os.DirFS("../..")
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(read(t, root, "Makefile"), -1) {
		targets[m[1]] = true
	}
	links, files, uses := 0, 0, 0
	for _, page := range pages(t, root) {
		text := read(t, root, page)
		for _, m := range mdLink.FindAllStringSubmatch(mdCode.ReplaceAllString(text, ""), -1) {
			if link, heading := m[1], m[2]; !strings.Contains(link, "://") {
				links++
				checkLink(t, root, page, link, heading)
			}
		}
		for _, m := range mdFile.FindAllStringSubmatch(text, -1) {
			files++
			if _, err := fs.Stat(root, m[1]); err != nil {
				t.Errorf("%s: names a file: %v", page, err)
			}
		}
		for _, m := range makeUse.FindAllStringSubmatch(text, -1) {
			uses++
			if !targets[m[1]] {
				t.Errorf("%s: the Makefile has no target %q", page, m[1])
			}
		}
	}
	if links == 0 || files == 0 || uses == 0 {
		t.Errorf("found %d links, %d files and %d uses of make: the patterns no longer fit the pages", links, files, uses)
	}
}

// checkLink follows a link of a page to a file, the page itself if it names none, and to a heading there.
func checkLink(t *testing.T, root fs.FS, page, link, heading string) {
	t.Helper()
	file := page
	if link != "" {
		file = path.Join(path.Dir(page), link)
	}
	if _, err := fs.Stat(root, file); err != nil {
		t.Errorf("%s: link: %v", page, err)
		return
	}
	if heading == "" {
		return
	}
	for _, m := range mdHeading.FindAllStringSubmatch(read(t, root, file), -1) {
		if anchor(m[1]) == heading {
			return
		}
	}
	t.Errorf("%s: link: %s has no heading #%s", page, file, heading)
}

// anchor is what a link calls a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// TestGlossary holds the glossary to its order.
func TestGlossary(t *testing.T) {
	var words []string
	for line := range strings.Lines(read(t, os.DirFS("../.."), "docs/glossary.md")) {
		if cells := strings.Split(line, "|"); len(cells) == 6 {
			words = append(words, strings.ToLower(strings.Trim(cells[1], " `")))
		}
	}
	if len(words) < 10 {
		t.Fatalf("found %d words: the pattern no longer fits the page", len(words))
	}
	words = words[2:] // without the head of the table
	for i, word := range words[1:] {
		if word <= words[i] {
			t.Errorf("docs/glossary.md: %q stands behind %q", word, words[i])
		}
	}
}

// TestWaitCodes finds every wait code in the page that explains them.
func TestWaitCodes(t *testing.T) {
	page := read(t, os.DirFS("../.."), "docs/troubleshooting.md")
	for _, code := range job.WaitCodes() {
		if !strings.Contains(page, "`"+string(code)+"`") {
			t.Errorf("docs/troubleshooting.md does not explain the wait code %s", code)
		}
	}
}

func read(t *testing.T, root fs.FS, name string) string {
	t.Helper()
	text, err := fs.ReadFile(root, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
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

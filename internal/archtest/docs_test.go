package archtest

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
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

package docstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestMessages finds every message that docs/troubleshooting.md and docs/postgresql.md quote in the texts of the
// program. "..." in a quote stands for what differs.
func TestMessages(t *testing.T) {
	texts := programTexts(t)
	for page, enough := range map[string]int{"docs/troubleshooting.md": 20, "docs/postgresql.md": 15} {
		if n := checkMessages(t, page, texts); n < enough {
			t.Errorf("found %d quotes: the pattern no longer fits %s", n, page)
		}
	}
}

// checkMessages finds the messages that a page quotes in tables whose first column is what "it says".
func checkMessages(t *testing.T, name, texts string) (quotes int) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	quote := regexp.MustCompile("`([^`]+)`")
	between := regexp.MustCompile(` *\.\.\.[ ,;]*|: `) // an error is a path of texts with colons between them
	inTable := false
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "|") {
			inTable = false
			continue
		}
		if strings.HasPrefix(line, "| it says |") {
			inTable = true
		}
		if !inTable {
			continue
		}
		for _, m := range quote.FindAllStringSubmatch(cells[0], -1) {
			quotes++
			for _, part := range between.Split(m[1], -1) {
				if !strings.Contains(texts, part) {
					t.Errorf("%s quotes %q: no text of the program has %q", name, m[1], part)
				}
			}
		}
	}
	return quotes
}

// programTexts are all string literals of the program, without those of tests. Those that are added are one text.
func programTexts(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, top := range []string{"bitmovin", "client", "cmd", "dispatcher", "internal", "job", "notifier", "server", "store", "webhook"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BinaryExpr:
					b.WriteString(added(n) + "\n")
				case *ast.BasicLit:
					b.WriteString(added(n) + "\n")
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// added is the text of a literal, or of literals that are added. What is no literal is left out.
func added(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return added(e.X) + added(e.Y)
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	}
	return ""
}

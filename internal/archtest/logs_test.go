package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// logMethods are the methods of a logger, with how many arguments come before the attributes.
var logMethods = map[string]int{
	"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2, "Log": 3, "LogAttrs": 3, "With": 0,
}

// logUse is one attribute, or one message, of a line that the source logs.
type logUse struct{ place, text string }

// logUses lists the attributes and messages of all lines that a file logs.
func logUses(t *testing.T, root fs.FS, name string, constants map[string]string) (attrs, messages []logUse) {
	t.Helper()
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, name, read(t, root, name), parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	place := func(n ast.Node) string { return positions.Position(n.Pos()).String() }
	pairs := func(list []ast.Expr) {
		for i := 0; i < len(list); i++ {
			key := list[i]
			if attr, ok := key.(*ast.CallExpr); ok && isSelector(attr.Fun, "slog") && len(attr.Args) > 0 {
				key = attr.Args[0]
			} else {
				i++ // its value
			}
			text, ok := constantText(key, constants)
			if !ok {
				text = "(not a constant)"
			}
			attrs = append(attrs, logUse{place(key), text})
		}
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			before, ok := logMethods[calledMethod(n)]
			switch {
			case isIdent(n.Fun, "append") && len(n.Args) > 1 && isIdent(n.Args[0], "attrs") && !n.Ellipsis.IsValid():
				pairs(n.Args[1:])
			case ok && isLogger(n.Fun) && len(n.Args) >= before:
				if before > 0 {
					if text, ok := constantText(n.Args[before-1], constants); ok {
						messages = append(messages, logUse{place(n), text})
					}
				}
				if !n.Ellipsis.IsValid() {
					pairs(n.Args[before:])
				}
			}
		case *ast.AssignStmt:
			for i, right := range n.Rhs {
				if list, ok := right.(*ast.CompositeLit); ok && len(n.Lhs) == len(n.Rhs) && isIdent(n.Lhs[i], "attrs") {
					pairs(list.Elts)
				}
			}
		}
		return true
	})
	return attrs, messages
}

// constantText returns the text of a string constant.
func constantText(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		text, ok := constants[e.Name]
		return text, ok
	}
	return "", false
}

func calledMethod(call *ast.CallExpr) string {
	if s, ok := call.Fun.(*ast.SelectorExpr); ok {
		return s.Sel.Name
	}
	return ""
}

// isLogger reports whether a method is called of something that is called a log.
func isLogger(fun ast.Expr) bool {
	s, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	switch x := s.X.(type) {
	case *ast.Ident:
		return x.Name == "log" || x.Name == "logger"
	case *ast.SelectorExpr:
		return x.Sel.Name == "log" || x.Sel.Name == "Logger" || x.Sel.Name == "logger"
	}
	return false
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func isSelector(e ast.Expr, pkg string) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && isIdent(s.X, pkg)
}

// constantsOf lists the string constants of a package by name.
func constantsOf(t *testing.T, root fs.FS, names []string) map[string]string {
	t.Helper()
	constants := map[string]string{}
	pattern := regexp.MustCompile(`(?m)^\s*(?:const )?([a-zA-Z]+Key)\s*= "([^"]*)"`)
	for _, name := range names {
		for _, m := range pattern.FindAllStringSubmatch(read(t, root, name), -1) {
			constants[m[1]] = m[2]
		}
	}
	return constants
}

// attributeRow is a row of the table of attributes in the documentation.
var attributeRow = regexp.MustCompile("`([a-z_]+)`")

// TestLogs holds every line that the source logs to the documented attributes, and to a message that is a
// constant and begins with a small letter. An attribute of another name is one that nobody searches by.
func TestLogs(t *testing.T) {
	root := os.DirFS("../..")
	const begin, end = "<!-- log attributes: begin -->", "<!-- log attributes: end -->"
	_, table, ok := strings.Cut(read(t, root, "docs/operations/monitor.md"), begin)
	table, _, closed := strings.Cut(table, end)
	if !ok || !closed {
		t.Fatalf("docs/operations/monitor.md has no table between %s and %s", begin, end)
	}
	documented := map[string]bool{}
	for row := range strings.Lines(table) {
		if first, _, ok := strings.Cut(strings.TrimPrefix(row, "| "), " | "); ok && strings.HasPrefix(row, "| `") {
			for _, m := range attributeRow.FindAllStringSubmatch(first, -1) {
				documented[m[1]] = false
			}
		}
	}
	byPackage := map[string][]string{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (skipDir(root, name) || name == "gen" || name == "internal/logdedup"): // which passes on the lines of others
			return fs.SkipDir
		case !entry.IsDir() && path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go"):
			byPackage[path.Dir(name)] = append(byPackage[path.Dir(name)], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, names := range byPackage {
		constants := constantsOf(t, root, names)
		for _, name := range names {
			attrs, messages := logUses(t, root, name, constants)
			for _, a := range attrs {
				if _, ok := documented[a.text]; !ok {
					t.Errorf("%s: the attribute %s is not in the table of docs/operations/monitor.md: take one that is", a.place, a.text)
				}
				documented[a.text] = true
			}
			for _, m := range messages {
				lines++
				if first := []rune(m.text + " ")[0]; unicode.IsUpper(first) {
					t.Errorf("%s: the message %q begins with a capital letter", m.place, m.text)
				}
			}
		}
	}
	if lines < 50 {
		t.Errorf("found %d lines: the patterns no longer fit the source", lines)
	}
	for name, used := range documented {
		if !used && !slices.Contains([]string{"repeated", "since", "until", "left_out"}, name) { // of internal/logdedup
			t.Errorf("docs/operations/monitor.md has the attribute %s, which no line has", name)
		}
	}
}

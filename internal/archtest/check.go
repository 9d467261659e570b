package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// file is one Go source file of the module, tests aside.
type file struct {
	path      string
	imports   []string
	lines     int
	generated bool
}

// pkg returns the file's package path below the module.
func (f file) pkg() string { return path.Dir(f.path) }

// check reads the module rooted at fsys and returns one sentence for every broken rule, sorted.
// Build tags are not looked at: a rule holds on every platform.
func check(fsys fs.FS, rules map[string]rule) ([]string, error) {
	files, err := sources(fsys)
	if err != nil {
		return nil, err
	}
	var broken []string
	seen := map[string]bool{}
	for _, f := range files {
		seen[f.pkg()] = true
		broken = append(broken, checkFile(f, rules)...)
	}
	for name := range rules {
		if !seen[name] {
			broken = append(broken, fmt.Sprintf("%s: has a rule but no package", name))
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken), nil
}

func checkFile(f file, rules map[string]rule) []string {
	var broken []string
	complain := func(format string, args ...any) {
		broken = append(broken, f.path+": "+fmt.Sprintf(format, args...))
	}

	own, ok := rules[f.pkg()]
	if !ok {
		complain("package %s has no rule: add it to the table in internal/archtest/rules.go", f.pkg())
		return broken
	}
	if f.lines > maxLines && !f.generated {
		complain("has %d lines, more than %d: split it by idea", f.lines, maxLines)
	}
	for _, imported := range f.imports {
		if why := forbidden(f.pkg(), own, imported, rules); why != "" {
			complain("imports %s: %s", imported, why)
		}
	}
	return broken
}

// forbidden says why the package, under its own rule, may not import the path; "" if it may.
func forbidden(pkg string, own rule, imported string, rules map[string]rule) string {
	if inModule, ok := strings.CutPrefix(imported, module+"/"); ok {
		switch {
		case rules[inModule].testSupport && !own.testSupport:
			return "it is for tests only"
		case !own.everything && !slices.Contains(own.imports, inModule):
			return fmt.Sprintf("%s may not import it", pkg)
		}
		return ""
	}
	if within(imported, []string{"testing"}) && !own.testSupport {
		return "test packages stay out of programs"
	}
	// A module path starts with a host name; the standard library's paths have no dot there.
	host, _, _ := strings.Cut(imported, "/")
	if own.stdOnly && strings.Contains(host, ".") {
		return fmt.Sprintf("%s uses the standard library alone", pkg)
	}
	for _, home := range homes {
		if within(imported, home.technology) && !within(pkg, home.packages) {
			return fmt.Sprintf("its home is %s", strings.Join(home.packages, ", "))
		}
	}
	return ""
}

// sources parses the imports of every Go file of the module, leaving out tests, nested modules
// (their go.mod makes them somebody else) and what the go command ignores as well.
func sources(fsys fs.FS) ([]file, error) {
	var files []file
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && skipDir(fsys, name) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parse(fsys, name)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	return files, nil
}

func skipDir(fsys fs.FS, name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules" {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(name, "go.mod"))
	return err == nil
}

func parse(fsys fs.FS, name string) (file, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return file{}, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return file{}, err
	}
	f := file{
		path:      name,
		lines:     bytes.Count(text, []byte("\n")),
		generated: ast.IsGenerated(syntax),
	}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}

package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// file is what the rules need to know of one Go source file. Of a test it is the imports alone.
type file struct {
	path       string
	test       bool
	imports    []string
	lines      int
	generated  bool
	methods    map[string][]string // by the type that has them
	types      []string
	interfaces map[string]int // methods, by the interface that lists them
	words      map[string]int // of identifiers, comments and the file's name, in lower case: the first line of each
}

// pkg returns the file's package path below the module.
func (f file) pkg() string { return path.Dir(f.path) }

// sources parses every Go file of the module. It skips nested modules, which have rules of their own,
// and the folders that the go command ignores as well.
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
		if path.Ext(name) != ".go" {
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
	f := file{path: name, test: strings.HasSuffix(name, "_test.go"), lines: bytes.Count(text, []byte("\n"))}
	mode := parser.ParseComments | parser.SkipObjectResolution
	if f.test {
		mode = parser.ImportsOnly
	}
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, name, text, mode)
	if err != nil {
		return file{}, err
	}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		f.imports = append(f.imports, imported)
	}
	if f.test {
		return f, nil
	}
	f.generated = ast.IsGenerated(syntax)
	f.types, f.methods, f.interfaces = typeNames(syntax), methods(syntax), interfaces(syntax)
	f.words = words(syntax, positions, strings.TrimSuffix(path.Base(name), ".go"))
	return f, nil
}

// methods lists the names of the file's methods by the type of their receiver.
func methods(syntax *ast.File) map[string][]string {
	names := map[string][]string{}
	for _, decl := range syntax.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
			owner := typeName(f.Recv.List[0].Type)
			names[owner] = append(names[owner], f.Name.Name)
		}
	}
	return names
}

// typeNames lists the types that the file declares.
func typeNames(syntax *ast.File) []string {
	var names []string
	for _, decl := range syntax.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.TYPE {
			for _, spec := range d.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					names = append(names, t.Name.Name)
				}
			}
		}
	}
	return names
}

// interfaces counts the methods that each interface of the file lists itself.
func interfaces(syntax *ast.File) map[string]int {
	counts := map[string]int{}
	ast.Inspect(syntax, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if i, ok := spec.Type.(*ast.InterfaceType); ok {
			for _, field := range i.Methods.List {
				counts[spec.Name.Name] += len(field.Names)
			}
		}
		return true
	})
	return counts
}

// typeName returns the name of a receiver's type, without a star and type parameters.
func typeName(receiver ast.Expr) string {
	switch t := receiver.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// word is one word of an identifier in camel case, or of a text.
var word = regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+`)

// words lists the words that the file uses to name and to explain, each with its first line.
func words(syntax *ast.File, positions *token.FileSet, name string) map[string]int {
	first := map[string]int{}
	note := func(text string, line int) {
		for _, w := range word.FindAllString(text, -1) {
			w = strings.ToLower(w)
			if before, ok := first[w]; !ok || line < before {
				first[w] = line
			}
		}
	}
	note(name, 1)
	ast.Inspect(syntax, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok {
			note(name.Name, positions.Position(name.Pos()).Line)
		}
		return true
	})
	for _, group := range syntax.Comments {
		for _, c := range group.List {
			start := positions.Position(c.Pos()).Line
			for i, line := range strings.Split(c.Text, "\n") {
				note(line, start+i)
			}
		}
	}
	return first
}

package archtest

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// check reads the module rooted at fsys and returns one sentence for every broken rule, sorted.
// Build tags are ignored: a rule holds on every platform.
func check(fsys fs.FS, rules []rule) ([]string, error) {
	files, err := sources(fsys)
	if err != nil {
		return nil, err
	}
	broken := checkTable(rules)
	table := map[string]rule{}
	for _, r := range rules {
		table[r.pkg] = r
	}
	used := map[string]map[string]bool{} // by package: what its files import
	methods := map[string]int{}          // by package and type
	for _, f := range files {
		if f.test {
			broken = append(broken, checkTest(f, rules)...)
			continue
		}
		broken = append(broken, checkFile(f, table)...)
		if used[f.pkg()] == nil {
			used[f.pkg()] = map[string]bool{}
		}
		for _, imported := range f.imports {
			used[f.pkg()][imported] = true
		}
		for typ, names := range f.methods {
			methods[f.pkg()+"."+typ] += len(names)
		}
	}
	for typ, n := range methods {
		if n > maxMethods {
			broken = append(broken, fmt.Sprintf("%s: has %d methods, more than %d: split it by what it owns", typ, n, maxMethods))
		}
	}
	for _, r := range rules {
		broken = append(broken, checkUse(r, used[r.pkg])...)
	}
	broken = append(broken, checkNames(files)...)
	slices.Sort(broken)
	return slices.Compact(broken), nil
}

// checkNames finds the names that a type and a method of one package share. An error type may be
// called Error, as its method has to be.
func checkNames(files []file) []string {
	var broken []string
	types := map[string]bool{} // by package and name
	for _, f := range files {
		for _, name := range f.types {
			types[f.pkg()+"."+name] = true
		}
	}
	for _, f := range files {
		if f.generated {
			continue
		}
		for owner, names := range f.methods {
			for _, name := range names {
				if name != "Error" && types[f.pkg()+"."+name] {
					broken = append(broken, fmt.Sprintf("%s: %s.%s has the name of a type: call the method by a verb", f.path, owner, name))
				}
			}
		}
	}
	return broken
}

// checkTable holds the table itself to its order.
func checkTable(rules []rule) []string {
	var broken []string
	above := map[string]bool{}
	for _, r := range rules {
		if above[r.pkg] {
			broken = append(broken, fmt.Sprintf("%s: has two lines", r.pkg))
		}
		for _, imported := range r.imports {
			if !above[imported] {
				broken = append(broken, fmt.Sprintf("%s: may import %s, which has no line above it", r.pkg, imported))
			}
		}
		above[r.pkg] = true
	}
	return broken
}

// checkUse finds a line without a package, and what a line permits in vain.
func checkUse(r rule, used map[string]bool) []string {
	if used == nil {
		return []string{fmt.Sprintf("%s: has a rule but no package", r.pkg)}
	}
	var broken []string
	for _, imported := range r.imports {
		if !used[module+"/"+imported] {
			broken = append(broken, fmt.Sprintf("%s: may import %s and does not: shorten its line", r.pkg, imported))
		}
	}
	for _, other := range r.uses {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(used)), func(path string) bool { return within(path, []string{other}) }) {
			broken = append(broken, fmt.Sprintf("%s: may use %s and does not: shorten its line", r.pkg, other))
		}
	}
	return broken
}

func checkFile(f file, table map[string]rule) []string {
	var broken []string
	complain := func(format string, args ...any) {
		broken = append(broken, f.path+": "+fmt.Sprintf(format, args...))
	}

	own, ok := table[f.pkg()]
	if !ok {
		complain("package %s has no rule: add it to the table in internal/archtest/rules.go", f.pkg())
		return broken
	}
	if f.lines > maxLines && !f.generated {
		complain("has %d lines, more than %d: split it by idea", f.lines, maxLines)
	}
	for name, n := range f.interfaces {
		if n > maxInterface && !f.generated {
			complain("interface %s lists %d methods, more than %d: split it by consumer", name, n, maxInterface)
		}
	}
	for _, imported := range f.imports {
		if why := forbidden(own, imported, table); why != "" {
			complain("imports %s: %s", imported, why)
		}
	}
	if !f.generated {
		for word, line := range f.words {
			if instead, ok := coined[strings.TrimSuffix(word, "s")]; ok {
				broken = append(broken, fmt.Sprintf("%s:%d: says %q: say %s", f.path, line, word, instead))
			}
		}
	}
	return broken
}

// checkTest holds the imports of a test to the modules that somebody has listed.
func checkTest(f file, rules []rule) []string {
	var broken []string
	for _, imported := range f.imports {
		known := !outside(imported) || within(imported, testModules) ||
			slices.ContainsFunc(rules, func(r rule) bool { return within(imported, r.uses) })
		if !known {
			broken = append(broken, fmt.Sprintf("%s: imports %s: add its module to testModules in internal/archtest/rules.go", f.path, imported))
		}
	}
	return broken
}

// forbidden says why a package may not import the path by its own rule; "" if it may.
func forbidden(own rule, imported string, table map[string]rule) string {
	inModule, ours := strings.CutPrefix(imported, module+"/")
	switch {
	case ours && table[inModule].testSupport && !own.testSupport:
		return "it is for tests only"
	case ours && !own.everything && !slices.Contains(own.imports, inModule):
		return fmt.Sprintf("%s may not import it", own.pkg)
	case within(imported, []string{"testing"}) && !own.testSupport:
		return "test packages stay out of programs"
	case (outside(imported) || within(imported, guarded)) && !within(imported, own.uses):
		return fmt.Sprintf("%s may not use it: its line in internal/archtest/rules.go does not name it", own.pkg)
	}
	return ""
}

// outside reports whether the path belongs to another module. A module path starts with a host name;
// the standard library's paths have no dot there.
func outside(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return strings.Contains(host, ".") && !within(path, []string{module})
}

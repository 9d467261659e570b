package archtest

import (
	"cmp"
	"fmt"
	"strings"
)

// importTable writes the rules as two tables in Markdown: the packages of the programs, and those of
// the tests.
func importTable(rules []rule) string {
	var programs, tests strings.Builder
	programs.WriteString("| package | what it is | imports of this module | also uses |\n|---|---|---|---|\n")
	tests.WriteString("| for tests only | what it is |\n|---|---|\n")
	for _, r := range rules {
		if r.testSupport {
			fmt.Fprintf(&tests, "| `%s` | %s |\n", r.pkg, r.is)
			continue
		}
		imports := codes(r.imports)
		if r.everything {
			imports = "everything"
		}
		fmt.Fprintf(&programs, "| `%s` | %s | %s | %s |\n", r.pkg, r.is, cmp.Or(imports, "none"), cmp.Or(codes(r.uses), "none"))
	}
	return programs.String() + "\n" + tests.String()
}

// codes lists names as code.
func codes(names []string) string {
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, "`"+name+"`")
	}
	return strings.Join(quoted, ", ")
}

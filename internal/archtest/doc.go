// Package archtest is the shape of the module, as a test: which package may import which, which other
// modules it may use, how long a file and how large a type may grow, and which words name nothing here.
//
// All of it stands in rules.go. To add a package, add its line to the table there and say what the
// package is; docs/architecture.md shows the same table, which `make generate/docs` writes. To use
// another module in a package, add the module to the package's line.
//
// Files of tests (_test.go) may import any package of this module and every module that some line names
// or that stands in testModules. Generated files may be long.
package archtest

// Package archtest holds the shape of the module, as a test: which package may import which, where
// outside technologies have their home, and how long a file may grow.
//
// The rules in one breath: imports go one way, from job outwards; only cmd sees everything; gRPC stays
// in the packages that speak it and SQL in the one that stores; what exists for tests is never linked
// into a program. To add a package, add its line to the table in rules.go and say there what it is for.
//
// Files of tests (_test.go) are free to import whatever they test against, and are not looked at.
package archtest

// Package docstest holds README.md and the pages below docs to the truth.
//
// What stands in a block marked console is run, line by line, by one shell for each
// page, against the real command, a real service and the simulator. A line that begins
// with "$ " is a command; it ends where its quotes and its here-document end. It has to
// succeed. The lines below it are what it has to print: "…" alone stands for any number
// of lines, within a line for any text, and identifiers and times match any others. A
// command with nothing below it may print anything.
//
// What stands in a block marked sh is not run, because it needs an account, a network or
// a terminal; its stoker commands have to be ones that the command line understands.
// The Go program of the tour is compiled and run against the same service.
package docstest

// Package docstest checks README.md and the pages below docs by running what they show.
//
// A block marked console is run, line by line, by one shell for each page, against the
// real command, a real service and the simulator. A line that begins with "$ " is a
// command; it ends where its quotes and its here-document end. It has to succeed. The
// lines below it are its output: "…" alone stands for any number of lines, within a line
// for any text, and identifiers and times match any others. A command with no lines below
// it may print anything.
//
// A block marked sh is not run, because it needs an account, a network or a terminal. Its
// stoker commands have to be valid.
// The Go program of the tour is compiled and run against the same service.
package docstest

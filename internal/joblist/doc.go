// Package joblist reads lists of jobs that people write by hand, export from a
// spreadsheet or print from a program.
//
// A list is CSV or JSON Lines, in UTF-8. The first row of CSV names the columns, in any order:
//
//	key          chosen by the caller, unique in the list; optional
//	name         shown to people; optional
//	input_path   path of the asset on the input storage
//	output_path  directory on the output storage; default: input_path without its extension
//	var:<name>   value of the variable <name> of an encoding template; any number of them
//
// The delimiter is the comma. Fields may be quoted. White space around a field is dropped, unless
// it is in quotes. An empty field counts as missing. A list may have a byte order mark, CRLF, and
// empty lines, rows and columns. JSON Lines has one object per line with the same field names;
// variables may also stand in one object named variables. A line of JSON Lines and a field of CSV
// may have 1 MiB.
//
// Reading goes on after a mistake, so that every bad line is reported, with its number. The
// package checks the form of the list and finds duplicate keys. The server checks the jobs: which
// paths they need, and which of them may be equal.
package joblist

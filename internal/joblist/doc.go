// Package joblist reads lists of jobs that people write by hand, export from a
// spreadsheet or print from a program.
//
// A list is CSV or JSON Lines, in UTF-8. The first line of CSV names the columns, in any order:
//
//	key          chosen by the caller, unique in the list; optional
//	name         shown to people; optional
//	input_path   path of the asset on the input storage
//	output_path  directory on the output storage; default: input_path without its extension
//	var:<name>   value of the variable <name> of an encoding template; any number of them
//
// The delimiter is the comma. Quoted fields, a byte order mark, CRLF, and empty lines, rows and
// columns are fine. JSON Lines has one object per line with the same field names; variables may
// also stand in one object named variables.
//
// Reading goes on after a mistake, so that every bad line is reported, with its number. The
// package checks what concerns the list alone. Rules about jobs, such as which paths they need
// and which of them may be equal, belong to the server.
package joblist

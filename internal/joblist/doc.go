// Package joblist reads lists of jobs that people write by hand, export from a
// spreadsheet or print from a program.
//
// A list is CSV or JSON Lines, in UTF-8. CSV starts with a line that names the
// columns, in any order:
//
//	key          chosen by you, unique in the list; optional
//	name         shown to people; optional
//	input_path   path of the asset on the input storage
//	output_path  directory on the output storage; default: input_path without its extension
//	var:<name>   value of the variable <name> of an encoding template; any number of them
//
// The delimiter is the comma; quoted fields, a byte order mark, CRLF, and empty lines, rows
// and columns are fine. JSON Lines has one object per line with the same field names; variables
// may also be given as one object named variables.
//
// A mistake never stops the reading: every bad line is reported, with its number.
package joblist

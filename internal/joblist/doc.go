// Package joblist reads lists of jobs as people write them, spreadsheets export them, and buckets and
// programs print them.
//
// A list is CSV, JSON, or one of three formats that have to be named: [Paths], [S3Inventory] and
// [S3Listing]. The first row of CSV names the columns, in any order:
//
//	key          chosen by the caller, unique in the list; optional
//	name         shown to people; optional
//	input_path   path of the asset on the input storage
//	output_path  directory on the output storage; optional
//	var:<name>   value of the variable <name> of an encoding template; any number of them
//
// What is certain is understood. What is not is refused, because a wrong path costs money: the
// [Error] says where, and which options take the list.
//
//   - Text is UTF-8 or UTF-16, told from the bytes, or has the charset that is named. It may be packed
//     by gzip. Lines end in LF, CRLF or CR.
//   - The separator of CSV is comma, semicolon or tab: the one that makes the first row known columns.
//     A line sep=; before it names any other. Blanks in quotes are kept.
//   - JSON is one object per line, one after the other, or an array of them. A number is its text as it
//     is written.
//   - Upper and lower case of a column do not matter, nor do blank, - and _. Other columns are unknown,
//     unless [Options.Columns] says what they are.
//   - Lines that begin with # or // are comments in CSV and JSON. In CSV, a row that begins so and may
//     be a job is refused.
//   - A header in the middle, numbers that a spreadsheet has shortened, and its formula errors are
//     mistakes. So is text that is cut off.
//
// A line, a field of CSV and an object of JSON may have 1 MiB. Read keeps the jobs in memory, and nothing
// else of the list.
//
// Reading goes on after a mistake, so that every bad line is reported, with its number. The
// package checks the form of the list and finds duplicate keys. The server checks the jobs: which
// paths they need and have, and which of them may be equal.
package joblist

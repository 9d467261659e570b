// Package output prints what a command has to show, in the format that its user chose: as a table that fits
// the terminal, as lines with tabs for the next program, or as JSON, YAML or CSV.
//
// A [Listing] says once which columns the messages of a type have. From it come every format, the names
// that --columns and --sort take, and what they complete to. A [Sheet] is a single thing on one screen.
// A [Look] has the facts that decide how either looks: the terminal's width, its colours, its characters,
// the time and the zone.
//
// The package makes no call, reads no flag, and knows no message of the contract in particular. Names,
// reasons and errors come from users and from the platform, and may contain control characters: everything
// goes through [Printable], or is escaped in JSON and YAML.
package output

package output

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/spelling"
)

// Format is a format of output.
type Format string

// The formats.
const (
	// FormatTable is a table that fits the terminal; lines with tabs in a pipe or file.
	FormatTable Format = "table"
	// FormatWide is a table of all columns, in which nothing is cut.
	FormatWide Format = "wide"
	// FormatJSON is one document: an array of messages, or one message.
	FormatJSON Format = "json"
	// FormatJSONL is one message in each line.
	FormatJSONL Format = "jsonl"
	// FormatYAML is a list of messages, or one message.
	FormatYAML Format = "yaml"
	// FormatCSV has a line with the names of the contract's fields, and one for each message.
	FormatCSV Format = "csv"
	// FormatName is what other commands take for each message.
	FormatName Format = "name"
)

// ListingFormats are the formats of a listing, and of a single thing that can be listed.
func ListingFormats() []Format {
	return []Format{FormatTable, FormatWide, FormatJSON, FormatJSONL, FormatYAML, FormatCSV, FormatName}
}

// Options are what the user chose. The zero value is a table.
type Options struct {
	Format   Format   // -o; empty: table, or json with JQ
	JQ       string   // --jq: an expression over what would be printed as JSON
	Columns  []string // --columns: names of columns, or fields of the contract; empty: the usual ones
	Sort     string   // --sort: a column or field; with - before it the largest comes first
	Most     int      // with Sort: how many of the sorted messages are printed; 0: all
	NoHeader bool     // --no-header
	UTC      bool     // --utc
	BOM      bool     // --bom: CSV for a spreadsheet
}

// format is the chosen format.
func (o Options) format() Format {
	switch {
	case o.Format != "":
		return o.Format
	case o.JQ != "":
		return FormatJSON
	}
	return FormatTable
}

// ForPrograms reports whether the output is one of messages, and not for people.
func (o Options) ForPrograms() bool {
	switch o.format() {
	case FormatTable, FormatWide:
		return false
	}
	return true
}

// Chosen reports whether the user chose a format, so that nothing else should be said.
func (o Options) Chosen() bool { return o.Format != "" || o.JQ != "" }

// Check checks the options that do not depend on the columns. formats are those that the command has.
func (o Options) Check(formats []Format) error {
	f := o.format()
	if !slices.Contains(formats, f) {
		names := make([]string, len(formats))
		for i, known := range formats {
			names[i] = string(known)
		}
		return fmt.Errorf("-o %s: want %s%s", f, listed(names), spelling.Hint(string(f), names))
	}
	if o.BOM && f != FormatCSV {
		return fmt.Errorf("--bom is for -o csv")
	}
	if o.JQ != "" {
		if f != FormatJSON && f != FormatJSONL {
			return fmt.Errorf("--jq is for -o json, where it sees the whole array, and for -o jsonl, where it sees one message at a time; not for -o %s", f)
		}
		if _, err := newQuery(o.JQ); err != nil {
			return err
		}
	}
	if len(o.Columns) > 0 && f != FormatTable && f != FormatWide && f != FormatCSV {
		return fmt.Errorf("--columns is for tables and CSV; --jq chooses among the fields of -o %s", f)
	}
	return nil
}

// listed joins names as a sentence does: "a, b or c".
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

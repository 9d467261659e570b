// Package examples holds lists and clients to try Stoker with.
package examples

import _ "embed"

// OpenMovies is a list of open films, as CSV: what the demo encodes.
//
//go:embed open-movies.csv
var OpenMovies string

// Package examples holds a list of inputs and clients in other languages.
package examples

import _ "embed"

// OpenMovies is a CSV list of open films, which the demo encodes.
//
//go:embed open-movies.csv
var OpenMovies string

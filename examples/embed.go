// Package examples holds a list of inputs, encoding templates and clients in other languages.
package examples

import "embed"

// OpenMovies is a CSV list of open films, which the demo encodes.
//
//go:embed open-movies.csv
var OpenMovies string

// Templates has the library of encoding templates, one file for each feature, in the directory
// templates.
//
//go:embed templates/*.yaml
var Templates embed.FS

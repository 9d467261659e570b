// Package web has the page: web/ has its source, and web/dist what is built of it and served.
package web

import (
	"embed"
	"io/fs"
	"strconv"
)

//go:embed dist
var dist embed.FS

// BatchURL is where a page at an address shows the batch of a number.
func BatchURL(address string, number int64) string {
	return address + "/#/batches/" + strconv.FormatInt(number, 10)
}

// Files are the files of the page, with index.html at the top.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is a valid one
	}
	return files
}

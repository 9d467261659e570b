package gateway

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// pageHandler serves the files of the page from memory.
type pageHandler map[string]pageFile // by path, such as /assets/index.js

// pageFile is a file of the page.
type pageFile struct {
	content, packed []byte // packed by gzip
	contentType     string
	digest          string
	cache           string // how long browsers keep it
}

// newPageHandler reads the files of the page.
func newPageHandler(files fs.FS) (pageHandler, error) {
	h := pageHandler{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		h["/"+name] = newPageFile(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	index, ok := h["/index.html"]
	if !ok {
		return nil, fmt.Errorf("read the page: index.html: %w", fs.ErrNotExist)
	}
	h["/"] = index
	return h, nil
}

// newPageFile packs a file. Files below assets/ have a digest of their content in their names, so that browsers
// may keep them.
func newPageFile(name string, content []byte) pageFile {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(content) // a buffer takes everything
	_ = zip.Close()
	sum := sha256.Sum256(content)
	file := pageFile{content, packed.Bytes(), mime.TypeByExtension(path.Ext(name)), hex.EncodeToString(sum[:8]), "no-cache"}
	switch {
	case strings.HasPrefix(name, "assets/"):
		file.cache = "public, max-age=31536000, immutable"
	case path.Ext(name) == ".yaml":
		file.contentType = "application/yaml; charset=utf-8"
	}
	return file
}

func (h pageHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "want GET", http.StatusMethodNotAllowed)
		return
	}
	file, ok := h[r.URL.Path]
	if !ok {
		http.Error(w, "the page has no such file; /openapi.yaml describes the calls", http.StatusNotFound)
		return
	}
	header, content, tag := w.Header(), file.content, file.digest
	header.Set("Content-Type", file.contentType)
	header.Set("Vary", "Accept-Encoding")
	if takesGzip(r) {
		header.Set("Content-Encoding", "gzip")
		content, tag = file.packed, tag+"-gzip"
	}
	header.Set("Cache-Control", file.cache)
	header.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

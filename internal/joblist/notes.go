package joblist

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// skipped counts lines that are no jobs, by what they are.
type skipped struct {
	comments, folders, old int
}

func (s skipped) texts() []string {
	var all []string
	for _, c := range []struct {
		n         int
		one, many string
	}{
		{s.comments, "1 comment was skipped", "%d comments were skipped"},
		{s.folders, "1 folder was skipped", "%d folders were skipped"},
		{s.old, "1 older version or deleted object was skipped", "%d older versions and deleted objects were skipped"},
	} {
		switch c.n {
		case 0:
		case 1:
			all = append(all, c.one)
		default:
			all = append(all, fmt.Sprintf(c.many, c.n))
		}
	}
	return all
}

// otherExtensions are those of files that often lie beside assets.
var otherExtensions = []string{
	".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".html", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".log",
	".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg", ".psd", ".srt", ".vtt", ".scc", ".stl", ".md5", ".sha1", ".sha256",
	".zip", ".gz", ".tar", ".mpd", ".m3u8", ".ds_store", ".db", ".ini",
}

// doubtful counts paths that are probably no assets, in lists that name everything that a bucket has.
type doubtful struct {
	count   int
	example string
}

// note counts a path, if its extension is one of otherExtensions.
func (d *doubtful) note(at string) {
	if !slices.Contains(otherExtensions, strings.ToLower(path.Ext(at))) {
		return
	}
	if d.count++; d.count == 1 {
		d.example = strings.Clone(at)
	}
}

func (d *doubtful) texts() []string {
	switch d.count {
	case 0:
		return nil
	case 1:
		return []string{"1 path is probably no asset: " + shorten(d.example)}
	}
	return []string{fmt.Sprintf("%d paths are probably no assets: %s, for example", d.count, shorten(d.example))}
}

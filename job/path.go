package job

import (
	"path"
	"strings"
)

// SegmentName is the length of the name of a file that the platform names itself, such as a
// segment, in bytes.
const SegmentName = len("segment_0000000000.m4s")

// InputPath puts the base path of a storage, if it has one, and a slash before a path. It changes
// nothing else: at a storage, paths are bytes.
func InputPath(base, p string) string {
	if base == "" {
		return p
	}
	return base + "/" + p
}

// OutputPath is a directory below the output path of a job, with the base path of the storage before
// it. It never begins with a slash.
func OutputPath(base, output, directory string) string {
	return strings.TrimPrefix(path.Join(base, output, directory), "/")
}

// LongestFile is the length of the longest path below a job's output path that r gives a file, in
// bytes and with the slash before it.
func (r Recipe) LongestFile() int {
	longest := 0
	note := func(name string, room int) { longest = max(longest, len("/")+len(name)+room) }
	for _, m := range r.Manifests {
		note(m.FileName(), 0)
	}
	for _, m := range r.Muxings {
		for _, directory := range r.directories() {
			at := path.Join(m.Directory, directory)
			if m.Container == MP4 {
				note(at+"/"+MP4Name(at), 0)
			} else {
				note(at+"/", SegmentName)
			}
		}
	}
	return longest
}

func (r Recipe) directories() []string {
	var all []string
	for _, v := range r.Videos {
		all = append(all, v.Directory())
	}
	for _, a := range r.Audios {
		all = append(all, a.Directory())
	}
	return all
}

// MP4Name is the name of the file that an MP4 muxing writes in a directory.
func MP4Name(directory string) string { return path.Base(directory) + ".mp4" }

// CleanOutputPath is an output path as it is stored: without a slash at its end, so that both
// spellings name one directory. Jobs of one batch whose clean output paths are equal would
// overwrite each other's files.
func CleanOutputPath(p string) string { return strings.TrimSuffix(p, "/") }

// LeadsUpward reports whether one of the elements of a path is "..".
func LeadsUpward(p string) bool {
	if !strings.Contains(p, "..") {
		return false
	}
	for element := range strings.SplitSeq(p, "/") {
		if element == ".." {
			return true
		}
	}
	return false
}

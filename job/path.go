package job

import (
	"path"
	"strings"
)

// SegmentName is the length, in bytes, of a file name that the platform chooses, such as that of a
// segment.
const SegmentName = len("segment_0000000000.m4s")

// InputPath is a path on a storage: the base path of the storage, if it has one, a slash and p. Both
// stay as they are, because a storage compares paths byte by byte.
func InputPath(base, p string) string {
	if base == "" {
		return p
	}
	return base + "/" + p
}

// OutputPath is the path of a directory below the output path of a job: base path of the storage,
// output path and directory, cleaned. It never begins with a slash.
func OutputPath(base, output, directory string) string {
	return strings.TrimPrefix(path.Join(base, output, directory), "/")
}

// LongestFile is the length of the longest path of a file below a job's output path, in bytes, with
// the slash before the path.
func (r Recipe) LongestFile() int {
	longest := 0
	note := func(name string, room int) { longest = max(longest, len("/")+len(name)+room) }
	for _, m := range r.Manifests {
		note(m.FileName(), 0)
	}
	if r.HasLabels() {
		for _, directory := range r.directories() {
			for _, group := range r.AudioGroups() {
				note(PlaylistName(directory, group), 0)
			}
		}
	}
	for _, m := range r.Muxings {
		for _, directory := range r.directories() {
			at := widestPerTitle.Replace(path.Join(m.Directory, directory))
			if !m.IsSegmented() {
				note(at+"/"+MP4Name(at), 0)
			} else {
				note(at+"/", SegmentName)
			}
		}
	}
	for _, t := range r.Thumbnails {
		note(t.Folder()+"/"+t.FileName(), SegmentName)
	}
	for _, s := range r.Sprites {
		note(s.Folder()+"/"+s.FileName(), SegmentName)
		note(s.Folder()+"/"+s.VTTFileName(), 0)
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

// MP4Name is the name of the file that an MP4 muxing writes to a directory.
func MP4Name(directory string) string { return path.Base(directory) + ".mp4" }

// PlaylistName is the name of the media playlist of a rendition in a directory, beside the HLS manifest.
// group is the audio group to which it belongs if there are several; empty otherwise.
func PlaylistName(directory, group string) string {
	name := strings.ReplaceAll(directory, "/", "_")
	if group != "" {
		name += "_" + group
	}
	return name + ".m3u8"
}

// CleanOutputPath is an output path as the job table stores it: without a slash at its end, because
// both spellings name one directory. Two jobs of a batch whose clean output paths are equal
// overwrite each other's files.
func CleanOutputPath(p string) string { return strings.TrimSuffix(p, "/") }

// DeriveOutputPath is the output path of a job that names none: its input path without slashes at the
// beginning and without the extension, cleaned. It is empty for an empty path and for an address
// ([FindAddress]).
func DeriveOutputPath(input string) string {
	if kind, _ := FindAddress(input); kind != NoAddress {
		return ""
	}
	derived := strings.TrimLeft(input, "/")
	if derived != path.Clean(derived) || derived == "." || LeadsUpward(derived) {
		derived = path.Clean("/" + input)[1:] // else the output path shares the memory of the input path
	}
	base := path.Base(derived)
	switch stem := strings.TrimSuffix(base, path.Ext(base)); stem {
	case "", ".", "..": // .hidden is a file name without an extension
		return derived
	default:
		return strings.TrimSuffix(derived, path.Ext(base))
	}
}

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

package server

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/job"
)

// Limits on the size of answers, in bytes. Most clients in other languages read no message larger
// than [maxResponseBytes], which is gRPC's default.
const (
	// maxPageBytes is the size of the largest list in one message.
	maxPageBytes = maxResponseBytes / 2
	// maxItemBytes is the size of the largest job, batch or account in an answer. The rules for
	// requests allow none that is larger; [fitted] cuts one that an older version stored.
	maxItemBytes = maxResponseBytes / 4
	// maxAnswerBytes is the size of the largest answer: a page and what comes with it.
	maxAnswerBytes = maxPageBytes + maxItemBytes
	// itemOverhead is the most that an item takes in a message beside its own bytes.
	itemOverhead = 8
)

// pageRoom is how many bytes are left on a page.
type pageRoom int

// newPage returns the room of an empty page.
func newPage() pageRoom { return maxPageBytes }

// takes puts a message of a size on the page if there is room, and reports whether there was. There is
// always room for the first item.
func (r *pageRoom) takes(bytes int) bool {
	size := pageRoom(bytes + itemOverhead)
	if size > *r && *r < maxPageBytes {
		return false
	}
	*r -= size
	return true
}

// pageOf returns the messages of as many items as fit on one page, at least of one.
func pageOf[T any, M proto.Message](items []T, message func(T) M) []M {
	list, page := make([]M, 0, len(items)), newPage()
	for _, item := range items {
		m := message(item)
		size := proto.Size(m)
		if size > maxItemBytes {
			m = fitted(m, maxItemBytes)
			size = proto.Size(m)
		}
		if !page.takes(size) {
			break
		}
		list = append(list, m)
	}
	return list
}

// fitted returns m, or a shortened copy if m has more than limit bytes: the longest texts are cut
// first, then lists and maps. A job that is too large to be sent would make its whole list
// unreadable.
func fitted[M proto.Message](m M, limit int) M {
	if proto.Size(m) <= limit {
		return m
	}
	short, ok := proto.Clone(m).(M)
	if !ok {
		return m
	}
	// A list of short texts says more than a short list.
	entries := limit
	for text := limit / 2; proto.Size(short) > limit && entries > 0; {
		shorten(short.ProtoReflect(), text, entries)
		if text > minText {
			text /= 2
		} else {
			entries = min(entries, limit/minText) / 2
		}
	}
	return short
}

// minText is the length up to which texts are not cut, in bytes. Ids stay whole.
const minText = 128

// shorten cuts the texts in m to a number of bytes, and lists and maps to a number of entries.
func shorten(m protoreflect.Message, text, entries int) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			shortenMap(v.Map(), fd, text, entries)
		case fd.IsList():
			shortenList(v.List(), fd, text, entries)
		case fd.Kind() == protoreflect.StringKind && len(v.String()) > text:
			m.Set(fd, protoreflect.ValueOfString(job.Shorten(v.String(), text)))
		case fd.Message() != nil:
			shorten(v.Message(), text, entries)
		}
		return true
	})
}

func shortenList(list protoreflect.List, fd protoreflect.FieldDescriptor, text, entries int) {
	if list.Len() > entries {
		list.Truncate(entries)
	}
	for i := range list.Len() {
		switch {
		case fd.Message() != nil:
			shorten(list.Get(i).Message(), text, entries)
		case fd.Kind() == protoreflect.StringKind:
			list.Set(i, protoreflect.ValueOfString(job.Shorten(list.Get(i).String(), text)))
		}
	}
}

// shortenMap cuts the values of a map. It drops entries with long keys, because a cut key would be
// another key.
func shortenMap(all protoreflect.Map, fd protoreflect.FieldDescriptor, text, entries int) {
	all.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		switch {
		case len(key.String()) > text, all.Len() > entries:
			all.Clear(key)
		case fd.MapValue().Kind() == protoreflect.StringKind:
			all.Set(key, protoreflect.ValueOfString(job.Shorten(value.String(), text)))
		}
		return true
	})
}

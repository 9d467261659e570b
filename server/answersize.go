package server

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/job"
)

// How large what is sent may be. Clients read [maxResponseBytes] unless they are told
// otherwise, and nobody tells those in other languages.
const (
	// maxPageBytes is how large a list is in one message.
	maxPageBytes = maxResponseBytes / 2
	// maxItemBytes is how large one job, batch or account is. None that was stored by
	// today's rules is larger; of one that is, the texts are cut.
	maxItemBytes = maxResponseBytes / 4
	// maxAnswerBytes is how large any answer is: a page, and what stands beside it.
	maxAnswerBytes = maxPageBytes + maxItemBytes
	// itemOverhead is at least what an item takes in a message beside its own bytes.
	itemOverhead = 8
)

// pageRoom is what is left of a page, in bytes.
type pageRoom int

// newPage is an empty page.
func newPage() pageRoom { return maxPageBytes }

// takes reports whether m, which is fitted, has room on the page, and if so gives it the room. The
// first one always has.
func (r *pageRoom) takes(m proto.Message) bool {
	size := pageRoom(proto.Size(m) + itemOverhead)
	if size > *r && *r < maxPageBytes {
		return false
	}
	*r -= size
	return true
}

// pageOf are the messages of as many items as one page has room for, and at least of one.
func pageOf[T any, M proto.Message](items []T, message func(T) M) []M {
	list, page := make([]M, 0, len(items)), newPage()
	for _, item := range items {
		m := fitted(message(item), maxItemBytes)
		if !page.takes(m) {
			break
		}
		list = append(list, m)
	}
	return list
}

// fitted is m, or if that has more than limit bytes, a copy of it with its longest texts cut,
// and its lists if there are too many of them. Better a part of an answer than none: whoever
// cannot read of one job is kept from reading of all others in the batch.
func fitted[M proto.Message](m M, limit int) M {
	if proto.Size(m) <= limit {
		return m
	}
	short, ok := proto.Clone(m).(M)
	if !ok {
		return m
	}
	// Texts go first. Even the shortest tell something of each entry of a list.
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

// minText is the length below which texts are not cut, in bytes: ids have to stay whole.
const minText = 128

// shorten cuts the texts in m to so many bytes, and lists and maps to so many entries.
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

// shortenMap cuts values. A key cannot be cut, as it would be another.
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

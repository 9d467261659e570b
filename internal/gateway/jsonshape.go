package gateway

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// maxNameBytes is how long the name of a field, or the key of a map, may be, in bytes, and maxTextBytes a text that
	// is no list of jobs. Where one is wrong, the decoder makes an error of it, several times over.
	maxNameBytes, maxTextBytes = 4 << 10, 4 << 20
	// listMessage is the message that has the text of a list of jobs.
	listMessage = "stoker.v1.JobList"
	// maxObject is how many entries an object may have; the server takes no map with more. Objects in one another are
	// looked at as deep as maxNesting; the contract has five levels.
	maxObject, maxNesting = 1_000, 50
)

// checkShape refuses a request in JSON with names, texts or objects that are too large to be meant, before they are
// decoded.
func checkShape(text []byte, m protoreflect.MessageDescriptor) error {
	begin, end := 0, 0          // of the last text
	var entries [maxNesting]int // of the objects that are open
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if depth++; depth < maxNesting {
				entries[depth] = 0
			}
		case '}', ']':
			depth = max(depth-1, 0)
		case '"':
			token, next := nextToken(text, i)
			begin, end = i, next
			i = next - 1
			if len(token) <= maxTextBytes || isName(text, next) {
				continue
			}
			at := findField(text, m, begin)
			switch {
			case at.field == nil || at.field.ContainingMessage().FullName() != listMessage:
				return newDecodingError(at.path, fmt.Sprintf("has %d bytes: want at most %d", len(token)-2, maxTextBytes))
			case at.field.Kind() == protoreflect.BytesKind && !isBase64(token[1:len(token)-1]):
				return newDecodingError(at.path, "want "+kindText(at.field))
			}
		case ':':
			if n := end - begin - 2; n > maxNameBytes {
				return newDecodingError("request", fmt.Sprintf("has a name of %d bytes: want at most %d", n, maxNameBytes))
			}
			if depth >= maxNesting {
				continue
			}
			if entries[depth]++; entries[depth] > maxObject {
				return newDecodingError(cmp.Or(objectAt(text, m, i), "request"), fmt.Sprintf("more than %d entries", maxObject))
			}
		}
	}
	return nil
}

// objectAt is the path of the object that has the name before an offset.
func objectAt(text []byte, m protoreflect.MessageDescriptor, offset int) string {
	path := findField(text, m, offset).path
	return path[:max(strings.LastIndexByte(path, '.'), 0)]
}

// isName reports whether the text that ends at an offset is the name of a value.
func isName(text []byte, end int) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text[end:], " \t\r\n"), []byte(":"))
}

// isBase64 reports whether the decoder takes a text for base64. It may have a backslash before each slash, as some
// encoders write them.
func isBase64(text []byte) bool {
	encoding := base64.StdEncoding
	if bytes.ContainsAny(text, "-_") {
		encoding = base64.URLEncoding
	}
	if (len(text)-bytes.Count(text, []byte(`\/`)))%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	_, err := io.Copy(io.Discard, base64.NewDecoder(encoding, &plainSlashes{text}))
	return err == nil
}

// plainSlashes reads a text without the backslashes before its slashes.
type plainSlashes struct{ text []byte }

func (p *plainSlashes) Read(to []byte) (n int, err error) {
	for n < len(to) && len(p.text) > 0 {
		if bytes.HasPrefix(p.text, []byte(`\/`)) {
			p.text = p.text[1:]
		}
		to[n] = p.text[0]
		p.text, n = p.text[1:], n+1
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

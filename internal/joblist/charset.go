package joblist

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Charset is how the text of a list is encoded. Its zero value is told from the bytes.
type Charset struct {
	name     string
	encoding encoding.Encoding // nil: UTF-8, or told from the bytes
}

// ParseCharset reads the name of a charset, as browsers and IANA know it: utf-8, utf-16, latin1,
// windows-1252, macintosh, cp850, shift_jis, gbk and others. The empty name is the zero value.
func ParseCharset(name string) (Charset, error) {
	if name == "" {
		return Charset{}, nil
	}
	found, err := htmlindex.Get(name)
	if err != nil || found == encoding.Replacement {
		found, err = ianaindex.IANA.Encoding(name)
	}
	if err != nil || found == nil {
		return Charset{}, errors.New(name + ": unknown charset; known are utf-8, utf-16, latin1, windows-1252, macintosh, cp850, shift_jis, gbk and others")
	}
	if canonical, err := htmlindex.Name(found); err == nil && strings.HasPrefix(canonical, "utf-8") {
		return Charset{name: "UTF-8"}, nil
	}
	return Charset{name: name, encoding: found}, nil
}

// Converts reports whether a list in the charset has to be converted to UTF-8.
func (c Charset) Converts() bool { return c.encoding != nil }

const byteOrderMark = "\ufeff"

// text is how a list is encoded, as open has found.
type text struct {
	charset Charset
	told    bool      // the charset was told from the bytes
	mac     bool      // lines end in CR alone
	packed  *unpacker // of a gzip file; nil for another
}

// unpacker reads what is in a gzip file. A file that is damaged ends where it is.
type unpacker struct {
	in     *gzip.Reader
	damage error // nil: none was met so far
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	if corrupt || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		u.damage, err = err, io.EOF
	}
	return n, err
}

// otherFiles are files that people take for lists, by how they begin.
var otherFiles = []struct {
	magic, what string
	word        bool // a path may begin so as well, so that the file needs a zero byte, which no text has
}{
	{magic: "PK\x03\x04", what: "a workbook, or another zip file"},
	{magic: "\xd0\xcf\x11\xe0", what: "an old Excel workbook"},
	{magic: "%PDF-", what: "a PDF file"},
	{magic: "PAR1", what: "a Parquet file", word: true},
	{magic: "ORC", what: "an ORC file", word: true},
}

// open returns the text of a list in UTF-8, without byte order mark and with lines that end in LF or
// CRLF. problem says why the list is not text; empty if it is.
func (t *text) open(r io.Reader, charset Charset) (in *bufio.Reader, problem string, err error) {
	in = bufio.NewReaderSize(r, maxHead)
	start, err := head(in)
	if err != nil {
		return nil, "", err
	}
	if bytes.HasPrefix(start, []byte("\x1f\x8b")) {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, "this is a gzip file that cannot be read: " + err.Error(), nil //nolint:nilerr // a mistake of the list
		}
		t.packed = &unpacker{in: unpacked}
		in = bufio.NewReaderSize(t.packed, maxHead)
		if start, err = head(in); err != nil {
			return nil, "", err
		}
	}
	for _, other := range otherFiles {
		if bytes.HasPrefix(start, []byte(other.magic)) && (!other.word || bytes.IndexByte(start, 0) >= 0) {
			return nil, "this is " + other.what + `: save the list as "CSV UTF-8"`, nil
		}
	}
	t.charset = charset
	if charset.name == "" {
		t.told = true
		t.charset = toldCharset(start)
	}
	if t.charset.encoding != nil {
		// A byte order mark counts more than a name.
		in = bufio.NewReaderSize(transform.NewReader(in, unicode.BOMOverride(t.charset.encoding.NewDecoder())), maxHead)
		if start, err = head(in); err != nil {
			return nil, "", err
		}
	}
	if bytes.HasPrefix(start, []byte(byteOrderMark)) {
		_, _ = in.Discard(len(byteOrderMark)) // cannot fail: the buffer holds what was peeked
	}
	if bytes.IndexByte(start, 0) >= 0 {
		return nil, `this is not a text file: save the list as "CSV UTF-8"`, nil
	}
	if at := bytes.IndexAny(start, "\r\n"); at >= 0 && at+1 < len(start) && start[at] == '\r' && start[at+1] != '\n' {
		t.mac = true
		in = bufio.NewReaderSize(&crReader{in}, maxHead)
	}
	return in, "", nil
}

// toldCharset tells UTF-16 from UTF-8 by a byte order mark, or else by the zero bytes in the first two
// characters: the first line of most lists names columns, in ASCII.
func toldCharset(start []byte) Charset {
	little := Charset{"UTF-16", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}
	big := Charset{"UTF-16", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
		return little
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		return big
	case len(start) < 4:
	case start[0] != 0 && start[1] == 0 && start[2] != 0 && start[3] == 0:
		return little
	case start[0] == 0 && start[1] != 0 && start[2] == 0 && start[3] != 0:
		return big
	}
	return Charset{name: "UTF-8"}
}

// crReader turns each CR into a LF.
type crReader struct{ in io.Reader }

func (r *crReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/job"
)

// Tokens are opaque to callers. A token begins with its kind, so that a token of another kind is
// refused instead of misread:
//
//	page token:             version, 'p', 8 bytes of hash, position
//	page token of a search: version, 's', 8 bytes of hash, batch's sequence number, job's number
//	page token of names:    version, 'a' for accounts, 'n' for the catalog, 't' for tokens, 'e' for endpoints, name
//	cursor:                 version, 'c', scope, revision, page, batch id
//
// A scope is 'b' (batch only), 'j' (all jobs), or 'f' and a number; see [jobScope].
//
// Numbers are uvarints. The text is unpadded base64url.
const tokenVersion = 1

var errBadToken = errors.New("unusable token")

// pageToken is a position in a list, after which the next page begins.
type pageToken struct {
	list     [8]byte // of listHash
	position int64   // the batch's sequence number or the job's number
	group    int64   // of the batch, in a list whose order has groups; otherwise 0, which the token leaves out
}

// listHash is a hash of the list that a page token belongs to: the type of the request and its filters.
// strip removes page size and page token from the request.
func listHash[R interface {
	proto.Message
	GetPageToken() string
}](req R, strip func(R),
) ([8]byte, error) {
	bare, ok := proto.Clone(req).(R)
	if !ok {
		return [8]byte{}, errBadToken
	}
	strip(bare)
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(bare)
	if err != nil {
		return [8]byte{}, err
	}
	sum := sha256.Sum256(append([]byte(req.ProtoReflect().Descriptor().FullName()+"\n"), text...))
	return [8]byte(sum[:8]), nil
}

func (t pageToken) String() string {
	b := append([]byte{tokenVersion, 'p'}, t.list[:]...)
	b = binary.AppendUvarint(b, uint64(t.position))
	if t.group != 0 {
		b = binary.AppendUvarint(b, uint64(t.group))
	}
	return encodeToken(b)
}

// parsePageToken parses a token as [pageToken.String] writes it. Empty text means the first page. For a
// bad token, or one of another list, the error is a [*job.InvalidError].
func parsePageToken(text string, list [8]byte) (pageToken, error) {
	if text == "" {
		return pageToken{list: list}, nil
	}
	d := decodeToken(text, 'p')
	t := pageToken{list: [8]byte(d.readBytes(8)), position: d.readNumber()}
	if len(d.rest) > 0 {
		t.group = d.readNumber()
		d.bad = d.bad || t.group == 0
	}
	if d.bad || len(d.rest) > 0 || t.position == 0 {
		return pageToken{}, badPageToken()
	}
	if t.list != list {
		return pageToken{}, otherListToken()
	}
	return t, nil
}

// searchToken is a position in a list of jobs of many batches, after which the next page begins.
type searchToken struct {
	list  [8]byte // of listHash
	after job.JobPosition
}

func (t searchToken) String() string {
	b := append([]byte{tokenVersion, 's'}, t.list[:]...)
	b = binary.AppendUvarint(b, uint64(t.after.BatchSeq))
	return encodeToken(binary.AppendUvarint(b, uint64(t.after.Number)))
}

// parseSearchToken parses a token as [searchToken.String] writes it. Empty text means the first page. For a
// bad token, or one of another list, the error is a [*job.InvalidError].
func parseSearchToken(text string, list [8]byte) (searchToken, error) {
	if text == "" {
		return searchToken{list: list}, nil
	}
	d := decodeToken(text, 's')
	t := searchToken{list: [8]byte(d.readBytes(8)), after: job.JobPosition{BatchSeq: d.readNumber(), Number: d.readNumber()}}
	if d.bad || len(d.rest) > 0 || t.after.BatchSeq == 0 {
		return searchToken{}, badPageToken()
	}
	if t.list != list {
		return searchToken{}, otherListToken()
	}
	return t, nil
}

// The kinds of tokens that are positions in lists sorted by name: after the item with the name.
const accountTokenKind, catalogTokenKind, tokenTokenKind, endpointTokenKind = 'a', 'n', 't', 'e'

func nameToken(kind byte, name string) string {
	return encodeToken(append([]byte{tokenVersion, kind}, name...))
}

// parseNameToken parses a token as [nameToken] makes it. Empty text means the first page.
func parseNameToken(text string, kind byte) (string, error) {
	if text == "" {
		return "", nil
	}
	d := decodeToken(text, kind)
	if d.bad || len(d.rest) == 0 {
		return "", badPageToken()
	}
	return string(d.rest), nil
}

func otherListToken() error {
	return invalid("page_token", "belongs to another list; repeat the filters of the request that it came from")
}

func badPageToken() error {
	return invalid("page_token", "is not a page token; give next_page_token of the page before, or leave it out for the first page")
}

// cursor is a watcher's position in the changes of a batch.
type cursor struct {
	batch string
	jobs  jobScope // which jobs the watch sends
	// revision is the last revision that was sent, or that the snapshot shows.
	revision int64
	// page is 0, or within a snapshot the number of the last job that was sent, plus 1.
	page int64
	// history is the word of the history of the job table that revision belongs to: see [BatchStore].
	history string
}

// historySize is how long the word of a history is, if it is not empty.
const historySize = 4

func (c cursor) String() string {
	kind := byte('c')
	if c.history != "" {
		kind = 'h'
	}
	b := append([]byte{tokenVersion, kind}, c.history...)
	switch c.jobs {
	case noJobs:
		b = append(b, 'b')
	case allJobs:
		b = append(b, 'j')
	default:
		b = binary.AppendUvarint(append(b, 'f'), uint64(c.jobs))
	}
	b = binary.AppendUvarint(b, uint64(c.revision))
	b = binary.AppendUvarint(b, uint64(c.page))
	return encodeToken(append(b, c.batch...))
}

// parseCursor parses a token as [cursor.String] writes it. The error is [errBadToken].
func parseCursor(text string) (cursor, error) {
	var c cursor
	d := decodeToken(text, 'c')
	if d.bad {
		d = decodeToken(text, 'h')
		c.history = string(d.readBytes(historySize))
	}
	c.jobs, c.revision, c.page = d.readScope(), d.readNumber(), d.readNumber()
	c.batch = string(d.rest)
	if d.bad || c.batch == "" || c.page > 0 && c.jobs == noJobs {
		return cursor{}, errBadToken
	}
	return c, nil
}

func encodeToken(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decoder reads the fields of a token. After the first mistake it returns zeros.
type decoder struct {
	rest []byte
	bad  bool
}

// decodeToken opens a token of the given kind.
func decodeToken(text string, kind byte) *decoder {
	// The standard library would skip line ends, which a token does not have.
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(b) < 2 || b[0] != tokenVersion || b[1] != kind {
		return &decoder{bad: true}
	}
	return &decoder{rest: b[2:]}
}

func (d *decoder) readBytes(n int) []byte {
	if d.bad || len(d.rest) < n {
		d.bad = true
		return make([]byte, n)
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

// readNumber reads a uvarint that is in its shortest form and fits an int64.
func (d *decoder) readNumber() int64 {
	if d.bad {
		return 0
	}
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > 1<<63-1 || size > 1 && d.rest[size-1] == 0 {
		d.bad = true
		return 0
	}
	d.rest = d.rest[size:]
	return int64(n)
}

func (d *decoder) readScope() jobScope {
	switch d.readBytes(1)[0] {
	case 'b':
		return noJobs
	case 'j':
		return allJobs
	case 'f':
		if n := d.readNumber(); n > 0 && n < int64(allJobs) && jobScope(n)&^allJobs == 0 {
			return jobScope(n)
		}
	}
	d.bad = true
	return noJobs
}

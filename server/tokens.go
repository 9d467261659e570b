package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"

	"google.golang.org/protobuf/proto"
)

// Tokens are opaque to callers. They name what they are for, so that one that
// strayed is refused and not misread:
//
//	page token: version, 'p', 8 bytes of hash, position
//	of accounts: version, 'a', account id
//	cursor:     version, 'c', scope, revision, page, batch id
//
// A scope is 'b' (batch only), 'j' (all jobs), or 'f' and a number: see [jobScope].
//
// Numbers are uvarints. The text is unpadded base64url.
const tokenVersion = 1

var errBadToken = errors.New("unusable token")

// pageToken is a position in a list: what comes next lies behind it.
type pageToken struct {
	list     [8]byte // which list with which filters
	position int64
}

// listHash is the hash of a list request that a page token is good for: the kind of
// the request and its filters, with the page itself left out.
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
	return encodeToken(binary.AppendUvarint(b, uint64(t.position)))
}

// parsePageToken reads what [pageToken.String] writes. Empty text is the first
// page. A token of another list is an *[job.InvalidError].
func parsePageToken(text string, list [8]byte) (pageToken, error) {
	if text == "" {
		return pageToken{list: list}, nil
	}
	d := decodeToken(text, 'p')
	t := pageToken{list: [8]byte(d.readBytes(8)), position: d.readNumber()}
	if d.bad || len(d.rest) > 0 || t.position == 0 {
		return pageToken{}, badPageToken()
	}
	if t.list != list {
		return pageToken{}, invalid("page_token", "belongs to another list; repeat the filters of the request that it came from")
	}
	return t, nil
}

// accountToken is a position in the list of accounts: behind the one with this id.
type accountToken string

func (t accountToken) String() string { return encodeToken(append([]byte{tokenVersion, 'a'}, t...)) }

// parseAccountToken reads what [accountToken.String] writes. Empty text is the first page.
func parseAccountToken(text string) (accountToken, error) {
	if text == "" {
		return "", nil
	}
	d := decodeToken(text, 'a')
	if d.bad || len(d.rest) == 0 {
		return "", badPageToken()
	}
	return accountToken(d.rest), nil
}

func badPageToken() error {
	return invalid("page_token", "is not a page token; give next_page_token of the page before, or nothing")
}

// cursor is a watcher's position in the changes of a batch.
type cursor struct {
	batch string
	jobs  jobScope // which jobs the watcher is sent
	// revision is how far changes have been sent.
	revision int64
	// page is 0, or in the midst of a snapshot 1 more than the number of the last
	// job that was sent of it. The snapshot shows the batch at revision.
	page int64
}

func (c cursor) String() string {
	b := []byte{tokenVersion, 'c'}
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

// parseCursor reads what [cursor.String] writes, or answers [errBadToken].
func parseCursor(text string) (cursor, error) {
	d := decodeToken(text, 'c')
	c := cursor{jobs: d.readScope(), revision: d.readNumber(), page: d.readNumber()}
	c.batch = string(d.rest)
	if d.bad || c.batch == "" || c.page > 0 && c.jobs == noJobs {
		return cursor{}, errBadToken
	}
	return c, nil
}

func encodeToken(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decoder reads the fields of a token. After the first mistake it reads zeros.
type decoder struct {
	rest []byte
	bad  bool
}

// decodeToken opens a token of the given kind.
func decodeToken(text string, kind byte) *decoder {
	// The decoder of the standard library skips line ends; a token has none.
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

// readNumber reads a uvarint in its shortest form that fits an int64.
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

// readScope reads a scope.
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

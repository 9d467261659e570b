package joblist

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// readPaths reads one input path per line, to the byte. It returns only errors of in.
func (p *parser) readPaths(in io.Reader) error {
	l := newLines(in)
	for line, ok := l.next(); ok && !p.stopped; line, ok = l.next() {
		switch {
		case strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "# "):
			p.skipped.comments++
		default:
			p.addPath(line, l.n)
		}
	}
	return p.endOfLines(l)
}

// endOfLines returns the error with which reading lines ended; a line that is too long is a mistake.
func (p *parser) endOfLines(l *lines) error {
	if err := l.scanner.Err(); !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	p.mistake(l.n+1, "the line is longer than %d bytes; reading stopped here", maxLine)
	return nil
}

// listingLine matches a line of aws s3 ls: time, size, and the key behind one blank. readableLine matches
// one with --human-readable.
var (
	listingLine  = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+ (.+)$`)
	readableLine = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+(?:\.\d+)? (?:Bytes?|[KMGTPE]iB) (.+)$`)
)

// listingTotal matches what aws s3 ls --summarize prints at the end.
var listingTotal = regexp.MustCompile(`^\s*Total (Objects|Size): `)

// isListing reports whether a line is one of aws s3 ls.
func isListing(line string) bool {
	return listingLine.MatchString(line) || readableLine.MatchString(line) || listingTotal.MatchString(line) || strings.HasPrefix(strings.TrimSpace(line), "PRE ")
}

// readListing reads the output of aws s3 ls --recursive. It returns only errors of in.
func (p *parser) readListing(in io.Reader) error {
	l := newLines(in)
	var format *regexp.Regexp
	for line, ok := l.next(); ok && !p.stopped; line, ok = l.next() {
		if format == nil && isListing(line) {
			format = listingLine
			if readableLine.MatchString(line) {
				format = readableLine
			}
		}
		var fields []string
		if format != nil {
			fields = format.FindStringSubmatch(line)
		}
		switch {
		case strings.TrimSpace(line) == "", listingTotal.MatchString(line):
		case strings.HasPrefix(strings.TrimSpace(line), "PRE "):
			p.mistake(l.n, "this is the listing of one folder, whose names lack the folder: list all with aws s3 ls s3://BUCKET/FOLDER/ --recursive")
			return nil
		case fields == nil:
			p.mistake(l.n, "want time, size and key, as aws s3 ls --recursive prints them; it reads %s", excerpt(line))
		case strings.HasSuffix(fields[1], "/"):
			p.skipped.folders++
		default:
			p.addPath(fields[1], l.n)
		}
	}
	return p.endOfLines(l)
}

// readInventory reads CSV of an S3 inventory: bucket, URL-encoded key and further columns, without
// header. It returns only errors of in.
func (p *parser) readInventory(in io.Reader) error {
	source := &recorder{in: in}
	r := csv.NewReader(source)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	bucket := ""
	for !p.stopped {
		source.advance(r.InputOffset())
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errLongRow) {
			p.longRow(source.line + 1)
			return nil
		}
		if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
			p.mistake(syntax.StartLine, "%v", syntax.Err)
			continue
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if len(row) < 2 {
			p.mistake(line, "want bucket and key; it reads %s", excerpt(strings.Join(row, ",")))
			continue
		}
		if bucket == "" {
			if isInventoryHeader(row) {
				continue
			}
			bucket = strings.Clone(row[0])
		}
		p.inventoryRow(row, bucket, line)
	}
	return nil
}

// isInventoryHeader reports whether a row is a header of an S3 inventory, which S3 does not write, but
// programs do that select from one.
func isInventoryHeader(row []string) bool {
	return len(row) > 1 && strings.EqualFold(row[0], "bucket") && strings.EqualFold(row[1], "key")
}

// inventoryRow reads one row of an S3 inventory.
func (p *parser) inventoryRow(row []string, bucket string, line int) {
	key, err := url.QueryUnescape(row[1])
	switch {
	case err != nil:
		p.mistake(line, "the key %s is not URL-encoded", excerpt(row[1]))
	case row[0] != bucket:
		p.mistake(line, "the bucket %s is another than %q, that of the first row: a list is for one storage", excerpt(row[0]), bucket)
	case isOldVersion(row):
		p.skipped.old++
	case strings.HasSuffix(key, "/"):
		p.skipped.folders++
	default:
		p.addPath(strings.Clone(key), line) // else the job would keep the whole row in memory
	}
}

// isOldVersion reports whether a row of an inventory with all versions is not the current version of an
// object: the fourth column is IsLatest then, and the fifth IsDeleteMarker.
func isOldVersion(row []string) bool {
	isBool := func(s string) bool { return s == "true" || s == "false" }
	return len(row) > 4 && isBool(row[3]) && isBool(row[4]) && (row[3] == "false" || row[4] == "true")
}

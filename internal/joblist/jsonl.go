package joblist

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// maxLine is how many bytes a line of JSON Lines, or a field of CSV, may have.
const maxLine = 1 << 20

// readJSONLines reads one job per line. It returns only errors of in.
func (p *parser) readJSONLines(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			p.object(line, n)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		p.mistake(n+1, "the line is longer than %d bytes; reading stopped here", maxLine)
		return nil
	}
	return lines.Err()
}

// object reads one job. A job with mistakes is added too: Read returns no list then.
func (p *parser) object(text []byte, line int) {
	if !utf8.Valid(text) { // the decoder would replace invalid bytes by U+FFFD
		p.mistake(line, notUTF8, "the line")
		return
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		p.mistake(line, "want one JSON object per line%s", jsonReason(err))
		return
	}
	var spec job.Spec
	for _, field := range slices.Sorted(maps.Keys(object)) {
		switch {
		case field == "variables":
			p.variables(&spec, object[field], line)
		case isField(field):
			p.text(&spec, field, object[field], line)
		default:
			p.mistake(line, "unknown field %q%s", field, p.fieldHint(field))
		}
	}
	p.add(spec, line)
}

func (p *parser) fieldHint(field string) string {
	if hint := spelling.Hint(field, append(fieldNames(), "variables")); hint != "" {
		return hint
	}
	return "; the fields are " + strings.Join(fieldNames(), ", ") + " and variables"
}

// variables reads the field named variables.
func (p *parser) variables(spec *job.Spec, value json.RawMessage, line int) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(value, &object); err != nil {
		p.mistake(line, `variables: want an object of texts, such as {"title": "Sintel"}`)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if name == "" {
			p.mistake(line, "variables: a variable has no name")
			continue
		}
		p.text(spec, variablePrefix+name, object[name], line)
	}
}

// text reads a field whose value is a text. A null counts as a missing field.
func (p *parser) text(spec *job.Spec, field string, value json.RawMessage, line int) {
	if string(value) == "null" {
		return
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		p.mistake(line, "%s: want text in quotes, got %s", field, shorten(value))
		return
	}
	if strings.ContainsRune(s, utf8.RuneError) && !bytes.ContainsRune(value, utf8.RuneError) && !bytes.Contains(bytes.ToLower(value), []byte(`\ufffd`)) {
		p.mistake(line, `%s: %s has one half of a \u surrogate pair; the other half is missing`, field, shorten(value))
		return
	}
	p.set(spec, field, s, line)
}

func jsonReason(err error) string {
	if err == nil {
		return ""
	}
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "" // its text names Go types
	}
	return ": " + err.Error()
}

func shorten(value json.RawMessage) string {
	const longest = 40
	if len(value) <= longest {
		return string(value)
	}
	return strings.ToValidUTF8(string(value[:longest]), "") + "…"
}

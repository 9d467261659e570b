package config

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/stokerd/stoker/job"
)

// People fill in the properties file of Bitmovin's examples as if a shell or YAML read it. What they mean
// is understood where it is certain. Everything else is refused, because a key with quotes around it
// would fail at the platform only.

// propertyValue reads a value of a properties file, which may be in quotes and have a comment behind it.
// problem says why it cannot be read; empty if it can.
func propertyValue(name, raw string) (value, problem string) {
	if raw == "" || raw[0] == '#' {
		return "", ""
	}
	if quote := raw[0]; quote == '"' || quote == '\'' {
		value, behind, ok := strings.Cut(raw[1:], string(quote))
		behind = strings.TrimSpace(behind)
		switch {
		case !ok:
			return "", "the quote before the value has none behind it"
		case behind != "" && behind[0] != '#':
			return "", "there is something behind the value in quotes: leave it out"
		}
		return checkValue(name, value)
	}
	raw, problem = withoutComment(name, raw)
	if problem != "" {
		return "", problem
	}
	if value, problem = unescape(raw); problem != "" {
		return "", problem
	}
	return checkValue(name, value)
}

// withoutComment cuts off a comment behind a value. In a path, # may be part of the name.
func withoutComment(name, raw string) (value, problem string) {
	at := strings.IndexFunc(raw, unicode.IsSpace)
	for ; at >= 0; at = indexSpace(raw, at+1) {
		comment := strings.TrimLeftFunc(raw[at:], unicode.IsSpace)
		if !strings.HasPrefix(comment, "#") {
			continue
		}
		if isPathVariable(name) && !strings.HasPrefix(comment, "# ") {
			return "", "is # part of the path, or does a comment begin there? put the path in quotes"
		}
		return strings.TrimSpace(raw[:at]), ""
	}
	return raw, ""
}

// indexSpace is the index of the first white space in a text from an index on; -1 if there is none.
func indexSpace(text string, from int) int {
	at := strings.IndexFunc(text[from:], unicode.IsSpace)
	if at < 0 {
		return at
	}
	return from + at
}

// unescape reads the escapes that Java writes into properties files.
func unescape(raw string) (value, problem string) {
	if !strings.Contains(raw, `\`) {
		return raw, ""
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' {
			if i++; i == len(raw) || !strings.ContainsRune(`:=#! \`, rune(raw[i])) {
				return "", `a backslash stands before a character that needs none: leave it out, or write it twice`
			}
			c = raw[i]
		}
		b.WriteByte(c)
	}
	return b.String(), ""
}

// plainValue reads the value of an environment variable. It may be in quotes, because programs that read
// files of variables leave them there.
func plainValue(name, raw string) (value, problem string) {
	if n := len(raw) - 1; n > 0 && raw[0] == raw[n] && (raw[0] == '"' || raw[0] == '\'') {
		raw = raw[1:n]
	}
	return checkValue(name, raw)
}

// placeholder matches what examples and manuals have in the place of a value.
var placeholder = regexp.MustCompile(`(?i)^(your[ _-]?(own|api|bitmovin|tenant|org|http|input|output|s3|aws|bucket|host|access|secret|key|file|path|base)\b?.*|` +
	`(put|enter|paste|insert|add)[ _-].*|change[ _-]?me|replace[ _-]?me|x{3,}|\*{3,}|\.{3}|…|todo|tbd)$`)

// checkValue says why a value cannot be meant; problem is empty if it can. Values of paths may have
// blanks in them, no others.
func checkValue(name, value string) (_, problem string) {
	at, hidden := job.FindHidden(value)
	switch {
	case at > 0:
		return "", hidden + " is in it: leave it out"
	case strings.ContainsAny(value, "<>") || placeholder.MatchString(value):
		return "", "still has the placeholder: put the value there"
	case strings.Contains(value, "${") || strings.Contains(value, "{{"):
		return "", "refers to a variable, which nobody fills in here: put the value there"
	case strings.ContainsAny(value, "\"“”„`") || strings.HasPrefix(value, "'") || strings.HasSuffix(value, "'"):
		return "", "has a quote in it: leave it out"
	case isPathVariable(name):
		return value, ""
	case strings.ContainsFunc(value, unicode.IsSpace):
		return "", "has a blank in it: leave out what is behind it, or put # before a comment"
	case strings.HasSuffix(value, ";") || strings.HasSuffix(value, ","):
		return "", "ends with a separator: leave it out"
	}
	return value, ""
}

func isPathVariable(name string) bool {
	return name == "HTTP_INPUT_FILE_PATH" || name == "S3_OUTPUT_BASE_PATH"
}

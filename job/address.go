package job

import (
	"strings"
	"unicode"
)

// An Address is something that people give where a path on a storage belongs.
type Address int

// The kinds of address.
const (
	NoAddress       Address = iota
	URL                     // https://host/path
	BucketAddress           // s3://bucket/path, or an ARN
	LoginAddress            // user:password@host/path
	ComputerAddress         // C:\path, \\host\path or file:///path
)

// FindAddress reports what kind of address a text is, with blanks and hidden characters before it or
// not. below is the path in the address, as far as it is certain that it holds no user, password or
// query; else it is empty. A message about an address must not repeat anything else of it.
func FindAddress(text string) (kind Address, below string) {
	if !strings.ContainsAny(text, `:\%`) {
		return NoAddress, ""
	}
	text = strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || Hidden(r) })
	if strings.HasPrefix(text, `\\`) || hasDrive(text) {
		return ComputerAddress, ""
	}
	if scheme, rest, ok := cutScheme(text); ok {
		kind = schemeKind(scheme)
		if kind == ComputerAddress {
			return kind, ""
		}
		_, path, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		return kind, pathWithoutSecrets(kind, path)
	}
	if len(text) > 4 && strings.EqualFold(text[:4], "arn:") {
		_, path, _ := strings.Cut(text, "/")
		return BucketAddress, pathWithoutSecrets(BucketAddress, path)
	}
	host, path, more := strings.Cut(strings.TrimLeft(text, "/"), "/")
	if user, _, ok := strings.Cut(host, "@"); ok && more && strings.Contains(user, ":") {
		return LoginAddress, pathWithoutSecrets(LoginAddress, path)
	}
	return NoAddress, ""
}

// hasDrive reports whether a text begins like C:\ or C:/.
func hasDrive(text string) bool {
	return len(text) > 2 && isLetter(text[0]) && text[1] == ':' && (text[2] == '\\' || text[2] == '/')
}

// cutScheme cuts a text at its first ://, if a letter or digit is before that. It returns the word
// before it. It also knows :// where it is percent-encoded, and :/ behind a usual scheme, which is what
// cleaning a URL as a path leaves of it.
func cutScheme(text string) (scheme, rest string, ok bool) {
	for _, separator := range []string{"://", "%3A%2F%2F", "%3a%2f%2f"} {
		before, behind, found := strings.Cut(text, separator)
		if found && before != "" && isLetterOrDigit(before[len(before)-1]) {
			return lastWord(before), behind, true
		}
	}
	before, behind, found := strings.Cut(text, ":/")
	switch strings.ToLower(before) {
	case "http", "https", "s3", "gs", "ftp", "sftp", "file":
		return before, behind, found
	}
	return "", "", false
}

func schemeKind(scheme string) Address {
	switch strings.ToLower(scheme) {
	case "file", "smb":
		return ComputerAddress
	case "s3", "s3a", "s3n", "gs", "gcs", "az", "azure", "abfs", "abfss", "wasb", "wasbs":
		return BucketAddress
	}
	return URL
}

// pathWithoutSecrets is the path of an address, if it can hold no secret. A query is left out of a URL;
// in a bucket, what looks like a query may be part of the path. An @ may belong to a password with a
// slash in it.
func pathWithoutSecrets(kind Address, path string) string {
	if at := strings.IndexAny(path, "?#"); at >= 0 {
		if kind == BucketAddress {
			return ""
		}
		path = path[:at]
	}
	if strings.Contains(path, "@") {
		return ""
	}
	return path
}

// lastWord is the letters and digits at the end of a text.
func lastWord(text string) string {
	start := len(text)
	for start > 0 && isLetterOrDigit(text[start-1]) {
		start--
	}
	return text[start:]
}

func isLetter(c byte) bool        { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isLetterOrDigit(c byte) bool { return isLetter(c) || '0' <= c && c <= '9' }

package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ms is how a time is stored: Unix milliseconds, 0 for the zero time.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// stamp is a stored time.
type stamp int64

func (s stamp) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(s)).UTC()
}

// storable is a text that PostgreSQL can keep. It keeps no U+0000, and nothing but UTF-8; what the platform or a
// caller says may have both.
func storable(text string) string {
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// encode is how a structured value is stored. Values of package job always have a JSON form, so an error is a
// mistake in this program.
func encode[T any](v T) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("postgres: encode %T: %v", v, err))
	}
	return storableJSON(string(b))
}

// storableJSON has no \u0000 in its strings, which jsonb refuses.
func storableJSON(text string) string {
	const null = `\u0000`
	if !strings.Contains(text, null) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], null):
			b.WriteString(`\ufffd`)
			i += len(null) - 1
		case text[i] == '\\': // the character behind it is escaped, and may be another backslash
			b.WriteString(text[i : i+2])
			i++
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// encodeSlice stores an empty slice as empty text.
func encodeSlice[T any](list []T) string {
	if len(list) == 0 {
		return ""
	}
	return encode(list)
}

// encodeMap stores an empty map as empty text.
func encodeMap(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	return encode(m)
}

// encodePointer stores nil as empty text.
func encodePointer[T any](p *T) string {
	if p == nil {
		return ""
	}
	return encode(p)
}

// encodeNullable stores nil as NULL.
func encodeNullable[T any](p *T) *string {
	if p == nil {
		return nil
	}
	return new(encode(p))
}

// array passes a list to ANY; an empty list, which filters nothing, is NULL.
func array[T ~string](list []T) []string {
	if len(list) == 0 {
		return nil
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = storable(string(v))
	}
	return texts
}

// pairs are the names and values of a map; an empty map, which filters nothing, is two NULLs.
func pairs(m map[string]string) (names, values []string) {
	for name, value := range m {
		names, values = append(names, storable(name)), append(values, storable(value))
	}
	return names, values
}

// decode decodes a stored structured value. Empty text leaves the target alone.
func decode(text string, target any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), target); err != nil {
		return fmt.Errorf("stored value: %w", err)
	}
	return nil
}

// limit is n in the spelling of SQL, where no limit is NULL.
func limit(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}

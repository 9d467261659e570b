package logdedup

import (
	"encoding"
	"fmt"
	"log/slog"

	"github.com/stokerd/stoker/job"
)

// maxText bounds the bytes of a message, and of the key or value of an attribute.
const maxText = 1 << 10

func shorten(text string) string { return job.Shorten(text, maxText) }

// shortenAttrs returns attributes with their values resolved and long texts shortened.
func shortenAttrs(attrs []slog.Attr) []slog.Attr {
	short := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		short[i] = slog.Attr{Key: shorten(a.Key), Value: shortenValue(a.Value)}
	}
	return short
}

func shortenValue(v slog.Value) slog.Value {
	v = v.Resolve() // a secret resolves to its placeholder
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(shorten(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(shortenAttrs(v.Group())...)
	case slog.KindAny:
		if text := plainText(v); len(text) > maxText {
			return slog.StringValue(shorten(text))
		}
	}
	return v
}

// plainText returns a value as the handlers of slog write it. So the text contains no secret that
// those handlers would not write.
func plainText(v slog.Value) (text string) {
	if v.Kind() != slog.KindAny {
		return v.String()
	}
	defer func() {
		if recover() != nil { // a method panics on a nil pointer; the next handler reports that
			text = ""
		}
	}()
	switch x := v.Any().(type) {
	case error:
		return x.Error()
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if err != nil {
			return err.Error()
		}
		return string(b)
	case []byte:
		return string(x)
	}
	return fmt.Sprintf("%+v", v.Any())
}

package logdedup

import (
	"encoding"
	"fmt"
	"log/slog"

	"github.com/stokerd/stoker/job"
)

// maxText is how long the text of an attribute is, in bytes.
const maxText = 1 << 10

func shorten(text string) string { return job.Shorten(text, maxText) }

// shortenAttrs are attributes with their values as they are written: resolved, and with long
// texts cut.
func shortenAttrs(attrs []slog.Attr) []slog.Attr {
	short := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		short[i] = slog.Attr{Key: shorten(a.Key), Value: shortenValue(a.Value)}
	}
	return short
}

func shortenValue(v slog.Value) slog.Value {
	v = v.Resolve() // what is secret says so here
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(shorten(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(shortenAttrs(v.Group())...)
	case slog.KindAny:
		if text := plain(v); len(text) > maxText {
			return slog.StringValue(shorten(text))
		}
	}
	return v
}

// plain is a value as text: as handlers write it, so that nothing shows here that does not
// show there.
func plain(v slog.Value) (text string) {
	if v.Kind() != slog.KindAny {
		return v.String()
	}
	defer func() {
		if recover() != nil { // a nil pointer of a type that cannot be one; the handler tells
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

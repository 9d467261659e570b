package sqlite

import (
	"encoding/json"
	"fmt"
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

// encode is how a structured value is stored. Values of package job always have
// a JSON form, so an error is a mistake in this program.
func encode[T any](v T) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sqlite: encode %T: %v", v, err))
	}
	return string(b)
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

// encodeList passes a list to json_each; an empty list, which filters nothing,
// is NULL.
func encodeList[T ~string](list []T) *string {
	if len(list) == 0 {
		return nil
	}
	return new(encode(list))
}

// text is a stored structured value. Empty text leaves the target alone.
type text string

func (t text) decode(target any) error {
	if t == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(t), target); err != nil {
		return fmt.Errorf("stored value: %w", err)
	}
	return nil
}

// decode returns what a stored structured value says; the zero value for empty text.
func decode[T any](t text) (v T, err error) {
	if t == "" {
		return v, nil
	}
	return decodeNew[T](t)
}

func decodeNew[T any](t text) (T, error) {
	var v T // on the heap, which decode avoids
	err := t.decode(&v)
	return v, err
}

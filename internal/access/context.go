package access

import "context"

type recordKey struct{}

// WithRecord returns a context whose changes are written together with the entry of r.
func WithRecord(ctx context.Context, r *Record) context.Context {
	return context.WithValue(ctx, recordKey{}, r)
}

// RecordOf returns the record of the call that ctx belongs to; nil if the call has none.
func RecordOf(ctx context.Context) *Record {
	r, _ := ctx.Value(recordKey{}).(*Record)
	return r
}

package access

import "context"

type contextKey int

const (
	principalKey contextKey = iota
	recordKey
)

// WithPrincipal returns a context of a call by p.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey, p)
}

// PrincipalOf returns the principal of the call that ctx belongs to; nil outside of a call.
func PrincipalOf(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey).(*Principal)
	return p
}

// WithRecord returns a context whose changes are written together with the entry of r.
func WithRecord(ctx context.Context, r *Record) context.Context {
	return context.WithValue(ctx, recordKey, r)
}

// RecordOf returns the record of the call that ctx belongs to; nil if the call has none.
func RecordOf(ctx context.Context) *Record {
	r, _ := ctx.Value(recordKey).(*Record)
	return r
}

package gateway

import (
	"strings"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoregistry"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Whatever a request is, it is decoded, or refused with a text that names a field.
func FuzzDecodingError(f *testing.F) {
	for _, text := range []string{
		`{"jobs": [{"input_path": "a"}, {"inputpath": "b"}]}`, `{"labels": {"a": {}}}`, `{"": 1}`, `{"jobs": [{"": [}]}`, `[[]]`, `{"retryPolicy": null, "retry_policy": []}`,
		"{\"list\":\n{\"data\": \"ä\", \"format\": 99999999999}}", `{"a":{"b":[{"c":{}}]}}`, "\xff", `{"jobs":[1e400]}`, `nullx`,
	} {
		f.Add([]byte(text))
	}
	c := newCodec(protoregistry.GlobalTypes)
	f.Fuzz(func(t *testing.T, text []byte) {
		err := c.Unmarshal(text, &stokerv1.SubmitBatchRequest{})
		if err == nil {
			return
		}
		failure, ok := err.(*connect.Error) //nolint:errorlint // the gateway passes it on as it is
		if !ok || failure.Code() != connect.CodeInvalidArgument || len(failure.Details()) != 2 {
			t.Fatalf("%q: %v", text, err)
		}
		if field, problem, found := strings.Cut(failure.Message(), ": "); !found || field == "" || problem == "" || !utf8.ValidString(failure.Message()) && utf8.Valid(text) {
			t.Errorf("%q: %q", text, failure.Message())
		}
	})
}

package gateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoregistry"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// What is wrong with a large request is said shortly, and costs no copies of it.
func TestLargeRequestsThatAreWrong(t *testing.T) {
	long := strings.Repeat("x", maxTextBytes+1)
	for text, want := range map[string]string{
		`{"priority": "` + long + `"}`:                          "priority: has 4194305 bytes: want at most 4194304",
		`{"jobs": [{}, {"name": "` + long + `"}]}`:              "jobs[1].name: has 4194305 bytes: want at most 4194304",
		`{"list": {"data": "` + long + `!"}}`:                   "list.data: want a string of base64",
		`{"` + long + `" : 1}`:                                  "request: has a name of 4194305 bytes: want at most 4096",
		`{"jobs": [{"variables": {` + variables(1_001) + `}}]}`: "jobs[0].variables: more than 1000 entries",
		`{"jobs": [{"variables": {` + variables(1_000) + `}}]}`: "",
		`{"list": {"text": "` + long + `"}}`:                    "",
		`{"list": {"data": "` + strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff", maxTextBytes))), "/", `\/`) + `"}}`: "",
		`{"list": {"data": "` + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xff", maxTextBytes))) + `"}}`:                             "",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := newCodec(protoregistry.GlobalTypes).Unmarshal([]byte(text), &stokerv1.SubmitBatchRequest{})
		runtime.ReadMemStats(&after)
		if want == "" {
			if err != nil {
				t.Errorf("%.60s: %.300v", text, err)
			}
			continue
		}
		if failure, ok := errors.AsType[*connect.Error](err); !ok || failure.Message() != want {
			t.Errorf("%.60s: %.300v, want %q", text, err, want)
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > uint64(len(text))*3/2+1<<20 {
			t.Errorf("%.60s: an error of %d bytes cost %d", text, len(text), cost)
		}
	}
}

// variables has so many entries of an object.
func variables(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"v%d": "1"`, i))
	}
	return strings.Join(all, ",")
}

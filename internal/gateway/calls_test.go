package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// dial connects as a gRPC client to the gateway.
func (f *face) dial() *grpc.ClientConn {
	f.t.Helper()
	conn, err := grpc.NewClient(f.web.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// wireError is an error as JSON.
type wireError struct {
	Code    string
	Message string
	Details []struct {
		Type  string
		Value string
		Debug json.RawMessage
	}
}

// violations shows the violations in the details, one on each line.
func (e wireError) violations(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, d := range e.Details {
		if d.Type != "google.rpc.BadRequest" {
			continue
		}
		bytes, err := base64.RawStdEncoding.DecodeString(d.Value)
		if err != nil {
			t.Fatal(err)
		}
		bad := &errdetails.BadRequest{}
		if err := proto.Unmarshal(bytes, bad); err != nil {
			t.Fatal(err)
		}
		for _, v := range bad.GetFieldViolations() {
			fmt.Fprintf(&b, "%s: %s\n", v.GetField(), v.GetDescription())
		}
	}
	return b.String()
}

// failure is the error of an answer, of a stream too.
func (a answer) failure(t *testing.T) wireError {
	t.Helper()
	var e struct {
		wireError
		Error *wireError
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("%s: %v\n%s", a.Status, err, a.body)
	}
	if e.Error != nil {
		return *e.Error
	}
	return e.wireError
}

// everyMethod calls f with each method that the gateway serves.
func (f *face) everyMethod(do func(path string, m protoreflect.MethodDescriptor)) {
	f.t.Helper()
	n := 0
	for _, name := range services(f.grpc) {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			f.t.Fatal(err)
		}
		service, ok := found.(protoreflect.ServiceDescriptor)
		if !ok {
			f.t.Fatalf("%s is a %T", name, found)
		}
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			do("/"+name+"/"+string(m.Name()), m)
			n++
		}
	}
	if n < 20 {
		f.t.Errorf("%d methods, want those of the contract", n)
	}
}

// Every method answers an empty request, and one that is wrong, over JSON as over gRPC: with the same code,
// text and details.
func TestEveryMethodHasTheSameErrors(t *testing.T) {
	f := newFace(t, false)
	conn := f.dial()
	f.everyMethod(func(path string, m protoreflect.MethodDescriptor) {
		if m.IsStreamingServer() && m.Name() == "WatchBatches" {
			return // it never ends
		}
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(dynamicpb.NewMessage(m.Input())); err != nil {
			t.Fatal(err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		err = stream.RecvMsg(dynamicpb.NewMessage(m.Output()))
		got := f.do(http.MethodPost, path, "{}", "Content-Type", "application/json")
		if err == nil {
			if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.body, "{") {
				t.Errorf("%s: %s %s, want an answer as over gRPC", path, got.Status, got.body)
			}
			return
		}
		want, e := status.Convert(err), got.failure(t)
		if code := strings.ToLower(fmt.Sprint(codeName(want.Code()))); e.Code != code {
			t.Errorf("%s: code %q, want %q", path, e.Code, code)
		}
		if got.StatusCode < 400 {
			t.Errorf("%s: %s for %v", path, got.Status, err)
		}
		if e.Message != want.Message() || len(e.Details) != len(want.Proto().GetDetails()) {
			t.Errorf("%s: %q with %d details, want %q with %d", path, e.Message, len(e.Details), want.Message(), len(want.Proto().GetDetails()))
		}
		for i, d := range want.Proto().GetDetails() {
			if i < len(e.Details) && e.Details[i].Value != base64.RawStdEncoding.EncodeToString(d.GetValue()) {
				t.Errorf("%s: detail %d is %s, want %v", path, i, e.Details[i].Debug, d)
			}
		}
	})
}

// codeName is the name of a code in the contract of gRPC.
func codeName(c codes.Code) string {
	if c == codes.Canceled {
		return "CANCELED"
	}
	var b strings.Builder
	for i, r := range c.String() {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func TestJSONCall(t *testing.T) {
	f := newFace(t, false)
	got := f.call("BatchService/SubmitBatch", `{"display_name": "night run", "jobs": [{"inputPath": "in/a.mov"}, {"input_path": "in/b.mov"}]}`)
	batch, _ := got.json(t)["batch"].(map[string]any)
	if got.StatusCode != http.StatusOK || batch["display_name"] != "night run" || batch["job_count"] != "2" {
		t.Fatalf("%s %s", got.Status, got.body)
	}
	if _, ok := batch["state_reason"]; ok {
		t.Errorf("the answer has a field that is not set: %s", got.body)
	}
	if got.Header.Get("Trailer-Call-Id") == "" {
		t.Errorf("the answer does not name the call: %v", got.Header)
	}
	for _, contentType := range []string{"application/json; charset=UTF-8", "Application/JSON"} {
		if got := f.do(http.MethodPost, "/stoker.v1.BatchService/ListBatches", "{}", "Content-Type", contentType); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s", contentType, got.Status, got.body)
		}
	}
}

// A request that cannot be decoded names the field and what it would have to be.
func TestDecodingErrors(t *testing.T) {
	f := newFace(t, false)
	for _, tt := range []struct{ method, body, want string }{
		{"GetBatch", `{"batchid": "1"}`, `batchid: is no field of the request; did you mean "batch_id"?`},
		{"GetBatch", `{"batch_id": 17}`, `batch_id: want a string`},
		{"GetBatch", `{"batchId": {"a": 1}}`, `batch_id: want a string`},
		{"GetBatch", `[]`, `request: want a JSON object`},
		{"GetBatch", `"x"`, `request: want a JSON object`},
		{"GetBatch", `{"batch_id": "1"`, `request: is not JSON: line 1, column 16: unexpected end of JSON input`},
		{"GetBatch", "{\n \"batch_id\": 'x'}", `request: is not JSON: line 2, column 14: invalid character '\'' looking for beginning of value`},
		{"GetBatch", `{"batch_id": "1", "batchId": "2"}`, `batch_id: is given twice`},
		{"ListBatches", `{"page_size": "many"}`, `page_size: want a whole number`},
		{"ListBatches", `{"page_size": 1.5}`, `page_size: want a whole number`},
		{"ListBatches", `{"states": ["ACTIVE"]}`, `states[0]: want BATCH_STATE_OPEN, BATCH_STATE_ACTIVE, BATCH_STATE_PAUSED, BATCH_STATE_CANCELLING, BATCH_STATE_SUCCEEDED, BATCH_STATE_FAILED, BATCH_STATE_CANCELLED`},
		{"ListBatches", `{"states": "BATCH_STATE_OPEN"}`, `states: want a list, each entry the name of a value`},
		{"ListBatches", `{"labels": {"team": 5}}`, `labels.team: want a string`},
		{"SubmitBatch", `{"jobs": [{"input_path": "a"}, {"inputpath": "b"}]}`, `jobs[1].inputpath: is no field of the request; did you mean "input_path"?`},
		{"SubmitBatch", `{"jobs": [{"input_path": "ä"}, {"input_path": "b", "variables": {"ö": [1]}}]}`, `jobs[1].variables.ö: want a string`},
		{"SubmitBatch", `{"jobs": {"input_path": "a"}}`, `jobs: want a list, each entry a JSON object`},
		{"SubmitBatch", `{"retry_policy": {"initial_backoff": 10}}`, `retry_policy.initial_backoff: want a duration in seconds, such as "90s"`},
		{"SubmitBatch", `{"retry_policy": {"initial_backoff": "ten"}}`, `retry_policy.initial_backoff: want a duration in seconds, such as "90s"`},
		{"SubmitBatch", `{"keep_open": "yes"}`, `keep_open: want true or false`},
		{"SubmitBatch", `{"profile": "hd", "template": "ladder"}`, `template: is given beside another of these: profile, template, recipe, inline_template; give one`},
		{"WatchBatch", `{"include_job": true}`, `include_job: is no field of the request; did you mean "include_jobs"?`},
		{"ListBatches", ``, ``},
	} {
		got := f.call("BatchService/"+tt.method, tt.body)
		e := got.failure(t)
		want := tt.want
		if tt.body == "" {
			want = "the request is empty: want JSON, {} at least"
		}
		if got.StatusCode != http.StatusBadRequest || e.Code != "invalid_argument" || e.Message != want {
			t.Errorf("%s %s:\n%s %s, want %s", tt.method, tt.body, got.Status, got.body, want)
		}
		if tt.body != "" && e.violations(t) != want+"\n" {
			t.Errorf("%s %s: violations %q, want %q", tt.method, tt.body, e.violations(t), want)
		}
	}
}

// A mask may be written as JSON has it, with the names of the contract, or as grpcurl wants it.
func TestMasks(t *testing.T) {
	f := newFace(t, false)
	id := f.submit(`{"input_path": "a.mov"}`)
	for _, mask := range []string{`"priority,failureLimit"`, `"priority,failure_limit"`, `{"paths": ["priority", "failure_limit"]}`} {
		for _, name := range []string{"update_mask", "updateMask"} {
			got := f.call("BatchService/UpdateBatch", `{"batch": {"id": "`+id+`", "priority": 70, "failure_limit": {"count": 9}}, "`+name+`": `+mask+`}`)
			batch, _ := got.json(t)["batch"].(map[string]any)
			if got.StatusCode != http.StatusOK || batch["priority"] != 70.0 || batch["failure_limit"] == nil {
				t.Errorf("%s %s: %s %s", name, mask, got.Status, got.body)
			}
		}
	}
	got := f.call("BatchService/UpdateBatch", `{"batch": {"id": "`+id+`"}, "update_mask": 17}`)
	if e := got.failure(t); e.Message != `update_mask: want names of fields in one string, such as "priority,labels"` {
		t.Errorf("a mask that is none: %s", got.body)
	}
}

// A request that breaks rules has all of its violations with their paths.
func TestViolationsHavePaths(t *testing.T) {
	f := newFace(t, false)
	got := f.call("BatchService/SubmitBatch", `{"priority": 101, "jobs": [{"input_path": "a"}, {"output_path": "b"}, {"input_path": "s3://bucket/c"}]}`)
	const want = "priority: must be greater than or equal to 0 and less than or equal to 100\n" +
		"jobs[1].input_path: is required: the path of the asset on the input storage\n" +
		"jobs[2].input_path: is the address of a bucket: the storage \"default\" has the bucket; give the path below it: \"c\"\n"
	if diff := cmp.Diff(want, got.failure(t).violations(t)); diff != "" || got.StatusCode != http.StatusBadRequest {
		t.Errorf("%s, violations (-want +got):\n%s", got.Status, diff)
	}
}

// What is no call is told so, with a remedy.
func TestNoCalls(t *testing.T) {
	f := newFace(t, false)
	for _, tt := range []struct {
		method, path, contentType string
		status                    int
		want                      string
	}{
		{"POST", "/stoker.v1.BatchService/ListBatch", "application/json", 404, `this server has no method /stoker.v1.BatchService/ListBatch; did you mean "/stoker.v1.BatchService/ListBatches"?`},
		{"POST", "/stoker.v1.Nothing/AtAll", "application/json", 404, "this server has no method /stoker.v1.Nothing/AtAll; is it older than the client?"},
		{"POST", "/stoker.v1.BatchService/", "application/json", 404, ""},
		{"GET", "/stoker.v1.BatchService/ListBatches", "", 405, "want POST, with the request as JSON"},
		{"POST", "/stoker.v1.BatchService/ListBatches", "", 415, "want Content-Type: application/json, which curl sends with --json"},
		{"POST", "/stoker.v1.BatchService/ListBatches", "application/x-www-form-urlencoded", 415, "want Content-Type: application/json, which curl sends with --json"},
		{"POST", "/stoker.v1.BatchService/ListBatches", "text/plain", 415, "want Content-Type: application/json, which curl sends with --json"},
		{"POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "application/json", 404, ""},
		{"POST", "/grpc.health.v1.Health/Check", "application/json", 404, ""},
		{"POST", "/stoker.v1/BatchService/ListBatches", "application/json", 404, `there is no call /stoker.v1/BatchService/ListBatches; did you mean "/stoker.v1.BatchService/ListBatches"?`},
		{"POST", "/batches", "application/json", 404, "there is no call /batches; calls have paths such as /stoker.v1.BatchService/ListBatches, and /openapi.yaml describes them"},
		{"GET", "/nothing", "", 404, ""},
		{"GET", "/../gateway.go", "", 404, ""},
	} {
		got := f.do(tt.method, tt.path, "{}", "Content-Type", tt.contentType)
		if got.StatusCode != tt.status {
			t.Errorf("%s %s: %s, want %d", tt.method, tt.path, got.Status, tt.status)
		}
		if tt.want != "" && got.failure(t).Message != tt.want {
			t.Errorf("%s %s: %s, want %q", tt.method, tt.path, got.body, tt.want)
		}
	}
}

// A request of 32 MiB passes, and a larger one is refused with the limit.
func TestLargeRequests(t *testing.T) {
	f := newFace(t, false)
	list := func(size int) string {
		return `{"submission": {"list": {"text": "input_path\n` + strings.Repeat(`# a comment of thirty-two bytes\n`, size/32) + `a.mov\n"}}}`
	}
	got := f.call("SubmissionService/CheckList", list(20<<20))
	if got.StatusCode != http.StatusOK || got.json(t)["job_count"] != "1" {
		t.Errorf("20 MiB: %s %.300s", got.Status, got.body)
	}
	if got := f.call("SubmissionService/CheckList", list(40<<20)); got.StatusCode != http.StatusRequestEntityTooLarge || got.failure(t).Code != "resource_exhausted" {
		t.Errorf("40 MiB: %s %.300s, want resource_exhausted", got.Status, got.body)
	}
}

// gRPC itself is served too, without TLS and with it, and of its services those of the contract only.
func TestGRPC(t *testing.T) {
	f := newFace(t, false)
	conn := f.dial()
	if _, err := stokerv1.NewAccountServiceClient(conn).ListAccounts(t.Context(), &stokerv1.ListAccountsRequest{}); err != nil {
		t.Error(err)
	}
	err := conn.Invoke(t.Context(), "/grpc.health.v1.Health/Check", &stokerv1.ListAccountsRequest{}, &stokerv1.ListAccountsResponse{})
	if err == nil {
		t.Error("the health service of gRPC can be reached")
	}
}

package docstest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // the details of errors
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/stokerd/stoker/gen/stoker/v1" // the contract
)

// With this variable a program of the test is asked to stand in for grpcurl. It names the real one.
const realGrpcurl = "STOKER_TEST_GRPCURL"

// webAddress is the variable with the address of JSON over HTTP.
const webAddress = "STOKER_WEB_LISTEN"

// TestMain lets the test binary stand in for grpcurl: a call of Stoker is made by curl, and its answer is printed
// as grpcurl prints it. So every example of a page is run by both.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "grpcurl" {
		os.Exit(m.Run())
	}
	if err := byCurl(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "by curl:", err)
		os.Exit(1)
	}
}

// byCurl makes the call of a command line of grpcurl.
func byCurl(args []string) error {
	data, headers, method := "{}", []string(nil), args[len(args)-1]
	for i := 0; i < len(args)-1; i++ {
		switch args[i] {
		case "-d":
			i++
			data = args[i]
		case "-H":
			i++
			headers = append(headers, "-H", args[i])
		}
	}
	service, name, isCall := strings.Cut(method, "/")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil || !isCall || !strings.HasPrefix(service, "stoker.v1.") {
		real := os.Getenv(realGrpcurl) // it describes the contract, or asks for another service
		return syscall.Exec(real, append([]string{real}, args...), os.Environ())
	}
	descriptor := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name)) //nolint:errcheck,forcetypeassert // a name that is called
	if data == "@" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		data = string(text)
	}
	curl := exec.Command("curl", append([]string{"-sN", "--json", "@-", "http://" + os.Getenv(webAddress) + "/" + method}, headers...)...)
	curl.Stdin, curl.Stderr = strings.NewReader(data), os.Stderr
	out, err := curl.StdoutPipe()
	if err != nil {
		return err
	}
	if err := curl.Start(); err != nil {
		return err
	}
	failure, err := printAnswers(out, descriptor)
	if err := errors.Join(err, curl.Wait()); err != nil {
		return err
	}
	if failure != nil {
		os.Exit(failure.print())
	}
	return nil
}

// printAnswers prints the answers of a call as grpcurl does, each as soon as it is there.
func printAnswers(in io.Reader, method protoreflect.MethodDescriptor) (*wireFailure, error) {
	response, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 32<<20)
	for lines.Scan() {
		var end struct {
			Error *wireFailure `json:"error"`
			wireFailure
		}
		if err := json.Unmarshal(lines.Bytes(), &end); err != nil {
			return nil, fmt.Errorf("%w: %s", err, lines.Text())
		}
		if end.Error != nil {
			return end.Error, nil
		}
		if end.Code != "" {
			return &end.wireFailure, nil
		}
		m := response.New().Interface()
		if err := protojson.Unmarshal(lines.Bytes(), m); err != nil {
			return nil, err
		}
		text, err := indented(m)
		if err != nil {
			return nil, err
		}
		fmt.Println(text)
	}
	return nil, lines.Err()
}

// indented is a message as grpcurl prints it.
func indented(m proto.Message) (string, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = json.Indent(&out, text, "", "  ")
	return out.String(), err
}

// wireFailure is an error as JSON over HTTP has it.
type wireFailure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details []struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"details"`
}

// print prints the error as grpcurl does, and returns its exit code.
func (f *wireFailure) print() int {
	number := code.Code_value[strings.ToUpper(f.Code)]
	if f.Code == "canceled" {
		number = int32(codes.Canceled)
	}
	fmt.Fprintf(os.Stderr, "ERROR:\n  Code: %s\n  Message: %s\n", codes.Code(number), f.Message)
	if len(f.Details) > 0 {
		fmt.Fprintln(os.Stderr, "  Details:")
	}
	for i, d := range f.Details {
		fmt.Fprintf(os.Stderr, "  %d)\t%s\n", i+1, strings.ReplaceAll(detailText(d.Type, d.Value), "\n", "\n    \t"))
	}
	return 64 + int(number)
}

// detailText is a detail as JSON, with its type.
func detailText(name, value string) string {
	encoded, err := base64.RawStdEncoding.DecodeString(value)
	if err != nil {
		return err.Error()
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		return err.Error()
	}
	m := kind.New().Interface()
	if err := proto.Unmarshal(encoded, m); err != nil {
		return err.Error()
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		return err.Error()
	}
	fields := map[string]json.RawMessage{} // sorted by name, as grpcurl has them; those below are in their order
	if err := json.Unmarshal(text, &fields); err != nil {
		return err.Error()
	}
	fields["@type"] = json.RawMessage(`"type.googleapis.com/` + name + `"`)
	sorted, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(sorted)
}

// standInForGrpcurl puts the test binary where the session has grpcurl.
func (s *session) standInForGrpcurl(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(s.dir, "bin", "grpcurl")
	real, err := os.Readlink(place)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	s.link(t, own, place)
	if !slices.ContainsFunc(s.env, func(v string) bool { return strings.HasPrefix(v, webAddress+"=") }) {
		t.Fatalf("the session has no %s", webAddress)
	}
	if _, _, err := s.run("export " + realGrpcurl + "=" + real); err != nil {
		t.Fatal(err)
	}
}

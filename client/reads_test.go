package client

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// TestReads holds that gRPC repeats every call that only reads, and no other.
func TestReads(t *testing.T) {
	for _, service := range []protoreflect.ServiceDescriptor{
		stokerv1.File_stoker_v1_batch_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_account_service_proto.Services().Get(0),
	} {
		for i := range service.Methods().Len() {
			name := string(service.Methods().Get(i).Name())
			got := strings.Contains(reads, fmt.Sprintf(`{"service": %q, "method": %q}`, service.FullName(), name))
			if want := strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List"); got != want {
				t.Errorf("%s is repeated: %t, want %t", name, got, want)
			}
		}
	}
}

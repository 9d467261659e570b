package gateway

import (
	"cmp"
	"context"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/stokerd/stoker/internal/spelling"
)

// maxMessage is the size of the largest message in either direction, in bytes. It is that of the gRPC
// server.
const maxMessage = 32 << 20

const jsonType = "application/json"

// callHandler serves the calls of services in every protocol.
type callHandler struct {
	transcoder http.Handler
	methods    map[string]protoreflect.MethodDescriptor // by path, such as /stoker.v1.BatchService/GetBatch
	paths      []string
	packages   []string            // of the services, each as a path begins: /stoker.v1.
	bodies     *semaphore.Weighted // the room for large bodies, in bytes
	decoding   *semaphore.Weighted // the room for what is decoded of JSON, in bytes
	shares     shares              // of callers in bodies: one body may take twenty minutes to arrive
	arriving   atomic.Int64        // how many bodies are on their way to smallBody
	errors     *connect.ErrorWriter
	// withRequest has the server take a request that is at hand; see [Config].
	withRequest func(ctx context.Context, take func() []byte) context.Context
}

// newCallHandler makes a handler that serves the services of a configuration.
func newCallHandler(c Config) (*callHandler, error) {
	h := &callHandler{
		methods: map[string]protoreflect.MethodDescriptor{}, errors: connect.NewErrorWriter(),
		bodies: semaphore.NewWeighted(bodyRoom), decoding: semaphore.NewWeighted(decodingRoom),
		shares: shares{most: bodyRoom / 2}, withRequest: c.WithRequest,
	}
	var served []*vanguard.Service
	for _, name := range c.Services {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", name, err)
		}
		service, ok := found.(protoreflect.ServiceDescriptor)
		if !ok {
			return nil, fmt.Errorf("%s is not a service", name)
		}
		h.packages = append(h.packages, "/"+string(service.ParentFile().Package())+".")
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			path := "/" + name + "/" + string(method.Name())
			h.methods[path] = method
			h.paths = append(h.paths, path)
		}
		served = append(served, vanguard.NewServiceWithSchema(service, c.GRPC,
			vanguard.WithTargetProtocols(vanguard.ProtocolGRPC),
			vanguard.WithTargetCodecs(vanguard.CodecProto),
			vanguard.WithMaxMessageBufferBytes(maxMessage),
			vanguard.WithNoTargetCompression(),
		))
	}
	var err error
	h.transcoder, err = vanguard.NewTranscoder(served, vanguard.WithCodec(newCodec), vanguard.WithCompression("gzip", newPacker, newUnpacker))
	return h, err
}

// owns reports whether a path is that of a call, or would be if the method existed.
func (h *callHandler) owns(path string) bool {
	return slices.ContainsFunc(h.packages, func(pkg string) bool { return strings.HasPrefix(path, pkg) })
}

func (h *callHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := h.methods[r.URL.Path]
	media := mediaType(r)
	switch {
	case method == nil:
		writeError(w, http.StatusNotFound, connect.CodeUnimplemented, fmt.Sprintf("this server has no method %s%s",
			r.URL.Path, cmp.Or(spelling.Hint(r.URL.Path, h.paths), "; is it older than the client?")))
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		writeError(w, http.StatusMethodNotAllowed, connect.CodeUnimplemented, "want POST, with the request as JSON")
	case media != jsonType && !strings.HasPrefix(media, "application/grpc") && !strings.HasPrefix(media, "application/connect+") && media != "application/proto":
		writeError(w, http.StatusUnsupportedMediaType, connect.CodeInvalidArgument, "want Content-Type: "+jsonType+", which curl sends with --json")
	case !isTimeout(r.Header.Get("Connect-Timeout-Ms")):
		writeError(w, http.StatusBadRequest, connect.CodeInvalidArgument, "Connect-Timeout-Ms: want a whole number of milliseconds")
	case media == jsonType && r.ContentLength == 0:
		writeError(w, http.StatusBadRequest, connect.CodeInvalidArgument, "the request is empty: want JSON, {} at least")
	case media == jsonType && isPacked(r) && r.Header.Get("Content-Encoding") != "gzip":
		writeError(w, http.StatusUnsupportedMediaType, connect.CodeInvalidArgument, fmt.Sprintf("Content-Encoding %s: want gzip, or none", r.Header.Get("Content-Encoding")))
	default:
		h.serveCall(w, r, media, method)
	}
}

// serveCall serves a call whose method there is.
func (h *callHandler) serveCall(w http.ResponseWriter, r *http.Request, media string, method protoreflect.MethodDescriptor) {
	streams := method.IsStreamingServer()
	closeBody, ok := h.openBody(w, r, media, method)
	defer closeBody()
	switch {
	case !ok: // it has answered
	case streams && r.ContentLength > maxStreamRequest:
		h.writeBodyError(w, r, media, errStreamTooLarge)
	case media == jsonType && streams:
		closeBody() // the stream may last for hours
		h.serveLines(w, r)
	case streams:
		closeBody()
		h.transcoder.ServeHTTP(w, r)
	case media == jsonType:
		h.serveJSON(w, r)
	default:
		h.transcoder.ServeHTTP(w, r)
	}
}

// serveJSON serves a call with one answer whose body, in plain JSON, was read.
func (h *callHandler) serveJSON(w http.ResponseWriter, r *http.Request) {
	// Without the version, which is for Connect's own clients, the call would not be taken for one.
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("Connect-Protocol-Version", "1")
	h.transcoder.ServeHTTP(w, r)
}

// isTimeout reports whether a text is a time in milliseconds as Connect has it, or nothing.
func isTimeout(text string) bool {
	return len(text) <= 10 && strings.Trim(text, "0123456789") == ""
}

// writeNoCall answers a POST to a path that no call has.
func (h *callHandler) writeNoCall(w http.ResponseWriter, path string) {
	writeError(w, http.StatusNotFound, connect.CodeUnimplemented, fmt.Sprintf("there is no call %s%s",
		path, cmp.Or(spelling.Hint(path, h.paths), "; calls have paths such as /stoker.v1.BatchService/ListBatches, and /openapi.yaml describes them")))
}

// mediaType is the media type of a request, in lower case and without parameters; empty if there is none.
func mediaType(r *http.Request) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

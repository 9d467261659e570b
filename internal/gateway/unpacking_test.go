package gateway_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/identity"
)

// pack packs a text by gzip.
func pack(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

// A request may be packed. Its answer is packed only if the client says that it takes that.
func TestPackedRequests(t *testing.T) {
	f := newFace(t, false)
	id := f.submit(`{"input_path": "a.mov"}`)
	for _, method := range []string{"GetBatch", "WatchBatch"} {
		got := f.open(http.MethodPost, "/stoker.v1.BatchService/"+method, pack(t, `{"batch_id": "`+id+`"}`),
			"Content-Type", "application/json", "Content-Encoding", "gzip", "Accept-Encoding", "identity")
		begin := make([]byte, 1)
		if _, err := io.ReadFull(got.Body, begin); err != nil || string(begin) != "{" || got.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %s begins with %q, %v; %v", method, got.Status, begin, err, got.Header)
		}
	}
}

// What is too large, or not packed as it says, is refused before it takes memory: some bytes may unpack to gigabytes.
func TestBodiesAreBounded(t *testing.T) {
	f := newFace(t, false)
	const large = "the request is larger than 32 MiB: submit fewer jobs, and send the others by AddJobs"
	const notPacked = "the request is not gzip, as its Content-Encoding says: pack it, or leave out the header"
	blanks := strings.Repeat(" ", 40<<20)
	for name, tt := range map[string]struct {
		method, body, encoding string
		status                 int
		want                   string
	}{
		"large":                     {"GetBatch", `{"batch_id": "1"}` + blanks, "", 413, large},
		"unpacks to large":          {"GetBatch", pack(t, `{"batch_id": "1"}`+blanks), "gzip", 413, large},
		"unpacks to a large stream": {"WatchBatch", pack(t, `{"batch_id": "1"}`+blanks), "gzip", 413, large},
		"is not gzip":               {"GetBatch", `{"batch_id": "1"}`, "gzip", 400, notPacked},
		"is cut off":                {"GetBatch", pack(t, `{"batch_id": "1"}`)[:20], "gzip", 400, notPacked},
		"is a stream and cut off":   {"WatchBatch", pack(t, `{"batch_id": "1"}`)[:20], "gzip", 400, notPacked},
		"is of another kind":        {"GetBatch", "{}", "br", 415, "Content-Encoding br: want gzip, or none"},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.do(http.MethodPost, "/stoker.v1.BatchService/"+tt.method, tt.body, "Content-Type", "application/json", "Content-Encoding", tt.encoding)
			if e := got.failure(t); got.StatusCode != tt.status || e.Message != tt.want {
				t.Errorf("%s %.200s, want %d %q", got.Status, got.body, tt.status, tt.want)
			}
		})
	}
	t.Run("Connect", func(t *testing.T) {
		got := f.do(http.MethodPost, "/stoker.v1.BatchService/GetBatch", pack(t, blanks), "Content-Type", "application/proto", "Content-Encoding", "gzip", "Connect-Protocol-Version", "1")
		if e := got.failure(t); e.Code != "resource_exhausted" {
			t.Errorf("unary: %s %.200s", got.Status, got.body)
		}
		packed := pack(t, `{"batch_id": "1"}`+blanks)
		frame := binary.BigEndian.AppendUint32([]byte{1}, uint32(len(packed)))
		got = f.do(http.MethodPost, "/stoker.v1.BatchService/WatchBatch", string(frame)+packed, "Content-Type", "application/connect+json", "Connect-Content-Encoding", "gzip")
		if !strings.Contains(got.body, `"code":"resource_exhausted"`) {
			t.Errorf("stream: %s %.200s", got.Status, got.body)
		}
	})
}

func TestTimeouts(t *testing.T) {
	f := newFace(t, false)
	for _, text := range []string{"soon", "-1", "1.5", "12345678901"} {
		got := f.do(http.MethodPost, "/stoker.v1.BatchService/ListBatches", "{}", "Content-Type", "application/json", "Connect-Timeout-Ms", text)
		if e := got.failure(t); got.StatusCode != 400 || e.Message != "Connect-Timeout-Ms: want a whole number of milliseconds" {
			t.Errorf("%s: %s %s", text, got.Status, got.body)
		}
	}
	if got := f.do(http.MethodPost, "/stoker.v1.BatchService/ListBatches", "{}", "Content-Type", "application/json", "Connect-Timeout-Ms", "5000"); got.StatusCode != 200 {
		t.Errorf("%s %s", got.Status, got.body)
	}
}

// Nobody who is not known can have the service keep a large request: it is refused before it has arrived.
func TestLargeBodiesOfStrangers(t *testing.T) {
	for _, withTLS := range []bool{false, true} {
		f := newFaceFor(t, withTLS, identity.Config{Required: true})
		packed := pack(t, strings.Repeat(" ", 31<<20))
		for _, tt := range []struct {
			name, encoding, text string
			size                 int64
		}{
			{"packed", "gzip", packed[:len(packed)-20], -1},
			{"in pieces", "", strings.Repeat(" ", 1<<20), -1},
			{"of a known size", "", strings.Repeat(" ", 1<<20), 31 << 20},
		} {
			for _, method := range []string{"GetBatch", "WatchBatch"} {
				url := f.web.URL + "/stoker.v1.BatchService/" + method
				status, err := sendPart(t, f.web.Client(), url, tt.encoding, tt.text, tt.size)
				for tries := 1; err != nil && tries < 5; tries++ {
					// Over HTTP/1 a client that is still sending has half a second to read the answer.
					status, err = sendPart(t, f.web.Client(), url, tt.encoding, tt.text, tt.size)
				}
				if err != nil || status != http.StatusUnauthorized {
					t.Errorf("%s, %s: %d, %v", tt.name, method, status, err)
				}
			}
		}
	}
}

// sendPart sends the beginning of a request, which stays open, as somebody whom nobody knows. It returns the status of
// the answer.
func sendPart(t *testing.T, c *http.Client, url, encoding, text string, size int64) (status int, err error) {
	t.Helper()
	body, rest := io.Pipe()
	defer func() { _ = rest.Close() }() // never fails
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", encoding)
	req.Header.Set("Authorization", "Bearer stk_nobody")
	go func() { _, _ = io.WriteString(rest, text) }() // ends with the request
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// A message that unpacks to a large one is unpacked for known callers alone, and one that decodes to a large one for
// nobody, in whichever protocol it comes.
func TestSmallRequestsStaySmall(t *testing.T) {
	f := newFaceFor(t, false, identity.Config{Required: true})
	packed := pack(t, strings.Repeat(" ", 31<<20))
	message := string(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(packed)))) + packed
	for media, encoding := range map[string]string{"application/grpc-web+json": "Grpc-Encoding", "application/connect+json": "Connect-Content-Encoding"} {
		method := "GetBatch"
		if media == "application/connect+json" {
			method = "WatchBatch"
		}
		before := allocated()
		got := f.do(http.MethodPost, "/stoker.v1.BatchService/"+method, message, "Content-Type", media, encoding, "gzip")
		if cost := allocated() - before; cost > 16<<20 {
			t.Errorf("%s: %d bytes of a stranger cost %d", media, len(message), cost)
		}
		if got.Header.Get("Grpc-Status") != "16" && !strings.Contains(got.body, `"code":"unauthenticated"`) {
			t.Errorf("%s: %s, status %q, %.200s", media, got.Status, got.Header["Grpc-Status"], got.body)
		}
	}
	known := newFace(t, false)
	const want = "request: has 4000003 entries and fields: want at most 2000000; send it in parts, such as with AddJobs"
	body := `{"jobs":[` + strings.Repeat("{},", 2_000_000) + `{}]}`
	before := allocated()
	got := known.call("BatchService/SubmitBatch", body)
	if cost := allocated() - before; cost > 30*uint64(len(body)) {
		t.Errorf("a request of %d bytes cost %d", len(body), cost)
	}
	if e := got.failure(t); got.StatusCode != 400 || e.Message != want {
		t.Errorf("%s %.200s", got.Status, got.body)
	}
}

// allocated is how many bytes this process has ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A watch lasts for hours, and keeps little of its request.
func TestWatchesKeepLittle(t *testing.T) {
	f := newFace(t, false)
	id := f.submit(`{"input_path": "a.mov"}`)
	request := `{"batch_id": "` + id + `"}` + strings.Repeat(" ", 64<<10-100)
	framed := string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request)))) + request
	used := func() uint64 {
		runtime.GC()
		runtime.GC() // what a pool had
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for media, body := range map[string]string{"application/json": request, "application/connect+json": framed} {
		before := used()
		for range 20 {
			got := f.open(http.MethodPost, "/stoker.v1.BatchService/WatchBatch", body, "Content-Type", media)
			if _, err := io.ReadFull(got.Body, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if after := used(); after > before+8<<20 {
			t.Errorf("%s: 20 watches hold %d MiB", media, (after-before)>>20)
		}
		got := f.do(http.MethodPost, "/stoker.v1.BatchService/WatchBatch", strings.Replace(body, " ", strings.Repeat(" ", 200), 1), "Content-Type", media)
		if !strings.Contains(got.body, "resource_exhausted") && !strings.Contains(got.body, "invalid_argument") {
			t.Errorf("%s: a larger one: %s %.200s", media, got.Status, got.body)
		}
	}
}

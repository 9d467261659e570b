package gateway

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

const linesType = "application/x-ndjson"

// maxStreamRequest is the size of the largest request of a stream, in bytes.
const maxStreamRequest = 64 << 10

// A message of a Connect stream, as of gRPC, follows a frame of five bytes: flags and size.
const (
	frameSize   = 5
	framePacked = 1 // the flag of a message that is packed
	frameEnd    = 2 // the flag of the last message of Connect, which has the error if there is one
)

// serveLines serves a method that streams, with one JSON message on each line. An error is the last line,
// {"error": ...}, and if it is the only one, the HTTP status is that of the error.
//
// The call is made as one of Connect, whose messages are the same but in binary frames.
func (h *callHandler) serveLines(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // it is in memory
	framed := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body)))
	call := r.Clone(r.Context())
	call.Header.Set("Content-Type", "application/connect+json")
	call.Header.Del("Accept-Encoding")
	call.Body = io.NopCloser(&readOnce{append(framed, body...)})
	call.ContentLength = -1
	h.transcoder.ServeHTTP(&lineWriter{ResponseWriter: w}, call)
}

// lineWriter writes the messages of a Connect stream as lines.
type lineWriter struct {
	http.ResponseWriter
	plain   bool   // the answer is no stream: an error of the transcoder
	began   bool   // the status has been written
	pending []byte // of a message that is not complete
}

// WriteHeader keeps the status back until the first message: if that is an error, the status is another.
func (w *lineWriter) WriteHeader(status int) {
	if status != http.StatusOK {
		w.plain = true
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *lineWriter) begin(status int) {
	if w.began {
		return
	}
	w.began = true
	w.Header().Set("Content-Type", linesType)
	w.ResponseWriter.WriteHeader(status)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	if w.plain {
		return w.ResponseWriter.Write(p)
	}
	w.pending = append(w.pending, p...)
	for len(w.pending) >= frameSize {
		end := frameSize + int(binary.BigEndian.Uint32(w.pending[1:]))
		if len(w.pending) < end {
			break
		}
		if err := w.writeMessage(w.pending[0], w.pending[frameSize:end]); err != nil {
			return 0, err
		}
		w.pending = w.pending[:copy(w.pending, w.pending[end:])]
	}
	return len(p), nil
}

func (w *lineWriter) writeMessage(flags byte, message []byte) error {
	if flags&frameEnd == 0 {
		w.begin(http.StatusOK)
		_, err := w.ResponseWriter.Write(append(message[:len(message):len(message)], '\n'))
		return err
	}
	var end struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(message, &end); err != nil {
		return fmt.Errorf("end of stream: %w", err)
	}
	if end.Error == nil {
		w.begin(http.StatusOK)
		return nil
	}
	var failure struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(end.Error, &failure); err != nil {
		return fmt.Errorf("end of stream: %w", err)
	}
	w.begin(httpStatus(failure.Code))
	_, err := fmt.Fprintf(w.ResponseWriter, `{"error":%s}`+"\n", end.Error)
	return err
}

// Flush sends what has been written. Before the first message there is nothing.
func (w *lineWriter) Flush() {
	if w.began || w.plain {
		_ = http.NewResponseController(w.ResponseWriter).Flush() // a client that has hung up shows at the next write
	}
}

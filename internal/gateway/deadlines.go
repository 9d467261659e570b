package gateway

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// stallTimeout is how long a client may take to make room for what is written, and to send the next part of
// a request. There is no limit for a whole request or answer: a watch lasts for hours, and a submission of
// 32 MiB takes its time.
const stallTimeout = 30 * time.Second

// withDeadlines ends requests whose clients neither read nor write for [stallTimeout].
func withDeadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// The server looks at the body of its own request: where that was not read to its end, it lets the client read
		// the answer before it closes the connection.
		r = r.WithContext(r.Context())
		r.Body = &deadlineBody{r.Body, control}
		next.ServeHTTP(&deadlineWriter{w, control}, r)
	})
}

// deadlineWriter is a response writer of which each write has a deadline. A deadline that cannot be set is of a connection that
// has ended, or of a test without one.
type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (w *deadlineWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	return w.ResponseWriter.Write(p)
}

// WriteHeader sends the header of a stream at once: its first message may come much later, and until then the
// client would not know that it has come through.
func (w *deadlineWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/connect+") {
		w.Flush()
	}
}

// Flush sends what has been written, and then waits without a deadline for more.
func (w *deadlineWriter) Flush() {
	_ = w.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	_ = w.control.Flush() // a client that has hung up shows at the next write
	_ = w.control.SetWriteDeadline(time.Time{})
}

// Unwrap is for [http.ResponseController].
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// deadlineBody is the body of a request of which each read has a deadline. Once the body has been read, there is none:
// the server then reads on to learn when the client hangs up.
type deadlineBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *deadlineBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(stallTimeout))
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

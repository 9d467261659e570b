package simulator

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// response is what is sent to the client.
type response struct {
	status      int
	code        int // of the API error
	contentType string
	header      http.Header
	body        []byte

	// cut ends the connection before the response is complete: in the middle of the body,
	// or at once if status is 0.
	cut      bool
	hang     bool          // wait for hangFor before the cut
	hangFor  time.Duration // 0: until the client leaves
	intended int           // the status without the fault
}

// write sends the response. It cuts a connection by a panic that net/http and
// [Simulator.Client] understand.
func (resp response) write(s *Simulator, w http.ResponseWriter, r *http.Request) {
	if resp.hang {
		s.sleep(r.Context(), resp.hangFor)
	}
	if resp.cut && resp.status == 0 {
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	maps.Copy(header, resp.header)
	header.Set("Stoker-Simulator", "true") // no client is to take it for the platform
	header.Set("Content-Type", resp.contentType)
	header.Set("Content-Length", strconv.Itoa(len(resp.body)))
	w.WriteHeader(resp.status)
	if !resp.cut {
		_, _ = w.Write(resp.body) // the client may have left; the ledger has the call
		return
	}
	_, _ = w.Write(resp.body[:len(resp.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// sleep waits for d, or without limit if d is zero. It returns false if the client leaves or
// the simulator is closed before d has passed. With a Clock, d must not be zero.
func (s *Simulator) sleep(client context.Context, d time.Duration) bool {
	if s.Clock != nil {
		return s.Clock.Sleep(client, d) == nil
	}
	var elapsed <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		elapsed = timer.C
	}
	select {
	case <-elapsed:
		return true
	case <-client.Done():
	case <-s.ctx.Done():
	}
	return false
}

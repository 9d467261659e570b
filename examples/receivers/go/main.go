// Receiver is an example of a program that receives notifications:
//
//	go run ./examples/receivers/go ADDRESS SECRET-FILE
//
// It verifies the signature of each, takes each once, and prints a line of JSON for it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	maxBody       = 1 << 20 // bytes of a message; those of Stoker have a few thousand at most
	maxRemembered = 10_000  // messages and batches
)

// message is what a notification has in common with all others, and the fields that this program uses.
type message struct {
	Type string
	Data struct {
		BatchID  string `json:"batch_id"`
		Revision int64
	}
}

// line is what the program prints.
type line struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Batch    string `json:"batch,omitempty"`
	Revision int64  `json:"revision,omitempty"`
	Old      bool   `json:"old"` // a newer state of the batch is known
}

// receiver takes each message once.
type receiver struct {
	webhook *standardwebhooks.Webhook
	print   *json.Encoder

	mu        sync.Mutex
	seen      map[string]bool  // by webhook-id
	revisions map[string]int64 // the newest state that is known, by batch
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if err := r.webhook.Verify(body, req.Header); err != nil {
		http.Error(w, "the signature is not valid", http.StatusUnauthorized)
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "the body is no message", http.StatusBadRequest)
		return
	}
	r.take(req.Header.Get(standardwebhooks.HeaderWebhookID), m)
	w.WriteHeader(http.StatusNoContent)
}

// take prints a message, unless it was taken before.
func (r *receiver) take(id string, m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[id] {
		return
	}
	if len(r.seen) >= maxRemembered || len(r.revisions) >= maxRemembered {
		clear(r.seen)
		clear(r.revisions)
	}
	r.seen[id] = true
	old := false
	if strings.HasPrefix(m.Type, "batch.") {
		newest := r.revisions[m.Data.BatchID]
		old = m.Data.Revision < newest
		r.revisions[m.Data.BatchID] = max(m.Data.Revision, newest)
	}
	_ = r.print.Encode(line{id, m.Type, m.Data.BatchID, m.Data.Revision, old}) // there is nobody to tell
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: receiver ADDRESS SECRET-FILE")
	}
	secret, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	webhook, err := standardwebhooks.NewWebhook(strings.TrimSpace(string(secret)))
	if err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", listener.Addr())
	server := &http.Server{
		Handler:     &receiver{webhook: webhook, print: json.NewEncoder(os.Stdout), seen: map[string]bool{}, revisions: map[string]int64{}},
		ReadTimeout: 10 * time.Second,
	}
	return server.Serve(listener)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// openWatches is how many watches of each kind are open when the service stops.
const openWatches = 25

// When the service stops, every watch over HTTP is told so with its last message, and when to come again,
// whatever it speaks. None is broken off.
func TestStopWithOpenWatches(t *testing.T) {
	s := mustNew(t)
	ctx, stop := context.WithCancelCause(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	conn, err := client.Dial(s.Address("--listen"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	batch, err := conn.Submit(t.Context(), &stokerv1.SubmitBatchRequest{KeepOpen: true})
	if err != nil {
		t.Fatal(err)
	}
	request := &stokerv1.WatchBatchRequest{BatchId: batch.GetId()}
	web := &http.Client{Transport: &http.Transport{}}
	defer web.CloseIdleConnections()
	var opened, ended sync.WaitGroup
	for kind, watch := range map[string]func(began func()) (details int, err error){
		"lines": func(began func()) (int, error) { return watchLines(t.Context(), web, s.WebAddress(), request, began) },
		"connect": func(began func()) (int, error) {
			return watchConnect(t.Context(), web, s.WebAddress(), request, began)
		},
		"connect with JSON": func(began func()) (int, error) {
			return watchConnect(t.Context(), web, s.WebAddress(), request, began, connect.WithProtoJSON())
		},
		"gRPC-Web": func(began func()) (int, error) {
			return watchConnect(t.Context(), web, s.WebAddress(), request, began, connect.WithGRPCWeb())
		},
	} {
		for range openWatches {
			opened.Add(1)
			ended.Go(func() {
				details, err := watch(sync.OnceFunc(opened.Done))
				if err != nil {
					t.Errorf("%s: %v", kind, err)
				} else if details != 1 {
					t.Errorf("%s: %d RetryInfo, want one", kind, details)
				}
			})
		}
	}
	opened.Wait()
	stop(errStop)
	ended.Wait()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// watchLines watches as plain JSON to the end, and returns how many RetryInfo the error has. It calls began
// after the first message.
func watchLines(ctx context.Context, web *http.Client, address string, req *stokerv1.WatchBatchRequest, began func()) (int, error) {
	defer began()
	body := `{"batch_id": "` + req.GetBatchId() + `"}`
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/stoker.v1.BatchService/WatchBatch", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	call.Header.Set("Content-Type", "application/json")
	resp, err := web.Do(call)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	decoder := json.NewDecoder(resp.Body)
	var last json.RawMessage
	for {
		err := decoder.Decode(&last)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		began()
	}
	if !bytes.Contains(last, []byte(`"code":"unavailable"`)) {
		return 0, errors.New("the last line is " + string(last))
	}
	return bytes.Count(last, []byte("google.rpc.RetryInfo")), nil
}

// watchConnect is [watchLines] with a client of Connect.
func watchConnect(ctx context.Context, web *http.Client, address string, req *stokerv1.WatchBatchRequest, began func(), options ...connect.ClientOption) (int, error) {
	defer began()
	calls := connect.NewClient[stokerv1.WatchBatchRequest, stokerv1.WatchBatchResponse](web, address+"/stoker.v1.BatchService/WatchBatch", options...)
	stream, err := calls.CallServerStream(ctx, connect.NewRequest(req))
	if err != nil {
		return 0, err
	}
	for stream.Receive() {
		began()
	}
	_ = stream.Close() // it has ended
	failure, ok := errors.AsType[*connect.Error](stream.Err())
	if !ok || failure.Code() != connect.CodeUnavailable {
		return 0, stream.Err()
	}
	n := 0
	for _, d := range failure.Details() {
		if m, err := d.Value(); err == nil {
			if retry, ok := m.(*errdetails.RetryInfo); ok && retry.GetRetryDelay().AsDuration() > 0 {
				n++
			}
		}
	}
	return n, nil
}

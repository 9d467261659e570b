package server

import (
	"cmp"
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// anyBatch is what watchers of lists subscribe to. It is no id of a batch, and changes with every batch.
const anyBatch = "any batch"

// maxListAge is how old a list may be of which no batch has changed. Longer than that, a wakeup may have been
// lost.
const maxListAge = 2 * waitRefreshInterval

// WatchBatches sends the batches that match a filter, then those that changed, until the call ends.
func (s *Server) WatchBatches(req *stokerv1.WatchBatchesRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchesResponse]) error {
	// The subscription comes before the first read, so that no change in between is lost.
	sub, err := s.hub.subscribe(callerName(stream.Context()), anyBatch)
	if err != nil {
		return err
	}
	defer sub.close()
	createdBy := creatorFilter(stream.Context(), req.GetCreatedBy())
	name, err := listName(req, createdBy)
	if err != nil {
		return err
	}
	filter := job.BatchFilter{
		States: mapSlice(req.GetStates(), batchState), Labels: req.GetLabels(), Text: req.GetText(),
		CreatedBy: createdBy, Limit: cmp.Or(int(req.GetLimit()), defaultBatchesPage),
	}
	if req.GetAccount() != "" {
		filter.Accounts = []string{req.GetAccount()}
	}
	list := s.lists.join(name, filter, *grantOf(stream.Context()))
	defer s.lists.leave(list)
	w := &listWatch{
		subscription: sub, list: list, stream: stream, interval: max(req.GetMinInterval().AsDuration(), listInterval),
		sender: newSender(stream, s),
	}
	defer w.sender.close()
	return w.follow(stream.Context())
}

// listName is equal for requests that select the same batches. createdBy is created_by of the request, with the
// name of the caller for the caller.
func listName(req *stokerv1.WatchBatchesRequest, createdBy string) (string, error) {
	filter, ok := proto.Clone(req).(*stokerv1.WatchBatchesRequest)
	if !ok {
		return "", errBadToken
	}
	filter.MinInterval, filter.CreatedBy = nil, createdBy
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(filter)
	return string(text), err
}

// listWatch is one watcher of a list.
type listWatch struct {
	subscription *subscription
	list         *batchList
	stream       grpc.ServerStreamingServer[stokerv1.WatchBatchesResponse]
	interval     time.Duration

	version  int64     // of the list, as it was last sent
	sentTime time.Time // when the last message was sent

	sender *sender
}

// follow sends the list, then its changes and heartbeats until the call ends.
func (w *listWatch) follow(ctx context.Context) error {
	current, err := w.sendChanges(maxListAge)
	if err != nil {
		return err
	}
	heartbeat, refresh := time.NewTicker(heartbeatInterval), time.NewTicker(waitRefreshInterval)
	defer heartbeat.Stop()
	defer refresh.Stop()
	var ready <-chan time.Time // set while changes wait to be sent
	for {
		if !current && ready == nil {
			ready = time.After(time.Until(w.nextDue()))
		}
		last := w.sentTime
		wakeup := w.subscription.wakeup
		if ready != nil {
			wakeup = nil // a message is due already, so that a wakeup says nothing new
		}
		select {
		case <-wakeup:
			current = false
		case <-ready:
			ready = nil
			w.subscription.askForWakeup()
			current, err = w.sendChanges(maxListAge)
		case <-refresh.C:
			current, err = w.sendChanges(waitRefreshInterval / 2) // read once for all watchers of the list
		case <-heartbeat.C:
			err = w.send(&listMessage{WatchBatchesResponse: &stokerv1.WatchBatchesResponse{Heartbeat: true}, version: w.version})
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.subscription.hub.done:
			return w.subscription.hub.cause
		}
		if err != nil {
			return err
		}
		if w.sentTime != last {
			heartbeat.Reset(heartbeatInterval)
		}
	}
}

// nextDue is when the next message may be sent: when the list may be read again, and the interval of the
// watcher is over.
func (w *listWatch) nextDue() time.Time {
	due := w.sentTime.Add(w.interval)
	if next := w.list.nextRead(); next.After(due) {
		due = next
	}
	return due
}

// sendChanges sends what changed in the list since the last message. The list is read if batches have
// changed, or if its last read is older than maxAge. It reports whether the list is up to date.
func (w *listWatch) sendChanges(maxAge time.Duration) (current bool, err error) {
	m, err := withRoom(w.stream.Context(), w.sender.unread, func() (*listMessage, *encodedMessage, error) {
		if current, err = w.list.refresh(w.subscription.changes(), maxAge); err != nil {
			return nil, nil, err
		}
		m, err := w.list.changesSince(w.version)
		if err != nil || m == nil {
			return nil, nil, err
		}
		return m, m.encoded, nil
	})
	if err != nil || m == nil {
		return current, err
	}
	return current, w.send(m)
}

// send sends one message; see [sender.send].
func (w *listWatch) send(m *listMessage) error {
	if err := w.sender.send(m); err != nil {
		return err
	}
	w.version, w.sentTime = m.version, time.Now()
	return nil
}

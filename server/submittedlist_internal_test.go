package server

import (
	"context"
	"errors"
	"testing"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// Lists share memory with their jobs. One that finds no room waits for it, and is refused after a while.
func TestListsShareRoom(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRoom("receive_bytes", "lists of jobs", 100<<20, maxJobMemory)
		take := func(lines int) (free func(), err error) {
			text := make([]byte, 0, 2*lines)
			for range lines {
				text = append(text, "a\n"...)
			}
			req := &stokerv1.SubmitBatchRequest{List: &stokerv1.JobList{
				Content: &stokerv1.JobList_Data{Data: text}, Format: stokerv1.ListFormat_LIST_FORMAT_PATHS,
			}}
			_, free, err = takeList(context.Background(), r, req)
			return free, err
		}
		first, err := take(100_000)
		if err != nil {
			t.Fatal(err)
		}
		_, err = take(200)
		if err != nil {
			t.Errorf("a small one beside it: %v", err)
		}
		began := time.Now()
		free, err := take(100_000)
		free()
		if limit, ok := errors.AsType[*limitError](err); !ok || limit.limit != "receive_bytes" || time.Since(began) != roomTime {
			t.Errorf("without room: %v after %v", err, time.Since(began))
		}
		first()
		if free, err = take(100_000); err != nil {
			t.Errorf("when the first one has gone: %v", err)
		}
		free()
	})
}

// A list whose caller has gone is not read any further.
func TestListOfACallThatHasEnded(t *testing.T) {
	gone := errors.New("the caller has gone")
	ctx, end := context.WithCancelCause(t.Context())
	req := &stokerv1.SubmitBatchRequest{List: &stokerv1.JobList{Content: &stokerv1.JobList_Text{Text: "a.mp4\n"}}}
	l, err := openList(req)
	if err != nil {
		t.Fatal(err)
	}
	end(gone)
	if err := l.takeJobs(ctx, req); !errors.Is(err, gone) {
		t.Errorf("took %d jobs, %v, want %v", len(req.GetJobs()), err, gone)
	}
}

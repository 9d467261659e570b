package client_test

import (
	"context"
	"fmt"
	"log"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// night is a server with one batch that goes well.
func night() *service {
	return &service{
		submit: func(req *stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
			return &stokerv1.Batch{Id: "0192f0c1", JobCount: int64(len(req.GetJobs()))}, nil
		},
		watch: func(_ *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
			for i, percent := range []float64{0, 50, 100} {
				state := stokerv1.BatchState_BATCH_STATE_ACTIVE
				if percent == 100 {
					state = stokerv1.BatchState_BATCH_STATE_SUCCEEDED
				}
				if err := stream.Send(&stokerv1.WatchBatchResponse{
					Cursor: fmt.Sprint(i), Snapshot: i == 0, Batch: &stokerv1.Batch{State: state, Percent: percent},
				}); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func ExampleClient_Submit() {
	c, end := dial(night(), client.Options{}) // client.Dial("127.0.0.1:7070", client.Options{})
	defer end()

	batch, err := c.Submit(context.Background(), &stokerv1.SubmitBatchRequest{
		DisplayName: "night run",
		Jobs: []*stokerv1.JobSpec{
			{Key: "tears", InputPath: "in/tears_of_steel.mov", OutputPath: "out/tears"},
			{Key: "sintel", InputPath: "in/sintel.mov", OutputPath: "out/sintel"},
		},
	})
	for _, v := range client.Violations(err) {
		fmt.Println(v.Field, v.Message)
	}
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(batch.GetId(), "has", batch.GetJobCount(), "jobs")
	// Output: 0192f0c1 has 2 jobs
}

func ExampleClient_Watch() {
	c, end := dial(night(), client.Options{}) // client.Dial("127.0.0.1:7070", client.Options{})
	defer end()

	for m, err := range c.Watch(context.Background(), &stokerv1.WatchBatchRequest{BatchId: "0192f0c1"}) {
		if err != nil {
			log.Print(err)
			return
		}
		if b := m.GetBatch(); b != nil { // heartbeats have none
			fmt.Printf("%v %.0f %%\n", b.GetState(), b.GetPercent())
		}
	}
	// Output:
	// BATCH_STATE_ACTIVE 0 %
	// BATCH_STATE_ACTIVE 50 %
	// BATCH_STATE_SUCCEEDED 100 %
}

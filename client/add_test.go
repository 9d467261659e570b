package client_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

func TestAddJobs(t *testing.T) {
	small := client.Options{MessageBytes: 200} // room for five or six of the jobs
	t.Run("in as many calls as they need", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			var sent []int64
			added, err := c.AddJobs(t.Context(), "b", specs(10), client.SubmitOptions{Progress: func(p client.Progress) { sent = append(sent, p.Sent) }})
			if err != nil || len(tb.jobs) != 10 || added.Batch.GetJobCount() != 10 {
				t.Errorf("%d jobs are there, %v, %v", len(tb.jobs), added, err)
			}
			if len(sent) < 2 || sent[len(sent)-1] != 10 {
				t.Errorf("progress: %v", sent)
			}
			for _, call := range tb.calls {
				if call == "close" {
					t.Error("the batch was closed")
				}
			}
		})
	})
	t.Run("without keys nothing is sent", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			jobs := specs(10)
			jobs[3].Key, jobs[7].Key = "", jobs[6].GetKey()
			_, err := c.AddJobs(t.Context(), "b", jobs, client.SubmitOptions{})
			var fields []string
			for _, v := range client.Violations(err) {
				fields = append(fields, v.Field)
			}
			if diff := cmp.Diff([]string{"jobs[3].key", "jobs[7].key"}, fields); diff != "" || len(tb.calls) > 0 {
				t.Errorf("violations (-want +got):\n%s\ncalls: %v", diff, tb.calls)
			}
		})
	})
	t.Run("the same paths are left to the server", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		within(t, tb.service(), small, func(t *testing.T, c *client.Client) {
			jobs := []*stokerv1.JobSpec{{Key: "a", InputPath: "x.mov"}, {Key: "b", InputPath: "x.mov"}}
			if _, err := c.AddJobs(t.Context(), "b", jobs, client.SubmitOptions{}); err != nil {
				t.Error(err)
			}
		})
	})
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/gobuild"
	"github.com/stokerd/stoker/internal/testkit/terminal"
)

// busyTable is a table whose batch 411 goes on until the watcher has left.
type busyTable struct{ *tableFake }

func (t busyTable) WatchBatch(_ *stokerv1.WatchBatchRequest, stream grpc.ServerStreamingServer[stokerv1.WatchBatchResponse]) error {
	b, err := t.find("411")
	if err != nil {
		return err
	}
	if err := stream.Send(&stokerv1.WatchBatchResponse{Cursor: "1", Snapshot: true, Batch: b, Jobs: t.jobs}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// The live view in a shell: its keys, and how it gives the terminal back.
func TestLiveView(t *testing.T) {
	dir := t.TempDir()
	if err := gobuild.Program(t.Context(), filepath.Join(dir, "stoker"), "cmd/stoker"); err != nil {
		t.Fatal(err)
	}
	table := busyTable{newTable()}
	env := []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "STOKER_SERVER=" + serve(t, table), "PS1=$ "}
	s := terminal.Start(t, "/bin/bash", []string{"--norc", "--noprofile", "-i"}, env)
	s.Type("stoker watch 411\n")
	s.Expect("61.8 %")
	s.Expect("p pause")
	s.Type("f")
	s.Expect("--cause 5f1d3a09c2e4")
	s.Type("?")
	s.Expect("leave for a while")
	s.Type("p")
	s.Expect("Pause 411 night run 411? [y/N]")
	s.Type("n")
	s.Expect("Nothing was changed.")
	s.Type("\x1a") // Ctrl-Z
	s.Expect("Stopped")
	s.Type("fg\n")
	s.Expect("61.8 %")
	s.Type("p")
	s.Expect("[y/N]")
	s.Type("y")
	s.Expect("p pause")
	s.Type("q")
	s.Expect("The batch goes on. To watch it again:")
	s.Expect("  stoker watch 411")
	s.Type("echo exit code $?\n")
	s.Expect("exit code 130")
	if r, ok := table.last(t).(*stokerv1.PauseBatchRequest); !ok || r.GetBatchId() != id(411) {
		t.Errorf("asked last for %v, want a pause of 411", table.last(t))
	}
}

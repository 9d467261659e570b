package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// perConnection is how many watches share a connection.
const perConnection = 100

// house is a gRPC server on a loopback port, and connections to it.
type house struct {
	grpc    *grpc.Server
	serving sync.WaitGroup
	connections
}

func openHouse(t *testing.T, options []grpc.ServerOption, register func(*grpc.Server)) *house {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{grpc: grpc.NewServer(options...), connections: connections{address: listener.Addr().String()}}
	register(h.grpc)
	h.serving.Go(func() { _ = h.grpc.Serve(listener) }) // ends when it is stopped
	return h
}

func (h *house) close(stop func()) {
	stop()
	h.serving.Wait()
	h.connections.close()
}

// connections are those to one server.
type connections struct {
	address string
	made    []*grpc.ClientConn
}

func (c *connections) close() {
	for _, conn := range c.made {
		_ = conn.Close() // the server goes as well
	}
}

// connection is the n-th connection, made on demand.
func (c *connections) connection(t *testing.T, n int) *grpc.ClientConn {
	t.Helper()
	for len(c.made) <= n {
		conn, err := grpc.NewClient(c.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		c.made = append(c.made, conn)
	}
	return c.made[n]
}

func (c *connections) client(t *testing.T, n int) stokerv1.BatchServiceClient {
	t.Helper()
	return stokerv1.NewBatchServiceClient(c.connection(t, n))
}

// crowd is the watchers of a batch.
type crowd struct {
	watchers []*onlooker
	watching sync.WaitGroup
	dawdling sync.WaitGroup // the slow one
}

// onlooker is one watcher. It reads of its messages only what it needs to tell whether
// something is lost, so that the figures are the server's and not protobuf's.
type onlooker struct {
	slow     bool
	arrivals []arrival // after the snapshot
	jobs     []glance  // by number, as last told
	err      error
}

// arrival is when changes up to a revision had come.
type arrival struct {
	revision int64
	at       time.Time
}

// glance is how a job stands.
type glance struct {
	State    stokerv1.JobState
	Progress uint8
}

// admit lets the audience in. It returns when everybody has the whole snapshot.
func (s *stage) admit(t *testing.T, a audience) *crowd {
	t.Helper()
	c, codec := &crowd{}, newPeek()
	jobs := a.changes() / stepsOfJob
	var ready sync.WaitGroup
	shared := perConnection
	if a.Apart {
		shared = 1
	}
	for n := range a.Watchers + 1 {
		w := &onlooker{jobs: make([]glance, jobs+1), slow: n == a.Watchers}
		if w.slow && !a.Slow {
			break
		}
		c.watchers = append(c.watchers, w)
		conn := s.connection(t, n%a.Watchers/shared)
		ready.Add(1)
		group := &c.watching
		if w.slow {
			group = &c.dawdling
		}
		group.Go(func() { w.err = w.watch(t.Context(), conn, codec, a.request(s.batch), sync.OnceFunc(ready.Done)) })
	}
	ready.Wait()
	return c
}

func (a audience) request(batch string) *stokerv1.WatchBatchRequest {
	req := &stokerv1.WatchBatchRequest{BatchId: batch, IncludeJobs: true}
	if a.Interval > 0 {
		req.MinInterval = durationpb.New(a.Interval)
	}
	return req
}

// watch watches to the end of the batch. It calls ready when it knows of every job.
func (w *onlooker) watch(ctx context.Context, conn *grpc.ClientConn, codec peek, req *stokerv1.WatchBatchRequest, ready func()) error {
	defer ready()
	s, err := conn.NewStream(ctx, &stokerv1.BatchService_ServiceDesc.Streams[0], stokerv1.BatchService_WatchBatch_FullMethodName, grpc.ForceCodecV2(codec))
	if err != nil {
		return err
	}
	if err := errors.Join(s.SendMsg(req), s.CloseSend()); err != nil {
		return err
	}
	for known := 0; ; {
		m := sight{}
		if err := s.RecvMsg(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for _, j := range m.jobs {
			w.jobs[j.number] = j.glance
		}
		if known < len(w.jobs)-1 {
			if known += len(m.jobs); known == len(w.jobs)-1 {
				ready()
			}
			continue
		}
		w.arrivals = append(w.arrivals, arrival{m.revision, time.Now()})
		if w.slow {
			time.Sleep(time.Second)
		}
	}
}

// lost is how many watchers do not know how the jobs ended.
func (c *crowd) lost(t *testing.T, end []glance) int {
	t.Helper()
	lost := 0
	for n, w := range c.watchers {
		if w.err != nil || !slices.Equal(w.jobs, end) {
			lost++
			if lost == 1 {
				t.Errorf("watcher %d has lost something, or ended with %v", n, w.err)
			}
		}
	}
	return lost
}

// sight is what a message shows.
type sight struct {
	revision int64
	jobs     []toldJob
}

// toldJob is a job in a message.
type toldJob struct {
	number int
	glance
}

// peek is a codec that reads into a [sight]. A message that many watchers are sent is read once: who watches a
// real batch does not share two processors with five thousand others.
type peek struct {
	encoding.CodecV2
	seed  maphash.Seed
	mu    *sync.RWMutex
	known map[uint64]sight // by the hash of the message
}

func newPeek() peek {
	return peek{encoding.GetCodecV2("proto"), maphash.MakeSeed(), &sync.RWMutex{}, map[uint64]sight{}}
}

func (p peek) Unmarshal(data mem.BufferSlice, v any) error {
	s, ok := v.(*sight)
	if !ok {
		return errors.New("peek reads sights only")
	}
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	hash := maphash.Bytes(p.seed, buf.ReadOnlyData())
	p.mu.RLock()
	known, ok := p.known[hash]
	p.mu.RUnlock()
	if ok {
		*s = known
		return nil
	}
	err := fields(buf.ReadOnlyData(), func(n protowire.Number, value []byte, _ uint64) {
		switch n {
		case 1:
			s.revision = revisionOf(value)
		case 4:
			s.jobs = append(s.jobs, newToldJob(value))
		}
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[hash] = *s
	return nil
}

// newToldJob reads a job.
func newToldJob(text []byte) (j toldJob) {
	_ = fields(text, func(n protowire.Number, value []byte, x uint64) { // a mistake shows as one that is lost
		switch n {
		case 1:
			j.number, _ = strconv.Atoi(string(value[bytes.LastIndexByte(value, '/')+1:]))
		case 7:
			j.State = stokerv1.JobState(x)
		case 8:
			j.Progress = uint8(x)
		}
	})
	return j
}

// fields calls f for every field of an encoded message.
func fields(b []byte, f func(n protowire.Number, value []byte, x uint64)) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var value []byte
		var x uint64
		switch kind {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			x, size = protowire.ConsumeVarint(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		f(n, value, x)
		b = b[size:]
	}
	return nil
}

// revisionOf is the revision in a cursor of somebody who watches all jobs.
func revisionOf(cursor []byte) int64 {
	b := make([]byte, base64.RawURLEncoding.DecodedLen(len(cursor)))
	if _, err := base64.RawURLEncoding.Decode(b, cursor); err != nil || len(b) < 4 {
		return 0
	}
	at := 3
	if b[1] == 'h' { // the word of the history of a table with several replicas comes first
		at = min(at+len("ab12"), len(b))
	}
	revision, _ := binary.Uvarint(b[at:])
	return int64(revision)
}

// cursorAt is a cursor as [revisionOf] reads it.
func cursorAt(revision int64) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.AppendUvarint([]byte{1, 'c', 'j'}, uint64(revision)), 0, 'b'))
}

package clients

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/middlebox"
	"github.com/stokerd/stoker/internal/testkit/transcript"
)

// behindProxy starts a proxy in front of the service. It breaks the first calls of each method with the
// faults in their order. It returns the proxy and its address.
func behindProxy(t *testing.T, s *service, faults map[string][]middlebox.Fault) (*middlebox.Proxy, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := &middlebox.Proxy{
		Dial: func() (net.Conn, error) { return net.Dial("tcp", s.address) },
		Plan: func(c middlebox.Call) *middlebox.Fault {
			if todo := faults[c.Method]; c.Number < len(todo) {
				return &todo[c.Number]
			}
			return nil
		},
	}
	var serving sync.WaitGroup
	serving.Go(func() { proxy.Serve(listener) })
	t.Cleanup(func() {
		_ = listener.Close() // ends the serving
		serving.Wait()
		proxy.Close()
	})
	return proxy, listener.Addr().String()
}

// disturbed are ways in which proxies break calls.
func disturbed() []middlebox.Way {
	all := []middlebox.Way{
		middlebox.Cut(), middlebox.HalfFrame(), middlebox.HalfMessage(), middlebox.HalfMessageOK(), middlebox.NoTrailers(),
		middlebox.GoAway(http2.ErrCodeNo), middlebox.GoAway(http2.ErrCodeEnhanceYourCalm),
		middlebox.Status(2, "upstream"), middlebox.Status(7, "upstream"), middlebox.Status(12, "upstream"), middlebox.Status(14, "upstream"),
	}
	for code := http2.ErrCodeNo; code <= http2.ErrCodeHTTP11Required; code++ {
		all = append(all, middlebox.Reset(code))
	}
	for _, status := range []int{403, 404, 429, 500, 502, 503, 504} {
		all = append(all, middlebox.Page(status))
	}
	return all
}

// each is one fault for each way, at each of the moments in turn.
func each(ways []middlebox.Way, moments ...middlebox.Moment) []middlebox.Fault {
	var all []middlebox.Fault
	for n, way := range ways {
		all = append(all, middlebox.Fault{Moment: moments[n%len(moments)], Way: way})
	}
	return all
}

// testProxy has a proxy break calls of a program in every way: a submission and a cancellation after
// they have taken effect, and a watch at its start and in the middle. The program has to succeed all the
// same, and to have submitted once.
func testProxy(t *testing.T, p program, s *service) {
	const service = "/stoker.v1.BatchService/"
	ways := disturbed()
	if testing.Short() {
		ways = ways[:8]
	}
	for first := 0; first < len(ways); first += 4 {
		few := ways[first:min(first+4, len(ways))]
		var names []string
		for _, w := range few {
			names = append(names, w.Name)
		}
		t.Run(strings.Join(names, ", "), func(t *testing.T) {
			t.Parallel()
			watched := append(each(few, middlebox.Midway), each(few, middlebox.Instead, middlebox.Midway)...)
			watched = append(watched, middlebox.Fault{Moment: middlebox.Midway, Way: middlebox.Status(0, "")})
			proxy, address := behindProxy(t, s, map[string][]middlebox.Fault{
				service + "SubmitBatch": each(few, middlebox.Afterwards, middlebox.Instead),
				service + "CancelBatch": each(few, middlebox.Instead, middlebox.Afterwards),
				service + "GetBatch":    each(few, middlebox.Instead),
				service + "WatchBatch":  watched,
			})
			through := *s
			through.address = address
			name := fmt.Sprintf("%s %d", p.name, first)
			batch := submit(t, p, &through, `{"display_name": "`+name+`", "jobs": [{"key": "a", "input_path": "in/long.mp4", "output_path": "`+name+`"}]}`)
			if n := batches(t, s, name); n != 1 {
				t.Errorf("%d batches were submitted, want 1", n)
			}
			if got := p.run(t, address, "cancel", batch); got.code != 0 || !strings.HasPrefix(got.stdout, "BATCH_STATE_CANCEL") {
				t.Errorf("cancel: %+v", got)
			}
			seen := newPrinted(t)
			if code := seen.watch(p, &through, 1, func() bool { return false }, batch); code != 1 || seen.snapshots != 1 || seen.state["a"] != "JOB_STATE_CANCELLED" {
				t.Errorf("watch: exit code %d, %d snapshots, states %v; want 1, 1 and JOB_STATE_CANCELLED", code, seen.snapshots, seen.state)
			}
			for method, least := range map[string]int{"SubmitBatch": len(few) + 1, "CancelBatch": len(few) + 1, "GetBatch": len(few) + 1, "WatchBatch": 2} {
				if n := proxy.Calls(service + method); n < least {
					t.Errorf("%s was called %d times, want %d at least: not every fault was met", method, n, least)
				}
			}
			transcript.Add(t, "(%d calls of WatchBatch)", proxy.Calls(service+"WatchBatch"))
		})
	}
}

// batches is how many batches of a name there are.
func batches(t *testing.T, s *service, name string) int {
	t.Helper()
	list, err := connect(t, s.address).Batches().ListBatches(t.Context(), &stokerv1.ListBatchesRequest{PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range list.GetBatches() {
		if b.GetDisplayName() == name {
			n++
		}
	}
	return n
}

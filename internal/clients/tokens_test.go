package clients

import (
	"bufio"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/testkit/certs"
)

// publicName is the name of a server on another machine.
const publicName = "stoker.example.com"

// newToken makes a token for a service that does not run yet, and returns its file and itself.
func newToken(t *testing.T, s *service) (file, secret string) {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), s.binary, "token", "create", "ci", "--role", "submitter", "--db", s.db).Output()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(text))
}

// submits checks that a program submits a batch; the name of the test says where to.
func (p program) submits(t *testing.T, address string, env ...string) {
	t.Helper()
	p.env = env
	list := request(t, fmt.Sprintf(`{"jobs": [{"key": "a", "input_path": "in/a.mp4", "output_path": "%s"}]}`, t.Name()))
	got := p.run(t, address, "submit", list)
	if got.code != 0 {
		t.Fatalf("submit: %+v", got)
	}
	if watched := p.run(t, address, "watch", strings.TrimSpace(got.stdout)); watched.code != 0 {
		t.Errorf("watch: %+v", watched)
	}
}

// On this machine a service may ask for a token without TLS.
func TestTokensInPlainText(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			p.prepare(t, p.dir)
			s := prepareService(t, "STOKER_AUTH=required")
			s.web = p.web
			file, secret := newToken(t, s)
			s.start()
			t.Cleanup(s.kill)
			t.Run("file", func(t *testing.T) { p.submits(t, s.address, "STOKER_TOKEN_FILE="+file) })
			t.Run("variable", func(t *testing.T) { p.submits(t, s.address, "STOKER_TOKEN="+secret) })
			t.Run("neither", func(t *testing.T) {
				p.env = nil
				if got := p.run(t, s.address, "cancel", "a"); got.code != 1 || !strings.Contains(got.stderr, "UNAUTHENTICATED") {
					t.Errorf("without a token: %+v", got)
				}
			})
		})
	}
}

// A server on another machine, whose certificate is of a public CA, needs no file for TLS.
func TestTokensAndAPublicCA(t *testing.T) {
	ca := certs.NewCA(t, "public")
	server := ca.Issue(t, x509.Certificate{DNSNames: []string{publicName}})
	s := prepareService(t, "STOKER_AUTH=required", "STOKER_TLS_CERT_FILE="+server.Cert, "STOKER_TLS_KEY_FILE="+server.Key)
	file, _ := newToken(t, s)
	s.start()
	t.Cleanup(s.kill)
	proxy := tunnelTo(t, s.address)
	for _, p := range slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return p.web }) {
		t.Run(p.name, func(t *testing.T) {
			p.prepare(t, p.dir)
			p.submits(t, publicName+":443", "STOKER_TOKEN_FILE="+file, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH="+ca.File, "grpc_proxy="+proxy, "no_proxy=")
		})
	}
}

// tunnelTo serves a proxy through which every connection leads to one address, and returns its URL.
func tunnelTo(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			serving.Go(func() { tunnel(conn, address) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close() // ends the serving; the programs have closed their connections
		serving.Wait()
	})
	return "http://" + listener.Addr().String()
}

// tunnel connects a client that says CONNECT with an address.
func tunnel(from net.Conn, address string) {
	defer func() { _ = from.Close() }() // the other end sees it
	reader := bufio.NewReader(from)
	req, err := http.ReadRequest(reader)
	if err != nil || req.Method != http.MethodConnect {
		return
	}
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	if _, err := io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		_ = to.Close() // nothing was sent
		return
	}
	var there sync.WaitGroup
	there.Go(func() {
		_, _ = io.Copy(to, reader) // until either end hangs up
		_ = to.Close()
	})
	_, _ = io.Copy(from, to)
	_ = from.Close()
	there.Wait()
}

// Programs in every language refuse plain text to the same servers, and so never show a token to a stranger.
func TestPlainTextStaysOnThisMachine(t *testing.T) {
	targets := []string{
		"127.0.0.1:7070", "127.8.9.1:7070", "localhost:7070", "[::1]:7070", "dns:///localhost:7070", "unix:/run/stoker.sock", "unix:///run/stoker.sock", "127.0.0.1", "::1",
		"10.1.2.3:7070", "stoker.example.com:7070", "dns:///stoker.example.com:7070", "localhost.example.com:7070", "127.0.0.1.example.com:7070", "[2001:db8::1]:7070", "0.0.0.0:7070",
	}
	for _, p := range programs {
		if p.web {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			p.prepare(t, p.dir)
			command := []string{"/usr/bin/python3", "-c", `
import sys, stoker_client
for target in sys.argv[1:]:
    print(stoker_client.is_loopback(target))
    try:
        stoker_client.Client(target).__exit__()
        print(True)
    except ValueError:
        print(False)`}
			if p.name == "typescript" {
				command = []string{"node", "--import", "tsx", "--input-type=module", "-e", `
import { isLoopback, Stoker } from './stoker.ts';
for (const target of process.argv.slice(1)) {
  console.log(isLoopback(target));
  try {
    new Stoker(target).close();
    console.log(true);
  } catch {
    console.log(false);
  }
}`}
			}
			cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], targets...)...)
			cmd.Dir = p.dir
			out, err := cmd.CombinedOutput()
			lines := strings.Fields(strings.ToLower(string(out)))
			if err != nil || len(lines) != 2*len(targets) {
				t.Fatalf("%v: %s", err, out)
			}
			for i, target := range targets {
				if want := fmt.Sprint(client.IsLoopback(target)); lines[2*i] != want || lines[2*i+1] != want {
					t.Errorf("%s: only this machine reaches it: %s, taken in plain text: %s; want %s", target, lines[2*i], lines[2*i+1], want)
				}
			}
		})
	}
}

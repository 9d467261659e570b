package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/certs"
	"github.com/stokerd/stoker/internal/testkit/grpcurl"
	"github.com/stokerd/stoker/internal/testkit/transcript"
)

// TestSecureClients has every client submit a batch and watch it over TLS: with a token, with a certificate, and
// with neither, which the service refuses. JSON over HTTP has this in the documentation's test.
func TestSecureClients(t *testing.T) {
	ca, clients := certs.NewCA(t, "servers"), certs.NewCA(t, "clients")
	server, own := ca.Server(t), clients.Client(t, "spiffe://example.com/ci")
	dir := t.TempDir()
	config := filepath.Join(dir, "stoker.yaml")
	text := fmt.Sprintf(`
tls: {cert_file: %s, key_file: %s, client_ca_file: %s}
auth:
  mode: required
  certificates: [{name: "spiffe://example.com/ci", role: submitter}]
`, server.Cert, server.Key, clients.File)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := prepareService(t, "STOKER_CONFIG="+config)
	token, secret := newToken(t, s)
	s.start()
	t.Cleanup(s.kill)

	overGRPC := slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return p.web })
	for _, p := range overGRPC {
		p.prepare(t, p.dir)
	}
	for _, proof := range []struct {
		name   string
		env    []string
		files  client.TLSFiles
		token  string
		served bool
	}{
		{"token", []string{"STOKER_TLS_CA=" + ca.File, "STOKER_TOKEN_FILE=" + token}, client.TLSFiles{CA: ca.File}, token, true},
		{"certificate", []string{"STOKER_TLS_CA=" + ca.File, "STOKER_TLS_CERT=" + own.Cert, "STOKER_TLS_KEY=" + own.Key}, client.TLSFiles{CA: ca.File, Cert: own.Cert, Key: own.Key}, "", true},
		{"neither", []string{"STOKER_TLS_CA=" + ca.File}, client.TLSFiles{CA: ca.File}, "", false},
	} {
		for _, p := range overGRPC {
			t.Run(p.name+" with "+proof.name, func(t *testing.T) {
				p.env = proof.env
				list := request(t, fmt.Sprintf(`{"jobs": [{"key": "a", "input_path": "in/a.mp4", "output_path": "%s/%s"}]}`, p.name, proof.name))
				got := p.run(t, s.address, "submit", list)
				if !proof.served {
					if got.code != 1 || !strings.Contains(got.stderr, "UNAUTHENTICATED") {
						t.Errorf("exit code %d and %q, want 1 and UNAUTHENTICATED", got.code, got.stderr)
					}
					return
				}
				if got.code != 0 {
					t.Fatalf("submit: %+v", got)
				}
				if watched := p.run(t, s.address, "watch", strings.TrimSpace(got.stdout)); watched.code != 0 {
					t.Errorf("watch: %+v", watched)
				}
			})
		}
		t.Run("go with "+proof.name, func(t *testing.T) { testSecureGo(t, s, proof.files, proof.token, proof.served) })
		t.Run("stoker with "+proof.name, func(t *testing.T) {
			args := []string{"queue", "--server", s.address, "--tls-ca", proof.files.CA}
			if proof.token != "" {
				args = append(args, "--token-file", proof.token)
			}
			if proof.files.Cert != "" {
				args = append(args, "--tls-cert", proof.files.Cert, "--tls-key", proof.files.Key)
			}
			out, err := exec.CommandContext(t.Context(), s.binary, args...).CombinedOutput()
			transcript.Add(t, "$ stoker %s\n%s", strings.Join(args, " "), out)
			if (err == nil) != proof.served || !proof.served && !strings.Contains(string(out), "the caller is not known") {
				t.Errorf("%v: %s", err, out)
			}
		})
		t.Run("grpcurl with "+proof.name, func(t *testing.T) {
			args := []string{"-cacert", proof.files.CA}
			if proof.token != "" {
				args = append(args, "-H", "authorization: Bearer "+secret)
			}
			if proof.files.Cert != "" {
				args = append(args, "-cert", proof.files.Cert, "-key", proof.files.Key)
			}
			args = append(args, s.address, "stoker.v1.AccountService/ListAccounts")
			out, err := exec.CommandContext(t.Context(), grpcurl.Path(t), args...).CombinedOutput()
			if (err == nil) != proof.served || proof.served && !strings.Contains(string(out), `"default"`) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func testSecureGo(t *testing.T, s *service, files client.TLSFiles, token string, served bool) {
	config, err := files.Config()
	if err != nil {
		t.Fatal(err)
	}
	o := client.Options{TLS: config}
	if token != "" {
		o.Token = client.TokenFile(token)
	}
	c, err := client.Dial(s.address, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // the calls are over
	batch, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: []*stokerv1.JobSpec{{InputPath: "in/a.mp4", OutputPath: "go/" + filepath.Base(t.Name())}}})
	if !served {
		if client.Reason(err) != "UNAUTHENTICATED" {
			t.Errorf("without proof: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var last stokerv1.BatchState
	for message, err := range c.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: batch.GetId()}) {
		if err != nil {
			t.Fatal(err)
		}
		if b := message.GetBatch(); b != nil {
			last = b.GetState()
		}
	}
	if last != stokerv1.BatchState_BATCH_STATE_SUCCEEDED {
		t.Errorf("the batch ended as %v", last)
	}
}

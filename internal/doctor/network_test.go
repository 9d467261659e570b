package doctor_test

import (
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/doctor"
	"github.com/stokerd/stoker/internal/testkit/certs"
)

// outcomes are the outcomes of findings, in their order.
func outcomes(findings []doctor.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Outcome.String())
	}
	return strings.Join(all, " ")
}

func TestCheckCertificates(t *testing.T) {
	ca := certs.NewCA(t, "test")
	issue := func(left time.Duration, names ...string) config.TLS {
		pair := ca.Issue(t, x509.Certificate{NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(left), DNSNames: names})
		return config.TLS{CertFile: pair.Cert, KeyFile: pair.Key}
	}
	const day = 24 * time.Hour
	good, other := issue(90*day, "stoker.example.com"), issue(90*day, "other.example.com")
	for _, tt := range []struct {
		name   string
		tls    config.TLS
		webURL string
		failed bool
		want   string
	}{
		{"none", config.TLS{}, "", false, "OK"},
		{"good", good, "https://stoker.example.com", false, "OK OK"},
		{"soon", issue(10*day, "a"), "", false, "WARN OK"},
		{"very soon", issue(day, "a"), "", false, "FAIL OK"},
		{"expired", issue(-day, "a"), "", false, "FAIL OK"},
		{"for another name", other, "https://stoker.example.com", false, "OK WARN"},
		{"for no name", issue(90 * day), "", false, "OK FAIL"},
		{"not taken up", good, "", true, "FAIL OK OK"},
		{"of another key", config.TLS{CertFile: good.CertFile, KeyFile: other.KeyFile}, "", false, "FAIL"},
		{"missing", config.TLS{CertFile: "nowhere.crt", KeyFile: "nowhere.key"}, "", false, "FAIL"},
		{"no CA of clients", config.TLS{CertFile: good.CertFile, KeyFile: good.KeyFile, ClientCAFile: good.KeyFile}, "", false, "OK OK FAIL"},
	} {
		found := doctor.CheckCertificates(&config.Config{TLS: tt.tls, WebURL: tt.webURL}, tt.failed, time.Now())
		if got := outcomes(found); got != tt.want {
			t.Errorf("%s: %s, want %s: %+v", tt.name, got, tt.want, found)
		}
		for _, f := range found {
			if (f.Outcome == doctor.OK) != (f.Remedy == "") {
				t.Errorf("%s: a remedy belongs to what is wrong: %+v", tt.name, f)
			}
		}
	}
}

func TestCheckPorts(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // nobody has connected
	cfg := &config.Config{Listen: taken.Addr().String(), HTTPListen: "127.0.0.1:0", WebListen: "192.0.2.1:0", AdminListen: "unix:///run/stoker.sock"}
	if got := outcomes(doctor.CheckPorts(t.Context(), cfg)); got != "FAIL OK FAIL" {
		t.Errorf("taken, free, not of this machine: %s", got)
	}
	cfg.Auth = config.AuthNone
	if got := outcomes(doctor.CheckListeners(cfg)); got != "WARN" { // 192.0.2.1 is not this machine alone
		t.Errorf("without protection: %s", got)
	}
}

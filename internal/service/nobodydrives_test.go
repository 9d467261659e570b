package service_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// What the alert about an account that nobody drives goes by is told by replicas that drive nothing.
func TestNobodyDrivesIsNoticed(t *testing.T) {
	var rules alertRules
	mustUnmarshal(t, rulesFile, &rules)
	metric := ""
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "StokerNobodyDrives" {
				metric = regexp.MustCompile(`^group by \(account\) \((\w+)`).FindStringSubmatch(r.Expr)[1]
			}
		}
	}
	env := platform.Env(platform.Serve(t, &simulator.Simulator{}))
	database := pgserver.Empty(t)
	env["STOKER_DB"], env["STOKER_MIGRATE"] = database, "true"
	mustServe(t, env)
	pgserver.Await(t, database, `SELECT count(*) > 0 FROM leases WHERE name = 'default' AND expires >= clock_timestamp()`)
	other := mustServe(t, env)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+other.Address("--admin-listen")+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `stoker_drives{account="default"}`) {
		t.Fatal("the second replica drives the account")
	}
	if !strings.Contains(string(text), metric+`{account="default"} `) {
		t.Errorf("a replica that does not drive the account does not tell %s of it, and the alert never fires", metric)
	}
}

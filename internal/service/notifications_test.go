package service_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/internal/testkit/platform"
	"github.com/stokerd/stoker/store"
)

// A configured endpoint does not take the place of one that somebody has made, with another secret.
func TestConfiguredEndpointOfATakenName(t *testing.T) {
	r := startReloading(t, servePlatform(t, &simulator.Simulator{Unlimited: true}, anyKey), "accounts: [{id: default, api_key_file: key}]\n"+storagesOfReload)
	r.write("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	n := r.conn.Notifications()
	_, err := n.CreateEndpoint(t.Context(), &stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Name: "ops", Url: "https://example.com/made"}})
	if err != nil {
		t.Fatal(err)
	}
	endpoints := func(want string) {
		t.Helper()
		list, err := n.ListEndpoints(t.Context(), &stokerv1.ListEndpointsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var urls []string
		for _, e := range list.GetEndpoints() {
			urls = append(urls, e.GetUrl())
		}
		if got := strings.Join(urls, " "); got != want {
			t.Errorf("endpoints: %s, want %s", got, want)
		}
	}
	next := r.base + "notifications: [{name: chat, url: https://example.com/chat, secret_file: hook}, {name: ops, url: https://example.com/configured, secret_file: hook}]\n"
	r.refused(r.reload(next), "notifications[1].name", "stoker notifications rm ops")
	endpoints("https://example.com/made")
	if _, err := n.DeleteEndpoint(t.Context(), &stokerv1.DeleteEndpointRequest{Endpoint: "ops"}); err != nil {
		t.Fatal(err)
	}
	r.accepted(r.reload(next), "notifications", "")
	endpoints("https://example.com/chat https://example.com/configured")
	r.accepted(r.reload(r.base), "notifications", "")
	endpoints("")
}

// A notification key that is put back is used at once, although the service has begun with another one.
func TestRestoredNotificationKey(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	right, db := notification.NewKey(), filepath.Join(t.TempDir(), "stoker.db")
	_, key, err := right.NewSecret(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	table := jobtable.Open(t, db)
	err = store.NewNotificationTable(table).CreateEndpoint(t.Context(), notification.Endpoint{
		Name: "ops", URL: receiver.URL, AllowPrivate: true, Events: notification.Events(), Keys: []notification.SecretKey{key}, CreateTime: time.Now(), UpdateTime: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := notification.WriteKeyFile(keyFile, notification.NewKey()); err != nil {
		t.Fatal(err)
	}

	env := platform.Env(platform.Serve(t, &simulator.Simulator{}))
	env["STOKER_DB"], env["STOKER_NOTIFICATION_KEY_FILE"] = db, keyFile
	s := mustServe(t, env)
	conn, err := client.Dial(s.Address("--listen"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the calls are over
	send := func(wantProblem string) {
		t.Helper()
		resp, err := conn.Notifications().TestEndpoint(t.Context(), &stokerv1.TestEndpointRequest{Endpoint: "ops"})
		if err != nil || resp.GetProblem() != wantProblem {
			t.Errorf("%v, %v; want %q", resp, err, wantProblem)
		}
	}
	send(notification.ErrOtherKey.Error())
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if err := notification.WriteKeyFile(keyFile, right); err != nil {
		t.Fatal(err)
	}
	send("")
}

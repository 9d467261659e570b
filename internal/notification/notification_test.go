package notification_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

func TestCheckAddress(t *testing.T) {
	for _, tt := range []struct {
		address         string
		public, private bool // allowed without and with allow_private
	}{
		{"1.1.1.1", true, true},
		{"93.184.216.34", true, true},
		{"172.15.255.255", true, true},
		{"172.32.0.1", true, true},
		{"100.63.255.255", true, true},
		{"2606:4700::1111", true, true},
		{"2a00:1450:4001::1", true, true},

		{"127.0.0.1", false, true},
		{"127.255.255.254", false, true},
		{"10.0.0.1", false, true},
		{"172.16.0.1", false, true},
		{"172.31.255.255", false, true},
		{"192.168.1.1", false, true},
		{"169.254.169.254", false, true},
		{"100.64.0.1", false, true},
		{"192.0.0.8", false, true},
		{"198.18.0.1", false, true},
		{"203.0.113.7", false, true},
		{"192.88.99.1", false, true},
		{"0.0.0.0", false, false},
		{"0.1.2.3", false, false},
		{"224.0.0.1", false, false},
		{"239.255.255.255", false, false},
		{"240.0.0.1", false, false},
		{"255.255.255.255", false, false},

		{"::1", false, true},
		{"::", false, false},
		{"fe80::1", false, true},
		{"fe80::1%eth0", false, true},
		{"febf::1", false, true},
		{"fc00::1", false, true},
		{"fd12:3456::1", false, true},
		{"fec0::1", false, true},
		{"ff02::1", false, false},
		{"64:ff9b::7f00:1", false, true},
		{"64:ff9b::101:101", false, true},
		{"64:ff9b:1::1", false, true},
		{"2002:7f00:1::", false, true},
		{"2001:0:4136:e378:8000:63bf:3fff:fdd2", false, true},
		{"2001:db8::1", false, true},
		{"3fff::1", false, true},
		{"::ffff:127.0.0.1", false, true},
		{"::ffff:1.1.1.1", false, true},
		{"::ffff:0.0.0.0", false, false},
		{"::7f00:1", false, true},
		{"100::1", false, true},
		{"4000::1", false, true},
	} {
		address := netip.MustParseAddr(tt.address)
		for _, allowPrivate := range []bool{false, true} {
			want := tt.public && !allowPrivate || tt.private && allowPrivate
			err := notification.CheckAddress(address, allowPrivate)
			if (err == nil) != want {
				t.Errorf("%s with allow_private %t: %v", tt.address, allowPrivate, err)
			}
			if _, ok := errors.AsType[*notification.AddressError](err); err != nil && !ok {
				t.Errorf("%s: the error is a %T", tt.address, err)
			}
		}
	}
	if err := notification.CheckAddress(netip.Addr{}, true); err == nil {
		t.Error("no address at all was accepted")
	}
}

func TestCheckURL(t *testing.T) {
	for _, tt := range []struct {
		url             string
		public, private bool
	}{
		{"https://example.com/stoker?a=b", true, true},
		{"https://example.com:8443", true, true},
		{"https://1.1.1.1/x", true, true},
		{"https://[2606:4700::1111]/x", true, true},
		{"http://example.com", false, true},
		{"https://localhost/", true, true}, // known by its address, when it is connected to
		{"https://127.0.0.1", false, true},
		{"https://[::1]:8443/", false, true},
		{"https://[::ffff:127.0.0.1]/", false, true},
		{"http://169.254.169.254/latest/meta-data", false, true},
		{"https://0.0.0.0", false, false},
		{"https://user:pass@example.com", false, false},
		{"https://example.com/#there", false, false},
		{"ftp://example.com", false, false},
		{"file:///etc/passwd", false, false},
		{"https:///path", false, false},
		{"https://", false, false},
		{"https:example.com", false, false},
		{"example.com/stoker", false, false},
		{"", false, false},
		{"https://example.com:", false, false},
		{"https://example.com:0", false, false},
		{"https://example.com:99999999", false, false},
		{"https://example.com/a b", false, false},
		{"https://example.com/a\r\nHost: other", false, false},
		{"https://exa mple.com", false, false},
		{"https://example.com/" + strings.Repeat("x", 2000), false, false},
	} {
		for _, allowPrivate := range []bool{false, true} {
			want := tt.public && !allowPrivate || tt.private && allowPrivate
			if err := notification.CheckURL(tt.url, allowPrivate); (err == nil) != want {
				t.Errorf("%q with allow_private %t: %v", tt.url, allowPrivate, err)
			}
		}
	}
}

func TestSecrets(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	key := notification.NewKey()
	first, made, err := key.NewSecret(now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := key.Secrets([]notification.SecretKey{made}, now)
	if err != nil || len(again) != 1 || again[0] != first {
		t.Errorf("made again: %d secrets, %v", len(again), err)
	}
	if _, err := notification.ParseSecret(first.Reveal()); err != nil {
		t.Errorf("its form: %v", err)
	}
	if _, err := notification.NewKey().Secrets([]notification.SecretKey{made}, now); !errors.Is(err, notification.ErrOtherKey) {
		t.Errorf("by another key: %v", err)
	}
	read, err := notification.ParseKey(key.Reveal() + "\n")
	if err != nil || read.Reveal() != key.Reveal() {
		t.Errorf("the key read again: %v", err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %q", first, key, []any{first, key}, &first, key)
	text, err := json.Marshal(map[string]any{"secret": first, "stored": made})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{first.Reveal(), key.Reveal()} {
		if raw := strings.TrimPrefix(secret, "whsec_"); strings.Contains(shown+string(text), raw) {
			t.Errorf("a secret is shown: %s %s", shown, text)
		}
	}
	keys := []notification.SecretKey{made}
	for range 7 {
		_, fresh, err := key.NewSecret(now)
		if err != nil {
			t.Fatal(err)
		}
		keys = notification.Rotate(keys, fresh, time.Hour, now)
	}
	if len(keys) != notification.MaxSecrets || !keys[0].ExpireTime.IsZero() || !keys[1].ExpireTime.Equal(now.Add(time.Hour)) {
		t.Errorf("after many rotations: %+v", keys)
	}
	if keys = notification.Rotate(keys, made, 0, now); len(keys) != 1 {
		t.Errorf("without an overlap: %d keys", len(keys))
	}
	for text, want := range map[string]int{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": 1, first.Reveal() + "\n " + first.Reveal(): 2, "": 0, "whsec_": 0, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": 0,
		"whsec_c2hvcnQ=": 0, "whsec_!!!": 0, strings.Repeat(first.Reveal()+" ", 6): 0,
	} {
		if got, err := notification.ParseSecrets(text); len(got) != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d secrets, %v; want %d", text, len(got), err, want)
		} else if err != nil && strings.Contains(err.Error(), "MfKQ") {
			t.Errorf("the error quotes the secret: %v", err)
		}
	}
}

func TestBody(t *testing.T) {
	d := notification.Delivery{
		ID: "msg_1", Event: notification.JobFailed, AccountID: "default", BatchID: "b", BatchSeq: 411, Revision: 17, JobCount: 130, JobNumbers: []int64{3, 1},
		CreateTime: time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC),
	}
	got, err := d.Body()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"job.failed","timestamp":"2026-03-14T15:09:26.535Z","data":{"account":"default","batch_id":"b","batch_number":411,"revision":17,"job_count":130,"job_ids":["b/3","b/1"]}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	d = notification.Delivery{Event: notification.BatchFinished, Content: notification.Content{Counts: &job.Counts{Failed: 2}}}
	if got, err = d.Body(); err != nil || !strings.Contains(string(got), `"cancelling":0,`) || !strings.Contains(string(got), `"failed":2`) {
		t.Errorf("counts: %s, %v", got, err)
	}
}

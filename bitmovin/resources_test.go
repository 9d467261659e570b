package bitmovin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResourceCalls(t *testing.T) {
	testCalls(t, []callTest{
		{
			name: "CreateConfiguration",
			call: func(ctx context.Context, c *Client) error {
				id, err := c.CreateConfiguration(ctx, Configuration{Type: H264, Name: "H.264 480", Height: 480, Bitrate: 800_000, PresetConfiguration: "VOD_STANDARD"})
				return want(err, id, "x")
			},
			want:  "POST /encoding/configurations/video/h264",
			body:  `{"type":"H264","name":"H.264 480","bitrate":800000,"height":480,"presetConfiguration":"VOD_STANDARD"}`,
			class: ClassResourceWrite,
		},
		{
			name: "FindConfiguration takes the exact name only",
			call: func(ctx context.Context, c *Client) error {
				id, found, err := c.FindConfiguration(ctx, HEAACv2, "a")
				if !found {
					return fmt.Errorf("not found, err %w", err)
				}
				return want(err, id, "2")
			},
			want:  "GET /encoding/configurations/audio/he-aac-v2?limit=100&name=a",
			class: ClassResourceRead, result: `{"items":[{"id":"1","name":"ab"},{"id":"2","name":"a"},{"id":"3","name":"a"}]}`,
		},
		{
			name: "ConfigurationExists",
			call: func(ctx context.Context, c *Client) error {
				ok, err := c.ConfigurationExists(ctx, "c")
				return want(err, ok, true)
			},
			want:  "GET /encoding/configurations/c",
			class: ClassResourceRead, result: `{"id":"c"}`,
		},
		{
			name: "CreateInput",
			call: func(ctx context.Context, c *Client) error {
				id, err := c.CreateInput(ctx, Storage{Type: StorageHTTPS, Host: "h", Port: 8443, Username: "u", Password: "p"})
				return want(err, id, "x")
			},
			want:  "POST /encoding/inputs/https",
			body:  `{"type":"HTTPS","host":"h","port":8443,"username":"u","password":"p"}`,
			class: ClassResourceWrite,
		},
		{
			name: "InputExists",
			call: func(ctx context.Context, c *Client) error {
				ok, err := c.InputExists(ctx, "i")
				return want(err, ok, true)
			},
			want:  "GET /encoding/inputs/i",
			class: ClassResourceRead, result: `{"id":"I"}`,
		},
		{
			name: "FindInput finds none",
			call: func(ctx context.Context, c *Client) error {
				_, found, err := c.FindInput(ctx, StorageS3RoleBased, "n")
				return want(err, found, false)
			},
			want:  "GET /encoding/inputs/s3-role-based?limit=100&name=n",
			class: ClassResourceRead, result: `{}`,
		},
		{
			name: "CreateOutput",
			call: func(ctx context.Context, c *Client) error {
				id, err := c.CreateOutput(ctx, Storage{Type: StorageS3, Name: "n", Bucket: "b", AccessKey: "a", SecretKey: "s"})
				return want(err, id, "x")
			},
			want:  "POST /encoding/outputs/s3",
			body:  `{"type":"S3","name":"n","bucketName":"b","accessKey":"a","secretKey":"s"}`,
			class: ClassResourceWrite,
		},
		{
			name: "FindOutput",
			call: func(ctx context.Context, c *Client) error {
				id, _, err := c.FindOutput(ctx, StorageGenericS3, "n")
				return want(err, id, "o")
			},
			want:  "GET /encoding/outputs/generic-s3?limit=100&name=n",
			class: ClassResourceRead, result: `{"items":[{"id":"o","name":"n"}]}`,
		},
		{
			name: "CreateWebhook",
			call: func(ctx context.Context, c *Client) error {
				w, err := c.CreateWebhook(ctx, OnFinished, Webhook{URL: "https://u", SignatureKey: "k"})
				return want(err, w.ID, "x")
			},
			want:  "POST /notifications/webhooks/encoding/encodings/finished",
			body:  `{"url":"https://u","method":"POST","insecureSsl":false,"signature":{"type":"HMAC","key":"k"}}`,
			class: ClassOther,
		},
		{
			name: "ListWebhooks",
			call: func(ctx context.Context, c *Client) error {
				hooks, err := c.ListWebhooks(ctx, OnError)
				if diff := cmp.Diff([]Webhook{{ID: "w", URL: "u", Method: "PUT"}}, hooks); diff != "" {
					return fmt.Errorf("hooks: %s", diff)
				}
				return err
			},
			want:  "GET /notifications/webhooks/encoding/encodings/error?limit=100",
			class: ClassOther, result: `{"items":[{"id":"w","url":"u","method":"PUT"}]}`,
		},
		{
			name:  "DeleteWebhook",
			call:  func(ctx context.Context, c *Client) error { return c.DeleteWebhook(ctx, OnTransferError, "w") },
			want:  "DELETE /notifications/webhooks/encoding/encodings/transfer-error/w",
			class: ClassOther,
		},
		{
			name: "Notifications",
			call: func(ctx context.Context, c *Client) error {
				n, err := c.Notifications(ctx)
				return want(err, len(n) == 1 && n[0].Muted, true)
			},
			want:  "GET /notifications?limit=100",
			class: ClassOther, result: `{"items":[{"id":"w","muted":true}]}`,
		},
		{
			name:  "Unmute",
			call:  func(ctx context.Context, c *Client) error { return c.Unmute(ctx, "w") },
			want:  "POST /notifications/w/unmute",
			body:  `{}`,
			class: ClassOther,
		},
		{
			name:  "Ping",
			call:  func(ctx context.Context, c *Client) error { return c.Ping(ctx) },
			want:  "GET /encoding/inputs?limit=1",
			class: ClassResourceRead, result: `{}`,
		},
	})
}

func TestExists(t *testing.T) {
	missing := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, envelopeError(1001))
	}))
	page := newTestClient(t, http.NotFoundHandler())
	other := newTestClient(t, success(`{"id":"another"}`))
	for name, exists := range map[string]func(c *Client) (bool, error){
		"input":         func(c *Client) (bool, error) { return c.InputExists(t.Context(), "i") },
		"output":        func(c *Client) (bool, error) { return c.OutputExists(t.Context(), "o") },
		"configuration": func(c *Client) (bool, error) { return c.ConfigurationExists(t.Context(), "c") },
	} {
		if ok, err := exists(missing); ok || err != nil {
			t.Errorf("missing %s: %v, %v, want a plain no", name, ok, err)
		}
		if ok, err := exists(page); ok || !Outage(err) {
			t.Errorf("%s behind a 404 page: %v, %v, want an outage", name, ok, err)
		}
		if ok, err := exists(other); ok || !errors.Is(err, errOtherResource) || Outage(err) {
			t.Errorf("%s, answered with another one: %v, %v", name, ok, err)
		}
	}
}

func TestUnknownTypesSendNothing(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("sent %s %s", r.Method, r.URL)
	}))
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"muxing":        func() error { _, err := c.CreateMuxing(ctx, "e", Muxing{Type: "AVI"}); return err },
		"configuration": func() error { _, err := c.CreateConfiguration(ctx, Configuration{Type: "X"}); return err },
		"config search": func() error { _, _, err := c.FindConfiguration(ctx, "X", "n"); return err },
		"input":         func() error { _, err := c.CreateInput(ctx, Storage{Type: "X"}); return err },
		"input search":  func() error { _, _, err := c.FindInput(ctx, "X", "n"); return err },
		"HTTP output":   func() error { _, err := c.CreateOutput(ctx, Storage{Type: StorageHTTP, Host: "h"}); return err },
		"webhook":       func() error { _, err := c.CreateWebhook(ctx, "x", Webhook{}); return err },
		"webhook list":  func() error { _, err := c.ListWebhooks(ctx, "x"); return err },
		"webhook end":   func() error { return c.DeleteWebhook(ctx, "x", "w") },
	} {
		if err := call(); err == nil || Outage(err) || Ambiguous(err) {
			t.Errorf("%s: err = %v, want one about the argument", name, err)
		}
	}
}

func TestStorageValidate(t *testing.T) {
	complete := []Storage{
		{Type: StorageHTTP, Host: "h"},
		{Type: StorageHTTPS, Host: "h"},
		{Type: StorageS3, Bucket: "b", AccessKey: "a", SecretKey: "s"},
		{Type: StorageS3RoleBased, Bucket: "b", RoleARN: "r"},
		{Type: StorageGCS, Bucket: "b", AccessKey: "a", SecretKey: "s"},
		{Type: StorageGCSServiceAccount, Bucket: "b", ServiceAccountCredentials: "{}"},
		{Type: StorageAzure, AccountName: "n", AccountKey: "k", Container: "c"},
		{Type: StorageAzure, AccountName: "n", Container: "c", ServicePrincipal: ServicePrincipal{TenantID: "t", ClientID: "i", ClientSecret: "s"}},
		{Type: StorageGenericS3, Host: "h", Bucket: "b", AccessKey: "a", SecretKey: "s"},
	}
	for _, s := range complete {
		if err := s.Validate(); err != nil {
			t.Errorf("%v: %v", s, err)
		}
		if err := (Storage{Type: s.Type}).Validate(); err == nil {
			t.Errorf("an empty %s storage is valid", s.Type)
		}
	}
	err := Storage{Type: StorageS3, AccessKey: "a"}.Validate()
	if err == nil || err.Error() != "S3 storage lacks bucket, secret key" {
		t.Errorf("err = %v", err)
	}
	for _, p := range []ServicePrincipal{{ClientID: "i", ClientSecret: "s"}, {TenantID: "t", ClientSecret: "s"}, {TenantID: "t", ClientID: "i"}} {
		if err := (Storage{Type: StorageAzure, AccountName: "n", Container: "c", ServicePrincipal: p}).Validate(); err == nil {
			t.Errorf("half a service principal is valid: %+v", p)
		}
		if err := (Storage{Type: StorageAzure, AccountName: "n", Container: "c", AccountKey: "k", ServicePrincipal: p}).Validate(); err == nil {
			t.Errorf("an account key with a service principal is valid: %+v", p)
		}
	}
}

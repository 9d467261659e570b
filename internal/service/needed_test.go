package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// A configuration cannot take a storage, or the secrets of a template, away from an account alone while unfinished
// batches of that account need them. It can take them away from others, and once the batches have ended.
func TestReloadTakesNothingNeededFromAnAccount(t *testing.T) {
	sim := &simulator.Simulator{Unlimited: true, Encoders: 1, Duration: time.Hour}
	r := startReloading(t, servePlatform(t, sim, anyKey), "accounts: [{id: default, api_key_file: key}, {id: other, api_key_file: key}, {id: third, api_key_file: key}]\n")
	r.write("drm.yaml", sample.SecretTemplate)
	file := func(storages, template string) string {
		bind := func(accounts string) string {
			if accounts == "" {
				return ""
			}
			return ", accounts: [" + accounts + "]"
		}
		return fmt.Sprintf(`%ssecrets: {drm: {file: drm}}
templates: {drm: {file: drm.yaml%s}}
storages:
  - {name: masters, use: input, type: HTTPS, host: masters.example.com%s}
  - {name: vault, use: output, type: S3_ROLE_BASED, bucket: vault, role_arn: "arn:aws:iam::000000000000:role/stoker", external_id: e, external_id_mode: CUSTOM%s}
`, r.base, bind(template), bind(storages), bind(storages))
	}
	r.accepted(r.reload(file("", "")), "secrets.drm, storages.masters, storages.vault, templates.drm", "")
	batch, err := r.conn.Submit(t.Context(), &stokerv1.SubmitBatchRequest{
		Account: "other", Input: "masters", Output: "vault", EncodeWith: &stokerv1.SubmitBatchRequest_Template{Template: "drm"},
		Jobs: []*stokerv1.JobSpec{{InputPath: "a.mov", OutputPath: "a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	needed := fmt.Sprintf(`unfinished batches of account "other" need it (%d)`, batch.GetNumber())
	lines := r.reload(file("default", "default"))
	for _, where := range []string{"input masters", "output vault", "secrets of template drm"} {
		r.refused(lines, where, needed)
	}
	r.refused(r.reload(file("default", "")), "output vault", needed)
	r.refused(r.reload(file("", "default")), "secrets of template drm", needed)
	r.accepted(r.reload(file("default, other", "other")), "storages.masters, storages.vault, templates.drm", "")
	r.refused(r.reload(file("default", "other")), "input masters", needed)
	// All of it can go, as long as nobody is left without what is needed: the batch has its template, and its secret stays.
	without := strings.Replace(file("other", ""), "templates: {drm: {file: drm.yaml}}\n", "", 1)
	r.accepted(r.reload(without), "storages.masters, storages.vault, templates.drm", "")
	if _, err := r.conn.Batches().CancelBatch(t.Context(), &stokerv1.CancelBatchRequest{BatchId: batch.GetId()}); err != nil {
		t.Fatal(err)
	}
	for m, err := range r.conn.Watch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: batch.GetId()}) {
		if err != nil {
			t.Fatal(err)
		}
		if m.GetBatch().GetState() == stokerv1.BatchState_BATCH_STATE_CANCELLED {
			break
		}
	}
	r.accepted(r.reload(file("default", "default")), "storages.masters, storages.vault, templates.drm", "")
}

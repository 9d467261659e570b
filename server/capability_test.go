package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// oddRecipe has a value that the official SDKs do not have.
func oddRecipe(allowUnknown bool) *stokerv1.Recipe {
	return &stokerv1.Recipe{
		Videos:       []*stokerv1.Video{{Codec: stokerv1.VideoCodec_VIDEO_CODEC_AV1, Bitrate: 1_000_000, Preset: "VOD_TURBO"}},
		Muxings:      []*stokerv1.Muxing{{Container: stokerv1.Container_CONTAINER_CMAF}},
		AllowUnknown: allowUnknown,
	}
}

func submitRecipe(r *stokerv1.Recipe) *stokerv1.SubmitBatchRequest {
	return &stokerv1.SubmitBatchRequest{
		EncodeWith: &stokerv1.SubmitBatchRequest_Recipe{Recipe: r},
		Jobs:       []*stokerv1.JobSpec{{InputPath: "in/a.mp4", OutputPath: "out/a"}},
	}
}

// What the platform cannot do is refused at submission, and nothing is stored. With allow_unknown an
// unknown value is a warning, and is stored with the batch.
func TestSubmitUnknownValue(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.batches.SubmitBatch(t.Context(), submitRecipe(oddRecipe(false)))
	wantCode(t, err, codes.InvalidArgument)
	want := `recipe.videos[0].preset: unknown preset "VOD_TURBO" for AV1; want VOD_QUALITY, VOD_STANDARD or VOD_SPEED (allow_unknown: true passes it on as it is)` + "\n"
	if diff := cmp.Diff(want, violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	unpackageable := oddRecipe(true)
	unpackageable.Muxings[0].Container = stokerv1.Container_CONTAINER_TS
	_, err = w.batches.SubmitBatch(t.Context(), submitRecipe(unpackageable))
	wantCode(t, err, codes.InvalidArgument)

	resp, err := w.batches.SubmitBatch(t.Context(), submitRecipe(oddRecipe(true)))
	if err != nil {
		t.Fatal(err)
	}
	if warnings := resp.GetWarnings(); len(warnings) != 1 || warnings[0].GetField() != "recipe.videos[0].preset" {
		t.Errorf("warnings: %v", warnings)
	}
	stored, err := w.store.Batch(t.Context(), resp.GetBatch().GetId())
	if err != nil || stored.Recipe.Videos[0].Preset != "VOD_TURBO" {
		t.Errorf("stored %+v, %v", stored.Recipe, err)
	}
}

// A profile with an unknown value warns whoever uses it.
func TestSubmitOddProfile(t *testing.T) {
	w := newWorld(t, func(c *server.Config) {
		r := job.DefaultRecipe()
		r.Region, r.AllowUnknown = "AWS_MARS_1", true
		c.Catalog.Profiles = map[string]job.Recipe{"default": r}
	})
	resp, err := w.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{
		Jobs: []*stokerv1.JobSpec{{InputPath: "in/a.mp4", OutputPath: "out/a"}}, ValidateOnly: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if warnings := resp.GetWarnings(); len(warnings) != 1 || warnings[0].GetField() != "profile.region" {
		t.Errorf("warnings: %v", warnings)
	}
}

// A field that the server does not know is refused: the batch would be encoded without it. The field
// private of earlier clients is such a one.
func TestSubmitUnknownField(t *testing.T) {
	w := newWorld(t, nil)
	r := oddRecipe(true)
	r.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.VarintType), 1))
	_, err := w.batches.SubmitBatch(t.Context(), submitRecipe(r))
	wantCode(t, err, codes.InvalidArgument)
	want := "recipe: has a field that this server does not know, and that would have no effect; use a client of the server's version\n"
	if diff := cmp.Diff(want, violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

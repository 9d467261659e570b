package server_test

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// TestCatalog lists profiles, templates and storages, page by page, and reads one of each.
func TestCatalog(t *testing.T) {
	hevc := job.Recipe{
		Videos: []job.Video{{Codec: job.H265, Height: 2160, Bitrate: 9_000_000}, {Codec: job.H265, Height: 1080, Bitrate: 4_000_000}},
		Audios: []job.Audio{{Codec: job.AAC, Bitrate: 128_000}}, Muxings: []job.Muxing{{Container: job.CMAF}},
		Manifests: []job.Manifest{{Format: job.DASH}, {Format: job.HLS}},
		Region:    "AWS_EU_WEST_1", FallbackRegions: []string{"AWS_EU_CENTRAL_1"},
	}
	junior := "junior"
	w := newWorld(t, func(c *server.Config) {
		c.Catalog.Profiles = map[string]job.Recipe{"default": job.DefaultRecipe(), "hevc": hevc}
		brand := c.Catalog.Templates["ladder"]
		brand.Name, brand.Variables = "brand", map[string]job.TemplateVariable{"title": {Type: job.TextVariable, Default: &junior, Description: "shown in the manifest"}}
		c.Catalog.Templates["brand"] = brand
		c.Catalog.Storages = map[string]server.Storage{
			"default": {Input: true, InputPlace: server.Place{Type: "https", Location: "masters.example.com"}},
			"both": {
				Input: true, Output: true, InputBase: "in", OutputBase: "out",
				InputPlace:  server.Place{Type: "s3", Location: "a", Region: "EU_WEST_1"},
				OutputPlace: server.Place{Type: "s3", Location: "a", Region: "EU_WEST_1"},
			},
			"two": {Input: true, Output: true, InputPlace: server.Place{Type: "s3", Location: "b"}, OutputPlace: server.Place{Type: "gcs", Location: "c"}},
		}
	})
	ctx := t.Context()
	var profiles []*stokerv1.Profile
	for req := (&stokerv1.ListProfilesRequest{PageSize: 1}); ; {
		resp, err := w.catalog.ListProfiles(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		profiles = append(profiles, resp.GetProfiles()...)
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if diff := cmp.Diff([]*stokerv1.Profile{
		{Name: "default", Encodes: "H.264 480p, 720p, 1080p; AAC; fMP4", Region: "AUTO"},
		{Name: "hevc", Encodes: "H.265 1080p, 2160p; AAC; CMAF; DASH, HLS", Region: "AWS_EU_WEST_1", FallbackRegions: []string{"AWS_EU_CENTRAL_1"}},
	}, profiles, protocmp.Transform()); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}

	one, err := w.catalog.GetProfile(ctx, &stokerv1.GetProfileRequest{Name: "hevc"})
	if err != nil {
		t.Fatal(err)
	}
	var read job.Recipe
	if err := yaml.UnmarshalWithOptions([]byte(one.GetText()), &read, yaml.Strict()); err != nil {
		t.Fatalf("%v in\n%s", err, one.GetText())
	}
	if diff := cmp.Diff(hevc, read); diff != "" {
		t.Errorf("the text of the profile (-want +got):\n%s\n%s", diff, one.GetText())
	}

	list, err := w.catalog.ListTemplates(ctx, &stokerv1.ListTemplatesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*stokerv1.EncodingTemplate{}
	for _, m := range list.GetTemplates() {
		byName[m.GetName()] = m
	}
	if diff := cmp.Diff([]*stokerv1.TemplateVariable{
		{Name: "seconds", Type: stokerv1.VariableType_VARIABLE_TYPE_NUMBER, Required: true},
		{Name: "title", Type: stokerv1.VariableType_VARIABLE_TYPE_TEXT, Default: &junior, Description: "shown in the manifest"},
	}, byName["brand"].GetVariables(), protocmp.Transform()); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if m := byName["brand"]; m.GetEncodes() == "" || !m.GetUsesInputPath() || m.GetRegion() == "" {
		t.Errorf("template is %v", m)
	}
	text, err := w.catalog.GetTemplate(ctx, &stokerv1.GetTemplateRequest{Name: "brand"})
	if err != nil || !strings.Contains(text.GetText(), "encodings:") {
		t.Errorf("the text of the template is %q, %v", text.GetText(), err)
	}

	storages, err := w.catalog.ListStorages(ctx, &stokerv1.ListStoragesRequest{PageSize: 3})
	if err != nil {
		t.Fatal(err)
	}
	rest, err := w.catalog.ListStorages(ctx, &stokerv1.ListStoragesRequest{PageToken: storages.GetNextPageToken()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*stokerv1.Storage{
		{Name: "both", Type: "s3", Location: "a", Region: "EU_WEST_1", Input: true, Output: true, InputBase: "in", OutputBase: "out"},
		{Name: "default", Type: "https", Location: "masters.example.com", Input: true},
		{Name: "two", Type: "s3", Location: "b", Input: true},
		{Name: "two", Type: "gcs", Location: "c", Output: true},
	}, append(storages.GetStorages(), rest.GetStorages()...), protocmp.Transform()); diff != "" {
		t.Errorf("storages (-want +got):\n%s", diff)
	}

	_, err = w.catalog.GetProfile(ctx, &stokerv1.GetProfileRequest{Name: "nobody's"})
	wantStatus(t, err, codes.NotFound, `profile "nobody's" was not found`)
	_, err = w.catalog.GetTemplate(ctx, &stokerv1.GetTemplateRequest{Name: "nobody's"})
	wantStatus(t, err, codes.NotFound, `template "nobody's" was not found`)
	_, err = w.catalog.ListProfiles(ctx, &stokerv1.ListProfilesRequest{PageToken: "x"})
	wantCode(t, err, codes.InvalidArgument)
}

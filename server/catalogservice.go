package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// catalogService implements CatalogService.
type catalogService struct {
	stokerv1.UnimplementedCatalogServiceServer

	current *atomic.Pointer[Catalog]
	catalog *Catalog // of one call
}

// forCall returns the service with the catalog of this moment, for one call.
func (s *catalogService) forCall() *catalogService { return &catalogService{catalog: s.current.Load()} }

// ListProfiles lists the profiles, sorted by name.
func (s *catalogService) ListProfiles(ctx context.Context, req *stokerv1.ListProfilesRequest) (*stokerv1.ListProfilesResponse, error) {
	s = s.forCall()
	names := visible(ctx, maps.Keys(s.catalog.Profiles), s.catalog.profileAccounts)
	list, next, err := catalogPage(req, names, func(name string) string { return name }, s.profile)
	return &stokerv1.ListProfilesResponse{Profiles: list, NextPageToken: next}, err
}

// GetProfile returns a profile with its recipe.
func (s *catalogService) GetProfile(ctx context.Context, req *stokerv1.GetProfileRequest) (*stokerv1.GetProfileResponse, error) {
	s = s.forCall()
	r, ok := s.catalog.Profiles[req.GetName()]
	if !ok || !grantOf(ctx).principal.MayUseAny(s.catalog.profileAccounts(req.GetName())) {
		return nil, fmt.Errorf("profile %q: %w", req.GetName(), job.ErrNotFound)
	}
	text, err := recipeYAML(r)
	if err != nil {
		return nil, err
	}
	return &stokerv1.GetProfileResponse{Profile: s.profile(req.GetName()), Text: text}, nil
}

// ListTemplates lists the templates with their variables, sorted by name.
func (s *catalogService) ListTemplates(ctx context.Context, req *stokerv1.ListTemplatesRequest) (*stokerv1.ListTemplatesResponse, error) {
	s = s.forCall()
	names := visible(ctx, maps.Keys(s.catalog.Templates), s.catalog.templateAccounts)
	list, next, err := catalogPage(req, names, func(name string) string { return name }, s.template)
	return &stokerv1.ListTemplatesResponse{Templates: list, NextPageToken: next}, err
}

// GetTemplate returns a template with its text.
func (s *catalogService) GetTemplate(ctx context.Context, req *stokerv1.GetTemplateRequest) (*stokerv1.GetTemplateResponse, error) {
	s = s.forCall()
	t, ok := s.catalog.Templates[req.GetName()]
	if !ok || !grantOf(ctx).principal.MayUseAny(s.catalog.templateAccounts(req.GetName())) {
		return nil, fmt.Errorf("template %q: %w", req.GetName(), job.ErrNotFound)
	}
	return &stokerv1.GetTemplateResponse{Template: s.template(req.GetName()), Text: t.Text}, nil
}

// ListStorages lists the storages without their secrets, sorted by name.
func (s *catalogService) ListStorages(ctx context.Context, req *stokerv1.ListStoragesRequest) (*stokerv1.ListStoragesResponse, error) {
	s = s.forCall()
	var storages []*stokerv1.Storage
	usable := s.catalog.visibleStorages(grantOf(ctx).principal)
	for _, name := range slices.Sorted(maps.Keys(usable)) {
		storages = append(storages, storageMessages(name, usable[name])...)
	}
	// Two storages may share a name, one for reading and one for writing.
	position := func(m *stokerv1.Storage) string {
		if m.GetInput() {
			return m.GetName() + " 1"
		}
		return m.GetName() + " 2"
	}
	list, next, err := catalogPage(req, storages, position, func(m *stokerv1.Storage) *stokerv1.Storage { return m })
	return &stokerv1.ListStoragesResponse{Storages: list, NextPageToken: next}, err
}

// catalogPage returns the messages of a page of items, and the token of the next page. The items are
// sorted by their positions, which are all different.
func catalogPage[T any, M proto.Message](req interface {
	GetPageSize() int32
	GetPageToken() string
}, items []T, position func(T) string, message func(T) M,
) (list []M, next string, err error) {
	after, err := parseNameToken(req.GetPageToken(), catalogTokenKind)
	if err != nil {
		return nil, "", err
	}
	items = slices.DeleteFunc(items, func(item T) bool { return position(item) <= after })
	size := cmp.Or(int(req.GetPageSize()), job.MaxPageSize)
	list = pageOf(items[:min(size, len(items))], message)
	if n := len(list); n < len(items) {
		next = nameToken(catalogTokenKind, position(items[n-1]))
	}
	return list, next, nil
}

func (s *catalogService) profile(name string) *stokerv1.Profile {
	r := s.catalog.Profiles[name]
	return &stokerv1.Profile{
		Name: name, Encodes: r.Summarize().String(), Region: regionName(r.Region), FallbackRegions: r.FallbackRegions,
	}
}

// template makes the message of a template. The configuration has none with mistakes.
func (s *catalogService) template(name string) *stokerv1.EncodingTemplate {
	t := s.catalog.Templates[name]
	m := &stokerv1.EncodingTemplate{Name: name, FallbackRegions: t.FallbackRegions}
	parsed, _ := template.ParseStored(t)
	if parsed == nil {
		return m
	}
	m.Encodes, m.Region = parsed.Summarize().String(), regionName(parsed.Region())
	m.UsesInputPath, m.UsesOutputPath = parsed.Uses("input_path"), parsed.Uses("output_path")
	m.UsesInput, m.UsesOutput = parsed.Uses("input_id"), parsed.Uses("output_id")
	declared := parsed.Declarations()
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		v := declared[name]
		m.Variables = append(m.Variables, &stokerv1.TemplateVariable{
			Name: name, Type: variableTypeMessage(v.Type), Required: v.Required, Default: v.Default, Description: v.Description,
		})
	}
	return m
}

func variableTypeMessage(t job.VariableType) stokerv1.VariableType {
	switch t {
	case job.NumberVariable:
		return stokerv1.VariableType_VARIABLE_TYPE_NUMBER
	case job.BoolVariable:
		return stokerv1.VariableType_VARIABLE_TYPE_BOOL
	}
	return stokerv1.VariableType_VARIABLE_TYPE_TEXT
}

// storageMessages makes a message of a storage, or one for reading and one for writing if these are two
// places.
func storageMessages(name string, s Storage) []*stokerv1.Storage {
	in := &stokerv1.Storage{
		Name: name, Type: s.InputPlace.Type, Location: s.InputPlace.Location, Region: s.InputPlace.Region,
		Input: true, InputBase: s.InputBase,
	}
	out := &stokerv1.Storage{
		Name: name, Type: s.OutputPlace.Type, Location: s.OutputPlace.Location, Region: s.OutputPlace.Region,
		Output: true, OutputBase: s.OutputBase,
	}
	switch {
	case !s.Output:
		return []*stokerv1.Storage{in}
	case !s.Input:
		return []*stokerv1.Storage{out}
	case s.InputPlace == s.OutputPlace:
		in.Output, in.OutputBase = true, s.OutputBase
		return []*stokerv1.Storage{in}
	}
	return []*stokerv1.Storage{in, out}
}

// recipeYAML is a recipe as the configuration file has it, without what is default.
func recipeYAML(r job.Recipe) (string, error) {
	text, err := json.Marshal(r)
	if err == nil {
		text, err = yaml.JSONToYAML(text)
	}
	if err != nil {
		return "", fmt.Errorf("write recipe: %w", err)
	}
	return string(text), nil
}

// regionName is a region as people call it: AUTO if the platform chooses.
func regionName(region string) string { return cmp.Or(region, "AUTO") }

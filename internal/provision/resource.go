package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// resourceKind is the kind of a shared resource in the [ResourceStore].
type resourceKind string

const (
	kindInput         resourceKind = "input"
	kindOutput        resourceKind = "output"
	kindConfiguration resourceKind = "configuration"
	kindDeinterlace   resourceKind = "deinterlace"
)

// resource describes a shared resource: how to recognise, find and create it.
type resource struct {
	kind   resourceKind
	name   string // at the platform; it contains the beginning of the hash
	hash   string // of the content: equal hashes, equal resources
	exists func(ctx context.Context, id string) (bool, error)
	find   func(ctx context.Context, name string) (id string, found bool, err error)
	create func(ctx context.Context, name string) (id string, err error)
}

// key identifies the resource within the account.
func (r resource) key() string { return string(r.kind) + "/" + r.hash }

// ofRecipe reports whether the recipe describes the resource, and not the configuration.
func (r resource) ofRecipe() bool { return r.kind == kindConfiguration || r.kind == kindDeinterlace }

// usedResource is a resource together with the id under which a batch uses it.
type usedResource struct {
	resource
	id string
}

// inputResource describes an input.
func inputResource(api InputAPI, name, hash string, s bitmovin.Storage) resource {
	return resource{
		kind: kindInput, hash: hash, name: storageName(name, hash),
		exists: func(ctx context.Context, id string) (bool, error) { return api.InputExists(ctx, bitmovin.InputID(id)) },
		find: func(ctx context.Context, name string) (string, bool, error) {
			id, found, err := api.FindInput(ctx, s.Type, name)
			return string(id), found, err
		},
		create: func(ctx context.Context, name string) (string, error) {
			named := s
			named.Name = name
			id, err := api.CreateInput(ctx, named)
			return string(id), err
		},
	}
}

// outputResource describes an output.
func outputResource(api OutputAPI, name, hash string, s bitmovin.Storage) resource {
	return resource{
		kind: kindOutput, hash: hash, name: storageName(name, hash),
		exists: func(ctx context.Context, id string) (bool, error) {
			return api.OutputExists(ctx, bitmovin.OutputID(id))
		},
		find: func(ctx context.Context, name string) (string, bool, error) {
			id, found, err := api.FindOutput(ctx, s.Type, name)
			return string(id), found, err
		},
		create: func(ctx context.Context, name string) (string, error) {
			named := s
			named.Name = name
			id, err := api.CreateOutput(ctx, named)
			return string(id), err
		},
	}
}

func storageName(name, hash string) string { return fmt.Sprintf("stoker %s [%s]", name, hash[:12]) }

// hashContent identifies a resource by what it is made of.
func hashContent(content any) (string, error) {
	text, err := json.Marshal(content)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// configurationResource describes a codec configuration.
func configurationResource(api ConfigurationAPI, c bitmovin.Configuration) (resource, error) {
	hash, err := hashContent(c)
	if err != nil {
		return resource{}, err
	}
	return resource{
		kind: kindConfiguration, hash: hash, name: fmt.Sprintf("%s [stoker %s]", c.Name, hash[:12]),
		exists: func(ctx context.Context, id string) (bool, error) {
			return api.ConfigurationExists(ctx, bitmovin.ConfigID(id))
		},
		find: func(ctx context.Context, name string) (string, bool, error) {
			id, found, err := api.FindConfiguration(ctx, c.Type, name)
			return string(id), found, err
		},
		create: func(ctx context.Context, name string) (string, error) {
			named := c
			named.Name = name
			id, err := api.CreateConfiguration(ctx, named)
			return string(id), err
		},
	}, nil
}

// deinterlaceResource describes a deinterlacing filter.
func deinterlaceResource(api FilterAPI, d job.Deinterlace) (resource, error) {
	filter := bitmovin.DeinterlaceFilter{
		Name: "deinterlace", Parity: d.Parity, Mode: d.Mode, FrameSelectionMode: d.FrameSelectionMode, AutoEnable: d.AutoEnable,
	}
	hash, err := hashContent(filter)
	if err != nil {
		return resource{}, err
	}
	return resource{
		kind: kindDeinterlace, hash: hash, name: fmt.Sprintf("%s [stoker %s]", filter.Name, hash[:12]),
		exists: func(ctx context.Context, id string) (bool, error) {
			return api.DeinterlaceExists(ctx, bitmovin.FilterID(id))
		},
		find: func(ctx context.Context, name string) (string, bool, error) {
			id, found, err := api.FindDeinterlace(ctx, name)
			return string(id), found, err
		},
		create: func(ctx context.Context, name string) (string, error) {
			named := filter
			named.Name = name
			id, err := api.CreateDeinterlace(ctx, named)
			return string(id), err
		},
	}, nil
}

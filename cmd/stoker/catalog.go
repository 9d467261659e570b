package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/internal/ui"
)

// catalogPart is a part of the catalog of a server: what a list may name.
type catalogPart[T proto.Message] struct {
	name       string // of the command
	short, get string // what the command and its get are for
	empty      string // what is said if there are none
	listing    output.Listing[T]
	elsewhere  func(T) bool // it has a region; nil: that is not asked
	list       func(ctx context.Context, conn *client.Client, token string) (page []T, next string, err error)
	explain    func(ctx context.Context, conn *client.Client, name string) (output.Thing[T], error)
}

// command makes the command that lists the part, with a command below it that explains one of it.
func (p catalogPart[T]) command(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     p.name,
		Short:   p.short,
		Example: "  stoker " + p.name + "\n  stoker " + p.name + " get default",
		Args:    noArgs,
	}
	c.addListingFlags(cmd, p.listing.ColumnNames())
	c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, _ []string) error {
		to, err := newWriter(c, p.listing)
		if err != nil {
			return err
		}
		all, err := p.readAll(ctx, conn)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			c.note("%s", p.empty)
		}
		if p.elsewhere != nil && !slices.ContainsFunc(all, p.elsewhere) {
			listing := p.listing
			listing.Leave = []string{"REGION"}
			if to, err = newWriter(c, listing); err != nil {
				return err
			}
		}
		return writeAll(to, all)
	})
	cmd.AddCommand(p.getCommand(c))
	return cmd
}

func (p catalogPart[T]) getCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "get NAME",
		Short:   p.get,
		Example: "  stoker " + p.name + " get default",
		Args:    oneArg,
	}
	c.addListingFlags(cmd, p.listing.ColumnNames())
	return c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		if err := checkThing(c, p.listing); err != nil {
			return err
		}
		thing, err := p.explain(ctx, conn, args[0])
		if err != nil {
			return err
		}
		return writeThing(c, p.listing, thing)
	})
}

// readAll reads the whole part.
func (p catalogPart[T]) readAll(ctx context.Context, conn *client.Client) ([]T, error) {
	var all []T
	for token := ""; ; {
		page, next, err := p.list(ctx, conn, token)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if token = next; token == "" {
			return all, nil
		}
	}
}

func profilesCommand(c *cli) *cobra.Command {
	return catalogPart[*stokerv1.Profile]{
		name: "profiles", elsewhere: func(p *stokerv1.Profile) bool { return ui.HasRegion(p.GetRegion(), p.GetFallbackRegions()) }, listing: ui.Profiles(),
		short: "List the profiles: recipes that a list may name with --profile.",
		get:   "Explain a profile, with its recipe.",
		empty: "The configuration of the server has no profiles.",
		list: func(ctx context.Context, conn *client.Client, token string) ([]*stokerv1.Profile, string, error) {
			page, err := conn.Catalog().ListProfiles(ctx, &stokerv1.ListProfilesRequest{PageToken: token})
			return page.GetProfiles(), page.GetNextPageToken(), err
		},
		explain: func(ctx context.Context, conn *client.Client, name string) (output.Thing[*stokerv1.Profile], error) {
			r, err := conn.Catalog().GetProfile(ctx, &stokerv1.GetProfileRequest{Name: name})
			return output.Thing[*stokerv1.Profile]{
				Message: r, Row: r.GetProfile(), Sheet: func(l output.Look, _ bool) string { return ui.ProfileSheet(r, l) },
			}, err
		},
	}.command(c)
}

func templatesCommand(c *cli) *cobra.Command {
	return catalogPart[*stokerv1.EncodingTemplate]{
		name: "templates", elsewhere: func(t *stokerv1.EncodingTemplate) bool { return ui.HasRegion(t.GetRegion(), t.GetFallbackRegions()) }, listing: ui.Templates(),
		short: "List the encoding templates that a list may name with --template, and their variables.",
		get:   "Explain an encoding template, with its text.",
		empty: "The configuration of the server has no templates.",
		list: func(ctx context.Context, conn *client.Client, token string) ([]*stokerv1.EncodingTemplate, string, error) {
			page, err := conn.Catalog().ListTemplates(ctx, &stokerv1.ListTemplatesRequest{PageToken: token})
			return page.GetTemplates(), page.GetNextPageToken(), err
		},
		explain: func(ctx context.Context, conn *client.Client, name string) (output.Thing[*stokerv1.EncodingTemplate], error) {
			r, err := conn.Catalog().GetTemplate(ctx, &stokerv1.GetTemplateRequest{Name: name})
			return output.Thing[*stokerv1.EncodingTemplate]{
				Message: r, Row: r.GetTemplate(), Sheet: func(l output.Look, _ bool) string { return ui.TemplateSheet(r, l) },
			}, err
		},
	}.command(c)
}

func storagesCommand(c *cli) *cobra.Command {
	storages := catalogPart[*stokerv1.Storage]{
		name: "storages", listing: ui.Storages(),
		short: "List the storages that a list may name with --input and --output.",
		get:   "Explain a storage.",
		empty: "The configuration of the server has no storages.",
		list: func(ctx context.Context, conn *client.Client, token string) ([]*stokerv1.Storage, string, error) {
			page, err := conn.Catalog().ListStorages(ctx, &stokerv1.ListStoragesRequest{PageToken: token})
			return page.GetStorages(), page.GetNextPageToken(), err
		},
	}
	storages.explain = func(ctx context.Context, conn *client.Client, name string) (output.Thing[*stokerv1.Storage], error) {
		all, err := storages.readAll(ctx, conn)
		if err != nil {
			return output.Thing[*stokerv1.Storage]{}, err
		}
		var known []string
		for _, s := range all {
			if s.GetName() == name {
				return output.Thing[*stokerv1.Storage]{
					Message: s, Row: s, Sheet: func(l output.Look, _ bool) string { return ui.StorageSheet(s, l) },
				}, nil
			}
			known = append(known, s.GetName())
		}
		return output.Thing[*stokerv1.Storage]{}, usagef("there is no storage %q%s", name, spelling.Hint(name, known))
	}
	return storages.command(c)
}

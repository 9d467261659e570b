package provision

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// The platform's default manifests name an audio rendition after its language. Where the recipe has
// labels, Stoker says itself what is in the manifests.

// createCustomManifests creates the recipe's manifests, with the labels of its audio renditions. The
// manifests are made side by side, the content of each one after the other.
func (b encodingBuilder) createCustomManifests(ctx context.Context, made renditions) ([]job.ManifestRef, error) {
	refs := make([]job.ManifestRef, len(b.recipe.Manifests))
	var calls []func() error
	for i, m := range b.recipe.Manifests {
		create := b.createCustomDash
		if m.Format == job.HLS {
			create = b.createCustomHLS
		}
		calls = append(calls, func() error {
			id, err := create(ctx, m, made)
			refs[i] = job.ManifestRef{Format: m.Format, ID: string(id)}
			return err
		})
	}
	if err := b.together(ctx, calls); err != nil {
		return nil, err
	}
	return refs, nil
}

func (b encodingBuilder) customManifest(m job.Manifest) bitmovin.CustomManifest {
	return bitmovin.CustomManifest{Name: m.FileName(), ManifestName: m.FileName(), Outputs: b.outputs("")}
}

// packaged is where a manifest finds the segments of a rendition.
type packaged struct {
	stream      bitmovin.StreamID
	muxing      bitmovin.MuxingID
	container   job.Container
	segmentPath string // relative to the manifest
}

// packagedIn returns where a manifest of a format finds the segments of a rendition.
func (b encodingBuilder) packagedIn(format job.ManifestFormat, r rendition, directory string) packaged {
	i := slices.IndexFunc(b.recipe.Muxings, func(m job.Muxing) bool { return m.Segments(format) })
	if i < 0 {
		return packaged{stream: r.stream} // an earlier version, with other rules, has accepted the recipe; the platform refuses it
	}
	m := b.recipe.Muxings[i]
	return packaged{r.stream, r.muxings[i], m.Container, path.Join(m.Directory, directory)}
}

func (b encodingBuilder) createCustomHLS(ctx context.Context, m job.Manifest, made renditions) (bitmovin.ManifestID, error) {
	id, err := retryThrottled(ctx, func() (bitmovin.ManifestID, error) {
		return b.platform.CreateCustomHLS(ctx, b.customManifest(m))
	})
	if err != nil {
		return id, err
	}
	groups := b.recipe.AudioGroups()
	for i, a := range b.recipe.Audios {
		p := b.packagedIn(job.HLS, made.audios[i], a.Directory())
		first := slices.IndexFunc(b.recipe.Audios, func(other job.Audio) bool { return other.Group() == a.Group() }) == i
		if err := b.addPart(ctx, func() error {
			return b.platform.AddAudioMedia(ctx, id, bitmovin.AudioMedia{
				Name: a.Title(), GroupID: a.Group(), Language: a.Language, IsDefault: first, Autoselect: true,
				SegmentPath: p.segmentPath, URI: job.PlaylistName(a.Directory(), ""),
				EncodingID: b.encoding, StreamID: p.stream, MuxingID: p.muxing,
			})
		}); err != nil {
			return id, err
		}
	}
	for i, v := range b.recipe.Videos {
		p := b.packagedIn(job.HLS, made.videos[i], v.Directory())
		for _, group := range groups {
			if err := b.addPart(ctx, func() error {
				return b.platform.AddVariantStream(ctx, id, bitmovin.VariantStream{
					Audio: group, ClosedCaptions: bitmovin.NoCaptions,
					SegmentPath: p.segmentPath, URI: job.PlaylistName(v.Directory(), suffix(group, groups)),
					EncodingID: b.encoding, StreamID: p.stream, MuxingID: p.muxing,
				})
			}); err != nil {
				return id, err
			}
		}
	}
	return id, nil
}

// suffix tells the playlists of one video apart that belong to several audio groups.
func suffix(group string, groups []string) string {
	if len(groups) == 1 {
		return ""
	}
	return group
}

func (b encodingBuilder) createCustomDash(ctx context.Context, m job.Manifest, made renditions) (bitmovin.ManifestID, error) {
	id, err := retryThrottled(ctx, func() (bitmovin.ManifestID, error) {
		return b.platform.CreateCustomDash(ctx, b.customManifest(m))
	})
	if err != nil {
		return id, err
	}
	period, err := retryThrottled(ctx, func() (bitmovin.PeriodID, error) { return b.platform.AddPeriod(ctx, id) })
	if err != nil {
		return id, err
	}
	d := dashBuilder{encodingBuilder: b, manifest: id, period: period, sets: map[string]bitmovin.AdaptationSetID{}}
	for i, v := range b.recipe.Videos {
		set := func() (bitmovin.AdaptationSetID, error) { return b.platform.AddVideoSet(ctx, id, period) }
		if err := d.add(ctx, string(v.Codec), set, b.packagedIn(job.DASH, made.videos[i], v.Directory())); err != nil {
			return id, err
		}
	}
	for i, a := range b.recipe.Audios {
		set := func() (bitmovin.AdaptationSetID, error) {
			return b.platform.AddAudioSet(ctx, id, period, bitmovin.AdaptationSet{
				Language: cmp.Or(a.Language, "und"), Labels: []bitmovin.Label{{Value: a.Title()}},
			})
		}
		name := fmt.Sprintf("%s %q %q", a.Codec, a.Language, a.Title())
		if err := d.add(ctx, name, set, b.packagedIn(job.DASH, made.audios[i], a.Directory())); err != nil {
			return id, err
		}
	}
	return id, nil
}

// dashBuilder fills the period of a DASH manifest.
type dashBuilder struct {
	encodingBuilder
	manifest bitmovin.ManifestID
	period   bitmovin.PeriodID
	sets     map[string]bitmovin.AdaptationSetID // by what its renditions have in common
}

// add adds a rendition to its adaptation set, which is created for the first one.
func (d dashBuilder) add(ctx context.Context, name string, create func() (bitmovin.AdaptationSetID, error), p packaged) error {
	if _, exists := d.sets[name]; !exists {
		set, err := retryThrottled(ctx, create)
		if err != nil {
			return err
		}
		d.sets[name] = set
	}
	return d.addPart(ctx, func() error {
		return d.platform.AddRepresentation(ctx, d.manifest, d.period, d.sets[name], bitmovin.MuxingType(p.container), bitmovin.Representation{
			Type: bitmovin.SegmentTemplate, SegmentPath: p.segmentPath, EncodingID: d.encoding, MuxingID: p.muxing,
		})
	})
}

// addPart makes a call whose answer is not needed.
func (b encodingBuilder) addPart(ctx context.Context, call func() error) error {
	_, err := retryThrottled(ctx, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

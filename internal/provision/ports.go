package provision

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
)

// ResourceStore remembers the ids of shared resources.
type ResourceStore interface {
	// InstanceID identifies the job table. It is part of every label and of a storage's hash.
	InstanceID() string
	// Resource returns the platform's id of a resource and when it was saved. The error
	// is [job.ErrNotFound] if there is none.
	Resource(ctx context.Context, accountID, kind, hash string) (remoteID string, saved time.Time, err error)
	SaveResource(ctx context.Context, accountID, kind, hash, remoteID string, now time.Time) error
	DeleteResource(ctx context.Context, accountID, kind, hash string) error
}

// Platform is the part of the platform's API that a [Provisioner] calls.
// [bitmovin.Client] implements it.
type Platform interface {
	InputAPI
	OutputAPI
	ConfigurationAPI
	FilterAPI
	EncodingAPI
	ManifestAPI
}

// InputAPI finds and creates inputs.
type InputAPI interface {
	InputExists(ctx context.Context, id bitmovin.InputID) (bool, error)
	FindInput(ctx context.Context, kind bitmovin.StorageType, name string) (id bitmovin.InputID, found bool, err error)
	CreateInput(ctx context.Context, s bitmovin.Storage) (bitmovin.InputID, error)
}

// OutputAPI finds and creates outputs.
type OutputAPI interface {
	OutputExists(ctx context.Context, id bitmovin.OutputID) (bool, error)
	FindOutput(ctx context.Context, kind bitmovin.StorageType, name string) (id bitmovin.OutputID, found bool, err error)
	CreateOutput(ctx context.Context, s bitmovin.Storage) (bitmovin.OutputID, error)
	CheckPermissions(ctx context.Context, id bitmovin.OutputID, path string) (bitmovin.PermissionCheck, error)
}

// ConfigurationAPI finds and creates codec configurations.
type ConfigurationAPI interface {
	ConfigurationExists(ctx context.Context, id bitmovin.ConfigID) (bool, error)
	FindConfiguration(ctx context.Context, codec bitmovin.Codec, name string) (id bitmovin.ConfigID, found bool, err error)
	CreateConfiguration(ctx context.Context, c bitmovin.Configuration) (bitmovin.ConfigID, error)
}

// FilterAPI finds and creates filters.
type FilterAPI interface {
	DeinterlaceExists(ctx context.Context, id bitmovin.FilterID) (bool, error)
	FindDeinterlace(ctx context.Context, name string) (id bitmovin.FilterID, found bool, err error)
	CreateDeinterlace(ctx context.Context, f bitmovin.DeinterlaceFilter) (bitmovin.FilterID, error)
}

// EncodingAPI creates encodings and their parts.
type EncodingAPI interface {
	CreateEncoding(ctx context.Context, e bitmovin.Encoding, permit bitmovin.Permit) (bitmovin.Encoding, error)
	CreateStream(ctx context.Context, encoding bitmovin.EncodingID, s bitmovin.Stream) (bitmovin.Stream, error)
	CreateMuxing(ctx context.Context, encoding bitmovin.EncodingID, m bitmovin.Muxing) (bitmovin.Muxing, error)
	AddFilters(ctx context.Context, encoding bitmovin.EncodingID, stream bitmovin.StreamID, filters []bitmovin.StreamFilter) error
	CreateThumbnail(ctx context.Context, encoding bitmovin.EncodingID, stream bitmovin.StreamID, t bitmovin.Thumbnail) error
	CreateSprite(ctx context.Context, encoding bitmovin.EncodingID, stream bitmovin.StreamID, s bitmovin.Sprite) error
}

// ManifestAPI creates manifests: those whose content the platform chooses, and custom ones.
type ManifestAPI interface {
	CreateDashManifest(ctx context.Context, r bitmovin.ManifestRequest) (bitmovin.ManifestID, error)
	CreateHLSManifest(ctx context.Context, r bitmovin.ManifestRequest) (bitmovin.ManifestID, error)
	CreateCustomHLS(ctx context.Context, m bitmovin.CustomManifest) (bitmovin.ManifestID, error)
	AddAudioMedia(ctx context.Context, id bitmovin.ManifestID, a bitmovin.AudioMedia) error
	AddVariantStream(ctx context.Context, id bitmovin.ManifestID, v bitmovin.VariantStream) error
	CreateCustomDash(ctx context.Context, m bitmovin.CustomManifest) (bitmovin.ManifestID, error)
	AddPeriod(ctx context.Context, id bitmovin.ManifestID) (bitmovin.PeriodID, error)
	AddVideoSet(ctx context.Context, id bitmovin.ManifestID, period bitmovin.PeriodID) (bitmovin.AdaptationSetID, error)
	AddAudioSet(ctx context.Context, id bitmovin.ManifestID, period bitmovin.PeriodID, a bitmovin.AdaptationSet) (bitmovin.AdaptationSetID, error)
	AddRepresentation(ctx context.Context, id bitmovin.ManifestID, period bitmovin.PeriodID, set bitmovin.AdaptationSetID, of bitmovin.MuxingType, r bitmovin.Representation) error
}

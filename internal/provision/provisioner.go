package provision

import (
	"cmp"
	"log/slog"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
)

// Storage is an input or output at the platform, with the base path of all paths on it.
type Storage struct {
	bitmovin.Storage
	// BasePath is put before every path on the storage. It has no leading slash.
	BasePath string
	// SkipPermissionCheck leaves out the check whether the platform may write to the output.
	SkipPermissionCheck bool
}

// Config is what a [Provisioner] works with.
type Config struct {
	AccountID string
	Platform  Platform
	Store     ResourceStore
	// Inputs and Outputs hold the configured storages by the name that batches use. The
	// input and the output of one name may be different storages.
	Inputs, Outputs map[string]Storage
	// Secret returns the present value of a secret that configured templates may name. Default: there are none.
	Secret func(name string) (string, error)
	Clock  clock.Clock  // default: the system's clock
	Logger *slog.Logger // default: none
	// HashRounds is the number of rounds of the hash that identifies a storage. Default
	// [DefaultHashRounds]. After a change every storage is created anew.
	HashRounds int
}

// Provisioner makes the calls that configure the encodings of one account. It is safe for
// concurrent use.
type Provisioner struct {
	accountID string
	platform  Platform
	store     ResourceStore
	clock     clock.Clock
	storages  map[resourceKind]map[string]Storage // by name
	resources *resourceCache
	secret    func(name string) (string, error)

	permissions *permissionChecker
}

// New returns a provisioner. It makes no call; the first use of each stored id verifies it.
func New(c Config) *Provisioner {
	return &Provisioner{
		accountID: c.AccountID, platform: c.Platform, store: c.Store, clock: clock.Or(c.Clock), secret: c.Secret,
		storages: map[resourceKind]map[string]Storage{kindInput: c.Inputs, kindOutput: c.Outputs},
		resources: &resourceCache{
			accountID: c.AccountID, platform: c.Platform, store: c.Store, clock: clock.Or(c.Clock),
			hashRounds: cmp.Or(c.HashRounds, DefaultHashRounds),
			verified:   map[string]string{}, refusals: map[string]refusal{}, storages: map[string]resource{},
		},
		permissions: &permissionChecker{
			api: c.Platform, clock: clock.Or(c.Clock), log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
			answers: map[permissionKey]permissionAnswer{},
		},
	}
}

// labels are the labels of every encoding of this job table.
func (p *Provisioner) labels() []string { return []string{"stoker", Label(p.store.InstanceID())} }

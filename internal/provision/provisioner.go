package provision

import (
	"cmp"
	"log/slog"
	"slices"
	"sync/atomic"

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
	// Accounts are those that may use the storage; nil: all.
	Accounts []string
}

// Sources are the parts of the configuration that the jobs of a batch refer to.
type Sources struct {
	// Inputs and Outputs hold the configured storages by the name that batches use. The
	// input and the output of one name may be different storages.
	Inputs, Outputs map[string]Storage
	// TemplateAccounts are the accounts that may use a configured template, and with it the secrets that it names, by
	// name of the template. All accounts may use one that is not in it.
	TemplateAccounts map[string][]string
	// Secret returns the present value of a secret that configured templates may name. Default: there are none.
	Secret func(name string) (string, error)
}

// Config is what a [Provisioner] works with.
type Config struct {
	AccountID string
	Platform  Platform
	Store     ResourceStore
	Sources
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
	resources *resourceCache

	sources atomic.Pointer[Sources]

	permissions *permissionChecker
}

// New returns a provisioner. It makes no call; the first use of each stored id verifies it.
func New(c Config) *Provisioner {
	p := &Provisioner{
		accountID: c.AccountID, platform: c.Platform, store: c.Store, clock: clock.Or(c.Clock),
		resources: &resourceCache{
			accountID: c.AccountID, platform: c.Platform, store: c.Store, clock: clock.Or(c.Clock),
			hashRounds: cmp.Or(c.HashRounds, DefaultHashRounds),
			verified:   map[string]string{}, refusals: map[string]refusal{}, storages: map[string]describedStorage{},
		},
		permissions: &permissionChecker{
			api: c.Platform, clock: clock.Or(c.Clock), log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
			answers: map[permissionKey]permissionAnswer{},
		},
	}
	p.SetSources(c.Sources)
	return p
}

// SetSources changes to other storages and secrets. Calls under way go on with those that they began with. What is
// configured at the platform already stays as it is.
func (p *Provisioner) SetSources(s Sources) { p.sources.Store(&s) }

// storage returns the configured storage of a kind with a name.
func (p *Provisioner) storage(kind resourceKind, name string) (Storage, bool) {
	all := p.sources.Load().Inputs
	if kind == kindOutput {
		all = p.sources.Load().Outputs
	}
	s, ok := all[name]
	return s, ok
}

// mayUse reports whether the account is one of those that may use something; nil stands for all.
func (p *Provisioner) mayUse(accounts []string) bool {
	return accounts == nil || slices.Contains(accounts, p.accountID)
}

// labels are the labels of every encoding of this job table.
func (p *Provisioner) labels() []string { return []string{"stoker", Label(p.store.InstanceID())} }

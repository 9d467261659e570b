package service

import (
	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// dispatcherStorages converts configured storages, by name, to the dispatcher's type.
func dispatcherStorages(storages map[string]config.Storage) map[string]dispatcher.Storage {
	converted := map[string]dispatcher.Storage{}
	for name, s := range storages {
		converted[name] = dispatcher.Storage{Storage: s.Storage, BasePath: s.BasePath, SkipPermissionCheck: s.SkipPermissionCheck}
	}
	return converted
}

// serverCatalog lists the profiles, templates and storages that a batch can name, and the default retry
// policy.
func serverCatalog(cfg *config.Config) server.Catalog {
	storages := map[string]server.Storage{}
	for name, storage := range cfg.Inputs {
		storages[name] = server.Storage{Input: true, InputBase: storage.BasePath, InputAccounts: storage.Accounts}
	}
	for name, storage := range cfg.Outputs {
		s := storages[name]
		s.Output, s.OutputBase, s.OutputAccounts = true, storage.BasePath, storage.Accounts
		storages[name] = s
	}
	return server.Catalog{
		Profiles: cfg.Profiles, Templates: cfg.Templates, Storages: storages,
		ProfileAccounts: cfg.ProfileAccounts, TemplateAccounts: cfg.TemplateAccounts,
		Retry: job.RetryPolicy{MaxRetries: cfg.MaxRetries},
	}
}

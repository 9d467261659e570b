package service

import (
	"cmp"
	"net"
	"strconv"
	"strings"

	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// dispatcherStorages converts configured storages, by name, to the dispatcher's type.
func dispatcherStorages(storages map[string]config.Storage) map[string]dispatcher.Storage {
	converted := map[string]dispatcher.Storage{}
	for name, s := range storages {
		converted[name] = dispatcher.Storage{Storage: s.Storage, BasePath: s.BasePath, SkipPermissionCheck: s.SkipPermissionCheck, Accounts: s.Accounts}
	}
	return converted
}

// dispatcherSources are the storages and secrets of a configuration.
func dispatcherSources(cfg *config.Config) dispatcher.Sources {
	return dispatcher.Sources{
		Inputs: dispatcherStorages(cfg.Inputs), Outputs: dispatcherStorages(cfg.Outputs), Secret: cfg.Secret,
		TemplateAccounts: cfg.TemplateAccounts,
	}
}

// serverCatalog lists the profiles, templates and storages that a batch can name, and the default retry
// policy.
func serverCatalog(cfg *config.Config) server.Catalog {
	storages := map[string]server.Storage{}
	for name, storage := range cfg.Inputs {
		storages[name] = server.Storage{Input: true, InputBase: storage.BasePath, InputPlace: placeOf(storage), InputAccounts: storage.Accounts}
	}
	for name, storage := range cfg.Outputs {
		s := storages[name]
		s.Output, s.OutputBase, s.OutputPlace, s.OutputAccounts = true, storage.BasePath, placeOf(storage), storage.Accounts
		storages[name] = s
	}
	return server.Catalog{
		Profiles: cfg.Profiles, Templates: cfg.Templates, Storages: storages,
		ProfileAccounts: cfg.ProfileAccounts, TemplateAccounts: cfg.TemplateAccounts,
		Retry: job.RetryPolicy{MaxRetries: cfg.MaxRetries},
	}
}

// placeOf says where a storage is. It takes no secret from it.
func placeOf(s config.Storage) server.Place {
	location := cmp.Or(s.Bucket, s.Host)
	switch {
	case s.Container != "":
		location = s.AccountName + "/" + s.Container
	case s.Bucket != "" && s.Host != "":
		location = s.Host + "/" + s.Bucket
	case s.Host != "" && s.Port != 0:
		location = net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	}
	return server.Place{Type: strings.ToLower(string(s.Type)), Location: location, Region: cmp.Or(s.CloudRegion, s.SigningRegion)}
}

// serverLimits converts the limits of the configuration that the server keeps.
func serverLimits(l config.Limits) server.Limits {
	return server.Limits{
		CallsPerSecond: l.CallsPerSecond, CallBurst: l.CallBurst, CallsUnderWay: l.CallsUnderWay,
		WatchesPerCaller: l.WatchesPerCaller, Watches: l.Watches, MaxRequestBytes: l.RequestBytes, ReceiveBytes: l.ReceiveBytes, AnswerBytes: l.AnswerBytes,
		WaitingJobsPerAccount: l.WaitingJobsPerAccount,
	}
}

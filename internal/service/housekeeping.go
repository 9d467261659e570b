package service

import (
	"context"
	"path/filepath"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/housekeeping"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// newHousekeeper makes what keeps the job table in order.
func (s *Service) newHousekeeper(cfg *config.Config) *housekeeping.Housekeeper {
	return housekeeping.New(housekeeping.Config{
		Keeper: store.NewKeeper(s.store), Retention: store.Retention(cfg.Retention), Logger: s.log,
		Backups: housekeeping.Plan{
			Every: cfg.Backup.Every, Keep: cfg.Backup.Keep, Dir: cfg.Backup.Dir, Instance: s.store.InstanceID(),
			Copy:          func(ctx context.Context, to string) error { return BackUp(ctx, cfg, to) },
			PartialSuffix: sqlite.PartialSuffix, CompanionSuffix: notification.KeyFileSuffix, Room: sqlite.DiskSpace,
			SameDisk: cfg.Backup.Dir != "" && sqlite.SameDisk(cfg.Backup.Dir, filepath.Dir(cfg.DB)),
		},
	})
}

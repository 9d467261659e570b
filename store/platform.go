package store

import (
	"context"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// Orphans returns orphans of an account, at most limit, the oldest first.
func (s *Store) Orphans(ctx context.Context, accountID string, limit int) ([]job.Orphan, error) {
	list, err := s.engine.Orphans(ctx, accountID, limit)
	if err != nil {
		return nil, fmt.Errorf("orphans of account %s: %w", accountID, err)
	}
	return list, nil
}

// AddOrphan notes an orphan. One that is known already stays as it is.
func (s *Store) AddOrphan(ctx context.Context, o job.Orphan) error {
	return writeOnly(ctx, s, op{what: "add orphan"}, func(u *unit) error { return u.addOrphan(o) })
}

// DeleteOrphan removes an orphan, which may be unknown.
func (s *Store) DeleteOrphan(ctx context.Context, accountID, encodingID string) error {
	return writeOnly(ctx, s, op{what: "delete orphan"}, func(u *unit) error {
		if err := u.reserveRow("orphan", accountID, encodingID); err != nil {
			return err
		}
		u.rows.DeletedOrphans = append(u.rows.DeletedOrphans, job.Orphan{AccountID: accountID, EncodingID: encodingID})
		return nil
	})
}

// Resource returns the id at the platform of an input, output or codec
// configuration of an account, known by the hash of its content, and when it was
// saved, or [job.ErrNotFound].
func (s *Store) Resource(ctx context.Context, accountID, kind, hash string) (remoteID string, saved time.Time, err error) {
	remoteID, saved, err = s.engine.Resource(ctx, ResourceKey{accountID, kind, hash})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("%s of account %s: %w", kind, accountID, err)
	}
	return remoteID, saved, nil
}

// SaveResource keeps the id of a resource, in place of an earlier one.
func (s *Store) SaveResource(ctx context.Context, accountID, kind, hash, remoteID string, now time.Time) error {
	return writeOnly(ctx, s, op{what: "save resource"}, func(u *unit) error {
		if err := u.reserveRow("resource "+kind, accountID, hash); err != nil {
			return err
		}
		u.rows.Resources = append(u.rows.Resources, ResourceRow{ResourceKey: ResourceKey{accountID, kind, hash}, RemoteID: remoteID, Time: now})
		return nil
	})
}

// DeleteResource removes the id of a resource, which may be unknown.
func (s *Store) DeleteResource(ctx context.Context, accountID, kind, hash string) error {
	return writeOnly(ctx, s, op{what: "delete resource"}, func(u *unit) error {
		if err := u.reserveRow("resource "+kind, accountID, hash); err != nil {
			return err
		}
		u.rows.DeletedResources = append(u.rows.DeletedResources, ResourceKey{accountID, kind, hash})
		return nil
	})
}

// ListParameters returns the query parameters of lists that were saved for an account, by
// name.
func (s *Store) ListParameters(ctx context.Context, accountID string) ([]job.ListParameter, error) {
	list, err := s.engine.ListParameters(ctx, accountID)
	if err != nil {
		return nil, fmt.Errorf("list parameters of account %s: %w", accountID, err)
	}
	return list, nil
}

// SaveListParameter saves that a query parameter does not work, or replaces what was saved
// of it.
func (s *Store) SaveListParameter(ctx context.Context, accountID string, p job.ListParameter) error {
	o := op{what: "save list parameter " + p.Name + " of account " + accountID}
	return writeOnly(ctx, s, o, func(u *unit) error {
		if err := u.reserveRow("list parameter", accountID, p.Name); err != nil {
			return err
		}
		u.rows.ListParameters = append(u.rows.ListParameters, ListParameterRow{AccountID: accountID, Parameter: p})
		return nil
	})
}

// DeleteListParameter removes what was saved of a query parameter.
func (s *Store) DeleteListParameter(ctx context.Context, accountID, name string) error {
	o := op{what: "delete list parameter " + name + " of account " + accountID}
	return writeOnly(ctx, s, o, func(u *unit) error {
		if err := u.reserveRow("list parameter", accountID, name); err != nil {
			return err
		}
		row := ListParameterRow{AccountID: accountID, Parameter: job.ListParameter{Name: name}}
		u.rows.DeletedListParameters = append(u.rows.DeletedListParameters, row)
		return nil
	})
}

package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// ListParameters returns the query parameters of lists that were saved for an account, by
// name.
func (s *Store) ListParameters(ctx context.Context, accountID string) ([]job.ListParameter, error) {
	const query = `SELECT name, fault, time FROM list_parameters WHERE account = $1 ORDER BY name`
	scan := func(r row) (p job.ListParameter, err error) {
		var at stamp
		err = r.Scan(&p.Name, (*string)(&p.Fault), &at)
		p.Time = at.time()
		return p, err
	}
	list, err := all(ctx, s.reader, scan, query, accountID)
	if err != nil {
		return nil, fmt.Errorf("list parameters of account %s: %w", accountID, err)
	}
	return list, nil
}

// SaveListParameter saves that a query parameter does not work, or replaces what was saved
// of it.
func (s *Store) SaveListParameter(ctx context.Context, accountID string, p job.ListParameter) error {
	const save = `INSERT OR REPLACE INTO list_parameters (account, name, fault, time) VALUES ($1, $2, $3, $4)`
	return s.exec(ctx, "save list parameter "+p.Name+" of account "+accountID, save, accountID, p.Name, string(p.Fault), ms(p.Time))
}

// DeleteListParameter forgets that a query parameter did not work.
func (s *Store) DeleteListParameter(ctx context.Context, accountID, name string) error {
	const remove = `DELETE FROM list_parameters WHERE account = $1 AND name = $2`
	return s.exec(ctx, "delete list parameter "+name+" of account "+accountID, remove, accountID, name)
}

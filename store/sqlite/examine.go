package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/stokerd/stoker/job"
)

// Examine looks at the job table at path as [Open] would, and changes nothing. No service needs to be stopped for it. It
// returns the instance id of the table, which is empty if there is no table yet. Every page of the file is read until ctx
// ends; whole is false if it has ended before.
//
// The errors are those of Open that are about the file. An error that matches [fs.ErrPermission] says that this user
// may not read it.
func Examine(ctx context.Context, path string) (instance string, whole bool, err error) {
	path, err = resolvePath(path)
	if err != nil {
		return "", false, err
	}
	instance, err = readIdentity(path)
	if err == nil {
		err = errors.Join(checkPresent(path, instance, false), checkLinks(path), checkCopied(path, ""))
	}
	if err != nil {
		return instance, false, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", true, nil
	}
	if err != nil {
		return instance, false, err
	}
	_ = file.Close() // nothing was read
	empty, err := inspect(context.WithoutCancel(ctx), path, false)
	switch {
	case errors.Is(err, ErrNotDatabase) && instance != "":
		return instance, false, fmt.Errorf("%w: %w", job.ErrDamaged, err)
	case err != nil:
		return instance, false, err
	case empty && instance != "":
		return instance, false, fmt.Errorf("%w: the file is empty, and %s%s says that it was not", ErrMissing, path, identitySuffix)
	case empty:
		return "", true, nil
	}
	return readPagesToEnd(ctx, path, instance)
}

// readPagesToEnd reads every page of the table.
func readPagesToEnd(ctx context.Context, path, instance string) (_ string, whole bool, err error) {
	db, _, err := openBeside(context.WithoutCancel(ctx), path)
	if err != nil {
		return instance, false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var found string
	err = db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found)
	switch {
	case ctx.Err() != nil:
		return instance, false, nil
	case err != nil:
		return instance, false, interpret(err)
	case found != "ok":
		return instance, false, fmt.Errorf("%w: %s", job.ErrDamaged, found)
	}
	if instance == "" { // a backup was put here
		err = interpret(db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'instance_id'`).Scan(&instance))
	}
	return instance, err == nil, err
}

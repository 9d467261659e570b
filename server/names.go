package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/stokerd/stoker/job"
)

// People call a batch by its number, 411, and a job by the numbers of both, 411/17. The job table and
// everything behind the interceptors call them by their ids. This file turns numbers into ids, once, in
// every field of a request that names a batch or job.

// resolveNames replaces the numbers of batches in a request by the ids of the batches, and reports
// whether there were any. For a batch that does not exist the error matches [job.ErrNotFound], or is an
// [*job.InvalidError] if the field is a list.
func (s *Server) resolveNames(ctx context.Context, req any) (found bool, err error) {
	m, ok := req.(proto.Message)
	if !ok {
		return false, nil
	}
	r := nameResolver{store: s.store, ids: map[string]string{}}
	err = r.resolve(ctx, m.ProtoReflect(), "")
	return len(r.ids) > 0, err
}

// A calledError is an error about something that the caller has named by number.
type calledError struct {
	error
	subject string // as of [subject], with the caller's name
}

func (e *calledError) Unwrap() error { return e.error }

// asCalled has an error call the subject of a request by the name that the caller used.
func asCalled(err error, subject string) error {
	if err == nil {
		return nil
	}
	return &calledError{err, subject}
}

// nameResolver resolves the names in one request.
type nameResolver struct {
	store BatchStore
	ids   map[string]string // by number; every batch is looked up once
}

// resolve resolves the names in a message. prefix is the path of the message in the request.
func (r *nameResolver) resolve(ctx context.Context, m protoreflect.Message, prefix string) error {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !m.Has(field) {
			continue
		}
		path, err := prefix+string(field.Name()), error(nil)
		switch name := field.Name(); {
		case name == "batch_id" || name == "id" && m.Descriptor().Name() == "Batch":
			err = r.resolveField(ctx, m, field, r.batch)
		case name == "job_id":
			err = r.resolveField(ctx, m, field, r.job)
		case name == "target":
			err = r.resolveField(ctx, m, field, r.target)
		case name == "batch_ids":
			err = r.resolveList(ctx, m.Get(field).List(), path, r.batch)
		case name == "job_ids":
			err = r.resolveList(ctx, m.Get(field).List(), path, r.job)
		case name == "batch" || name == "selection":
			err = r.resolve(ctx, m.Get(field).Message(), path+".")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// resolution returns the id of what has a name.
type resolution func(ctx context.Context, name string) (id string, err error)

func (r *nameResolver) resolveField(ctx context.Context, m protoreflect.Message, field protoreflect.FieldDescriptor, idOf resolution) error {
	id, err := idOf(ctx, m.Get(field).String())
	if err == nil {
		m.Set(field, protoreflect.ValueOfString(id))
	}
	return err
}

func (r *nameResolver) resolveList(ctx context.Context, list protoreflect.List, path string, idOf resolution) error {
	for i := range list.Len() {
		id, err := idOf(ctx, list.Get(i).String())
		if errors.Is(err, job.ErrNotFound) {
			return invalid(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("there is no batch %s", strings.Split(list.Get(i).String(), "/")[0]))
		}
		if err != nil {
			return err
		}
		list.Set(i, protoreflect.ValueOfString(id))
	}
	return nil
}

// batch returns the id of a batch. A name that is no number stays as it is.
func (r *nameResolver) batch(ctx context.Context, name string) (string, error) {
	number, ok := batchNumber(name)
	if !ok {
		return name, nil
	}
	if id, ok := r.ids[name]; ok {
		return id, nil
	}
	found, err := r.store.BatchesBySeq(ctx, []int64{number})
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("batch %d: %w", number, job.ErrNotFound)
	}
	r.ids[name] = found[0].ID
	return found[0].ID, nil
}

// job returns the id of a job.
func (r *nameResolver) job(ctx context.Context, name string) (string, error) {
	batch, number, isJob := strings.Cut(name, "/")
	if !isJob {
		return name, nil
	}
	id, err := r.batch(ctx, batch)
	return id + "/" + number, err
}

// target returns the id of a batch or job that a call was about. A name that is that of no batch stays as it is:
// the call may have been about something else, or have been refused because there was no such batch.
func (r *nameResolver) target(ctx context.Context, name string) (string, error) {
	id, err := r.job(ctx, name)
	if id == name {
		id, err = r.batch(ctx, name)
	}
	if errors.Is(err, job.ErrNotFound) {
		return name, nil
	}
	return id, err
}

// batchNumber parses the number of a batch as it is shown: digits without a sign and without zeros before
// them. No id of a batch looks like that.
func batchNumber(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == text
}

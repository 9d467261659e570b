package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/service"
)

// maxBundleJobs is how many jobs of a batch a bundle has, and maxBundleHistories of how many the history.
const maxBundleJobs, maxBundleHistories = 1_000, 100

// bundleFile is a file of a bundle.
type bundleFile struct {
	name string
	text []byte
}

// checkBundlePath refuses the path of a bundle that could not be written, before anything is asked for it.
func checkBundlePath(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return usagef("%s exists already, and a bundle overwrites nothing: name another file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return usagef("--bundle: there is no directory %s: make it, or name another file", filepath.Dir(path))
	}
	return nil
}

// writeBundle writes a report to a new file that only its owner may read.
func (d *examination) writeBundle(ctx context.Context, path, batch string, results []*stokerv1.CheckResult) (err error) {
	files := []bundleFile{{"checks.json", checksFile(results)}, {"versions.txt", []byte(versionsText())}}
	collected, err := d.collect(ctx, batch)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return usagef("%s exists already, and a bundle overwrites nothing: name another file", path)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			_ = os.Remove(path) // half a report is of no use
		}
	}()
	zipped := gzip.NewWriter(file)
	archive := tar.NewWriter(zipped)
	now := time.Now()
	for _, f := range append(files, collected...) {
		header := &tar.Header{Name: "stoker-report/" + f.name, Mode: 0o600, Size: int64(len(f.text)), ModTime: now}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.text); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}

// collect collects what the service tells or, if none has answered, what the configuration tells.
func (d *examination) collect(ctx context.Context, batch string) ([]bundleFile, error) {
	if d.conn == nil {
		if batch != "" {
			return nil, usagef("--batch: no service has answered, and only the service knows the history of a batch")
		}
		if d.cfg == nil {
			return nil, nil
		}
		return []bundleFile{{"configuration.txt", configurationText(d.cfg.Values)}}, nil
	}
	report, err := d.conn.Diagnostics().GetReport(ctx, &stokerv1.GetReportRequest{})
	if err != nil {
		return nil, err
	}
	var values []config.Value
	for _, v := range report.GetConfiguration() {
		values = append(values, config.Value{Path: v.GetKey(), Value: v.GetValue(), From: v.GetFrom()})
	}
	files := []bundleFile{
		{"service.txt", fmt.Appendf(nil, "version\t%s\nbuilt with\t%s\ninstance\t%s\nstarted\t%s\n", report.GetVersion(), report.GetPlatform(), report.GetInstanceId(), report.GetStartTime().AsTime().Format(time.RFC3339))},
		{"configuration.txt", configurationText(values)},
		{"log.txt", []byte(report.GetLog())},
		{"metrics.txt", []byte(report.GetMetrics())},
	}
	accounts, err := d.conn.Accounts().ListAccounts(ctx, &stokerv1.ListAccountsRequest{})
	if err == nil {
		files, err = appendMessage(files, "accounts.json", accounts)
	}
	if err != nil || batch == "" {
		return files, err
	}
	return d.collectBatch(ctx, files, batch)
}

// collectBatch adds a batch with its jobs, failures and the histories of its first jobs.
func (d *examination) collectBatch(ctx context.Context, files []bundleFile, name string) ([]bundleFile, error) {
	one, err := d.lookup(d.conn).batch(ctx, name)
	if err != nil {
		return nil, err
	}
	batch, err := d.conn.Batches().GetBatch(ctx, &stokerv1.GetBatchRequest{BatchId: one.GetId()})
	if err != nil {
		return nil, err
	}
	jobs, err := d.conn.Batches().ListJobs(ctx, &stokerv1.ListJobsRequest{BatchId: one.GetId(), PageSize: maxBundleJobs})
	if err != nil {
		return nil, err
	}
	failures, err := d.conn.Batches().ListFailures(ctx, &stokerv1.ListFailuresRequest{BatchId: one.GetId()})
	if err != nil {
		return nil, err
	}
	for file, m := range map[string]proto.Message{"batch/batch.json": batch, "batch/jobs.json": jobs, "batch/failures.json": failures} {
		if files, err = appendMessage(files, file, m); err != nil {
			return nil, err
		}
	}
	for _, j := range jobs.GetJobs()[:min(len(jobs.GetJobs()), maxBundleHistories)] {
		history, err := d.conn.Batches().GetJob(ctx, &stokerv1.GetJobRequest{JobId: j.GetId()})
		if err != nil {
			return nil, err
		}
		if files, err = appendMessage(files, fmt.Sprintf("batch/job-%d.json", j.GetNumber()), history); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func appendMessage(files []bundleFile, name string, m proto.Message) ([]bundleFile, error) {
	hideVariables(m.ProtoReflect())
	line, err := output.JSON(m)
	return append(files, bundleFile{name, append(line, '\n')}), err
}

// hideVariables puts the length of each variable of a job in the place of its value: it may be a content key.
func hideVariables(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap() && field.Name() == "variables":
			values := v.Map()
			values.Range(func(name protoreflect.MapKey, value protoreflect.Value) bool {
				values.Set(name, protoreflect.ValueOfString(fmt.Sprintf("(%d bytes)", len(value.String()))))
				return true
			})
		case field.IsList() && field.Message() != nil:
			for i := range v.List().Len() {
				hideVariables(v.List().Get(i).Message())
			}
		case !field.IsList() && !field.IsMap() && field.Message() != nil:
			hideVariables(v.Message())
		}
		return true
	})
}

// checksFile has the results of the checks.
func checksFile(results []*stokerv1.CheckResult) []byte {
	lines := make([]json.RawMessage, 0, len(results))
	for _, r := range results {
		if line, err := output.JSON(r); err == nil { // a message of texts always has one
			lines = append(lines, line)
		}
	}
	text, _ := json.MarshalIndent(lines, "", "  ") // raw messages are valid
	return append(text, '\n')
}

// configurationText lists values, each with where it comes from.
func configurationText(values []config.Value) []byte {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", v.Path, v.Value, v.From)
	}
	return []byte(b.String())
}

// versionsText says what this command is and where it runs.
func versionsText() string {
	return fmt.Sprintf("stoker\t%s\ngo\t%s\nsystem\t%s/%s\nprocessors\t%d\n", service.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

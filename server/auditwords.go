package server

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// This file says in words what a call is about and what it changes, for the audit log.

// Bounds of the words: bytes of a text, entries of a list or map.
const maxWord, maxListed = 80, 5

// describeRequest returns what a request is about, and what it asks for.
func describeRequest(req any) (target, detail string) {
	m, ok := req.(proto.Message)
	if !ok {
		return "", ""
	}
	var words []byte
	if r, ok := req.(fieldsUpdater); ok {
		words = appendUpdate(make([]byte, 0, 64), m.ProtoReflect(), r.GetUpdateMask().GetPaths())
	} else {
		words = appendFields(make([]byte, 0, 64), m.ProtoReflect(), "; ", math.MaxInt, 0)
	}
	return clip(targetOf(m), access.MaxTarget), clip(string(words), access.MaxDetail)
}

// fieldsUpdater is a request with new values, whose mask says which of them count.
type fieldsUpdater interface {
	proto.Message
	GetUpdateMask() *fieldmaskpb.FieldMask
}

// appendUpdate appends what an update asks for: of its new values those that the paths of its mask name.
func appendUpdate(b []byte, update protoreflect.Message, paths []string) []byte {
	next := func() []byte {
		if len(b) == 0 {
			return b
		}
		return append(b, "; "...)
	}
	fields := update.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case !update.Has(fd):
		case hasNewValues(fd.Name()):
			values := update.Get(fd).Message()
			for _, path := range paths {
				if fd := values.Descriptor().Fields().ByName(protoreflect.Name(path)); fd != nil && len(b) < access.MaxDetail {
					b = appendField(next(), fd, values.Get(fd), 0)
				}
			}
		case fd.Name() != "update_mask":
			b = appendField(next(), fd, update.Get(fd), 0)
		}
	}
	return b
}

// hasNewValues reports whether a field of an update has the new values.
func hasNewValues(name protoreflect.Name) bool {
	switch name {
	case "account", "batch", "endpoint":
		return true
	}
	return false
}

// targetOf returns the id of the job, batch, account, token or endpoint that a request is about; empty if it names none.
func targetOf(req any) string {
	switch r := req.(type) {
	case interface{ GetEndpoint() string }:
		return r.GetEndpoint()
	case interface{ GetJobId() string }:
		return r.GetJobId()
	case interface{ GetBatchId() string }:
		return r.GetBatchId()
	case interface{ GetAccountId() string }:
		return r.GetAccountId()
	case interface{ GetTokenId() string }:
		return r.GetTokenId()
	case interface {
		GetEndpoint() *stokerv1.NotificationEndpoint
	}:
		return r.GetEndpoint().GetName()
	case interface{ GetBatch() *stokerv1.Batch }:
		return r.GetBatch().GetId()
	case interface{ GetAccount() *stokerv1.Account }:
		return r.GetAccount().GetId()
	}
	return ""
}

// namesTarget reports whether a field of a request has what [targetOf] returns.
func namesTarget(fd protoreflect.FieldDescriptor) bool {
	switch fd.Name() {
	case "job_id", "batch_id", "account_id", "token_id", "id":
		return true
	case "endpoint":
		return fd.Kind() == protoreflect.StringKind
	}
	return false
}

// appendFields appends what each field of a message has, in the order of the contract, without the one that names the
// target. Fields behind the first ones, of which limit says how many, are counted.
func appendFields(b []byte, m protoreflect.Message, separator string, limit, depth int) []byte {
	fields := m.Descriptor().Fields()
	n := 0
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) || namesTarget(fd) {
			continue
		}
		if n++; n > limit {
			continue
		}
		if n > 1 {
			b = append(b, separator...)
		}
		b = appendField(b, fd, m.Get(fd), depth)
	}
	return appendRest(b, n-limit)
}

// appendField appends what a field has.
func appendField(b []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) []byte {
	if fd.Name() == jobsField {
		return append(strconv.AppendInt(b, int64(v.List().Len()), 10), " jobs"...)
	}
	b = appendName(b, fd.Name())
	switch {
	case fd.IsMap() && fd.Name() == "variables": // a content key may be among the values
		return appendPairs(append(b, ' '), v.Map(), false)
	case fd.IsMap():
		return appendPairs(append(b, ' '), v.Map(), true)
	case fd.IsList():
		return appendList(append(b, ' '), fd, v.List(), depth)
	case fd.Kind() == protoreflect.BoolKind && v.Bool():
		return b
	case fd.Kind() == protoreflect.StringKind:
		switch fd.FullName() {
		case "stoker.v1.InlineTemplate.yaml", "stoker.v1.JobList.text":
			return appendBytes(append(b, ' '), len(v.String()))
		case "stoker.v1.NotificationEndpoint.url":
			return strconv.AppendQuote(append(b, ' '), notification.WithoutPath(v.String()))
		}
	}
	return appendValue(append(b, ' '), fd, v, depth)
}

// appendName appends the name of a field in words.
func appendName(b []byte, name protoreflect.Name) []byte {
	for i := range len(name) {
		if c := name[i]; c == '_' {
			b = append(b, ' ')
		} else {
			b = append(b, c)
		}
	}
	return b
}

// appendPairs appends the keys of a map, with their values or without.
func appendPairs(b []byte, m protoreflect.Map, values bool) []byte {
	if m.Len() == 0 {
		return append(b, "none"...)
	}
	pairs := make([]string, 0, m.Len())
	m.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		pair := asWord(key.String())
		if values {
			pair += "=" + asWord(value.String())
		}
		pairs = append(pairs, pair)
		return true
	})
	slices.Sort(pairs)
	return append(b, shortened(pairs)...)
}

func appendList(b []byte, fd protoreflect.FieldDescriptor, list protoreflect.List, depth int) []byte {
	if list.Len() == 0 {
		return append(b, "none"...)
	}
	for i := range min(list.Len(), maxListed) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendValue(b, fd, list.Get(i), depth)
	}
	return appendRest(b, list.Len()-maxListed)
}

// appendRest says how many entries of a list are not in the words, if any.
func appendRest(b []byte, n int) []byte {
	if n <= 0 {
		return b
	}
	return append(strconv.AppendInt(append(b, " and "...), int64(n), 10), " more"...)
}

// appendBytes says how long a text is that is not in the words.
func appendBytes(b []byte, n int) []byte {
	return append(strconv.AppendInt(append(b, "of "...), int64(n), 10), " bytes"...)
}

// shortened lists the first words of a list.
func shortened(words []string) string {
	text := strings.Join(words[:min(len(words), maxListed)], ", ")
	return string(appendRest([]byte(text), len(words)-maxListed))
}

func appendValue(b []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) []byte {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return strconv.AppendQuote(b, clip(v.String(), maxWord))
	case protoreflect.EnumKind:
		value := fd.Enum().Values().ByNumber(v.Enum())
		if value == nil {
			return strconv.AppendInt(b, int64(v.Enum()), 10)
		}
		prefix := string(fd.Enum().Values().Get(0).Name())
		return append(b, strings.TrimPrefix(string(value.Name()), strings.TrimSuffix(prefix, "UNSPECIFIED"))...)
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return strconv.AppendInt(b, v.Int(), 10)
	case protoreflect.MessageKind:
		return appendMessage(b, v.Message(), depth)
	case protoreflect.BytesKind:
		return appendBytes(b, len(v.Bytes()))
	}
	return append(b, clip(v.String(), maxWord)...)
}

func appendMessage(b []byte, m protoreflect.Message, depth int) []byte {
	switch value := m.Interface().(type) {
	case *fieldmaskpb.FieldMask:
		return append(b, shortened(value.GetPaths())...)
	case *durationpb.Duration:
		return append(b, value.AsDuration().String()...)
	}
	if depth > 1 {
		return append(b, "{…}"...)
	}
	b = appendFields(append(b, '{'), m, ", ", maxListed, depth+1)
	return append(b, '}')
}

// withResult adds to the words about a request how many jobs or batches were changed, if the answer has that.
// The words are empty if there is nothing to add.
func withResult(detail string, resp proto.Message) string {
	r := resp.ProtoReflect()
	if changes := r.Descriptor().Fields().ByName("changes"); changes != nil && changes.Message() != nil {
		r = r.Get(changes).Message()
	}
	count := r.Descriptor().Fields().ByName("count")
	if count == nil || count.Kind() != protoreflect.Int64Kind {
		return ""
	}
	result := fmt.Sprintf("%d changed", r.Get(count).Int())
	if batches := r.Descriptor().Fields().ByName("batch_count"); batches != nil {
		result = fmt.Sprintf("%d jobs of %d batches changed", r.Get(count).Int(), r.Get(batches).Int())
	}
	if detail == "" {
		return result
	}
	return result + "; " + clip(detail, access.MaxDetail-len(result)-2)
}

// batchDifference says in words what a change made of a batch; empty if it made nothing.
func batchDifference(before, after *job.Batch) string {
	var d differences
	note(&d, "state", before.State, after.State)
	note(&d, "priority", before.Priority, after.Priority)
	note(&d, "name", before.DisplayName, after.DisplayName)
	note(&d, "open", before.Open, after.Open)
	note(&d, "max retries", before.Retry.MaxRetries, after.Retry.MaxRetries)
	noteFields(&d, "retry policy", before.Retry, after.Retry)
	noteFields(&d, "failure limit", before.FailureLimit, after.FailureLimit)
	if !maps.Equal(before.Labels, after.Labels) {
		d = append(d, fmt.Sprintf("labels %s -> %s", labelWords(before.Labels), labelWords(after.Labels)))
	}
	if after.StateReason != "" && after.StateReason != before.StateReason {
		d = append(d, "reason "+strconv.Quote(clip(after.StateReason, maxWord)))
	}
	return d.String()
}

// settingsDifference says in words what a change made of the settings of an account; empty if it made nothing.
func settingsDifference(before, after job.AccountSettings) string {
	var d differences
	note(&d, "paused", before.Paused, after.Paused)
	noteFields(&d, "settings", withoutPause(before), withoutPause(after))
	if after.PausedReason != "" && after.PausedReason != before.PausedReason {
		d = append(d, "reason "+strconv.Quote(clip(after.PausedReason, maxWord)))
	}
	return d.String()
}

func withoutPause(s job.AccountSettings) job.AccountSettings {
	s.Resume()
	return s
}

type differences []string

func (d differences) String() string { return clip(strings.Join(d, "; "), access.MaxDetail) }

// note notes a value that differs.
func note[T comparable](d *differences, what string, before, after T) {
	if before != after {
		d.add(what, before, after)
	}
}

// noteList notes lists of names that differ.
func noteList[T comparable](d *differences, what string, before, after []T) {
	if !slices.Equal(before, after) {
		d.add(what, before, after)
	}
}

func (d *differences) add(what string, before, after any) {
	*d = append(*d, what+" "+valueWords(before)+" -> "+valueWords(after))
}

// valueWords is a value in words. A text, which somebody has chosen, is in quotes: it could look like another change.
func valueWords(value any) string {
	if text, ok := value.(string); ok {
		return strconv.Quote(clip(text, maxWord))
	}
	return clip(fmt.Sprint(value), maxWord)
}

// asWord is a text that somebody has chosen, as one of the words: in quotes if it could be taken for several.
func asWord(text string) string {
	text = clip(text, maxWord)
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:@+", r)
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// noteFields notes structures that differ, field by field.
func noteFields[T comparable](d *differences, what string, before, after T) {
	if before == after {
		return
	}
	b, a := reflect.ValueOf(before), reflect.ValueOf(after)
	for i := range b.NumField() {
		note(d, what+"."+b.Type().Field(i).Name, b.Field(i).Interface(), a.Field(i).Interface())
	}
}

func labelWords(labels map[string]string) string {
	if len(labels) == 0 {
		return "none"
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, asWord(name)+"="+asWord(labels[name]))
	}
	return shortened(pairs)
}

package server

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

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
	words := wordsOf(m.ProtoReflect(), 0)
	return clip(targetOf(m), access.MaxTarget), clip(strings.Join(words, "; "), access.MaxDetail)
}

// wordsOf says what each field of a message has, in the order of the contract, without the one that names the
// target. Most messages have few of their fields.
func wordsOf(m protoreflect.Message, depth int) []string {
	type field struct {
		fd    protoreflect.FieldDescriptor
		value protoreflect.Value
	}
	fields := make([]field, 0, 4)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !namesTarget(fd) {
			fields = append(fields, field{fd, v})
		}
		return true
	})
	slices.SortFunc(fields, func(a, b field) int { return a.fd.Index() - b.fd.Index() })
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = fieldWords(f.fd, f.value, depth)
	}
	return words
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

// fieldWords says what a field has.
func fieldWords(fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) string {
	name := strings.ReplaceAll(string(fd.Name()), "_", " ")
	switch {
	case fd.Name() == jobsField:
		return fmt.Sprintf("%d jobs", v.List().Len())
	case fd.FullName() == "stoker.v1.InlineTemplate.yaml" || fd.FullName() == "stoker.v1.JobList.text":
		return fmt.Sprintf("%s of %d bytes", name, len(v.String()))
	case fd.Kind() == protoreflect.BoolKind && !fd.IsList() && !fd.IsMap() && v.Bool():
		return name
	case fd.FullName() == "stoker.v1.NotificationEndpoint.url":
		return name + " " + strconv.Quote(notification.WithoutPath(v.String()))
	case fd.IsMap() && fd.Name() == "variables": // a content key may be among the values
		return name + " " + keyWords(v.Map())
	case fd.IsMap():
		return name + " " + mapWords(v.Map())
	case fd.IsList():
		return name + " " + listWords(fd, v.List(), depth)
	}
	return name + " " + valueWords(fd, v, depth)
}

func mapWords(m protoreflect.Map) string {
	var pairs []string
	m.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		pairs = append(pairs, clip(key.String(), maxWord)+"="+clip(value.String(), maxWord))
		return true
	})
	slices.Sort(pairs)
	return shortened(pairs, len(pairs))
}

// keyWords lists the keys of a map without their values.
func keyWords(m protoreflect.Map) string {
	var keys []string
	m.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, clip(key.String(), maxWord))
		return true
	})
	slices.Sort(keys)
	return shortened(keys, len(keys))
}

func listWords(fd protoreflect.FieldDescriptor, list protoreflect.List, depth int) string {
	var words []string
	for i := range min(list.Len(), maxListed) {
		words = append(words, valueWords(fd, list.Get(i), depth))
	}
	return shortened(words, list.Len())
}

// shortened lists the first words of a list that has a number of them.
func shortened(words []string, n int) string {
	text := strings.Join(words[:min(len(words), maxListed)], ", ")
	if n > maxListed {
		text += fmt.Sprintf(" and %d more", n-maxListed)
	}
	return text
}

func valueWords(fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) string {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return strconv.Quote(clip(v.String(), maxWord))
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			prefix := string(fd.Enum().Values().Get(0).Name())
			return strings.TrimPrefix(string(value.Name()), strings.TrimSuffix(prefix, "UNSPECIFIED"))
		}
		return strconv.Itoa(int(v.Enum()))
	case protoreflect.MessageKind:
		return messageWords(v.Message(), depth)
	case protoreflect.BytesKind:
		return fmt.Sprintf("of %d bytes", len(v.Bytes()))
	}
	return clip(v.String(), maxWord)
}

func messageWords(m protoreflect.Message, depth int) string {
	switch value := m.Interface().(type) {
	case *fieldmaskpb.FieldMask:
		return shortened(value.GetPaths(), len(value.GetPaths()))
	case *durationpb.Duration:
		return value.AsDuration().String()
	}
	if depth > 1 {
		return "{…}"
	}
	words := wordsOf(m, depth+1)
	return "{" + shortened(words, len(words)) + "}"
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
		*d = append(*d, what+" "+clip(fmt.Sprint(before), maxWord)+" -> "+clip(fmt.Sprint(after), maxWord))
	}
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
		pairs = append(pairs, clip(name, maxWord)+"="+clip(labels[name], maxWord))
	}
	return shortened(pairs, len(pairs))
}

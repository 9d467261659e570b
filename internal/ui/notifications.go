package ui

import (
	"slices"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// NotificationEvent is an event as receivers know it, such as batch.finished.
func NotificationEvent(e stokerv1.NotificationEvent) string {
	name := strings.ToLower(strings.TrimPrefix(e.String(), "NOTIFICATION_EVENT_"))
	return strings.Replace(name, "_", ".", 1)
}

// ParseNotificationEvent parses an event as receivers know it; false if there is none of this name.
func ParseNotificationEvent(name string) (stokerv1.NotificationEvent, bool) {
	n, ok := stokerv1.NotificationEvent_value["NOTIFICATION_EVENT_"+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))]
	return stokerv1.NotificationEvent(n), ok && n != 0 && !strings.Contains(name, "_")
}

// NotificationEvents are the names of all events, in the order of the contract.
func NotificationEvents() []string {
	var names []string
	values := stokerv1.NotificationEvent(0).Descriptor().Values()
	for i := range values.Len() {
		if n := values.Get(i).Number(); n != 0 {
			names = append(names, NotificationEvent(stokerv1.NotificationEvent(n)))
		}
	}
	return names
}

// DeliveryState is the name of a state of a delivery, such as pending.
func DeliveryState(s stokerv1.DeliveryState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "DELIVERY_STATE_"))
}

// DeliveryStates are the names of all states of a delivery.
func DeliveryStates() []string {
	return []string{"pending", "delivered", "failed"}
}

// Endpoints lists endpoints of notifications.
func Endpoints() output.Listing[*stokerv1.NotificationEndpoint] {
	type endpoint = *stokerv1.NotificationEndpoint
	return output.Listing[endpoint]{
		Name: endpoint.GetName,
		Columns: []output.Column[endpoint]{
			{Head: "ENDPOINT", Cut: output.CutEnd, Value: func(e endpoint) output.Value { return output.Text(e.GetName()) }},
			{Head: "STATE", Value: func(e endpoint) output.Value { return output.Own(EndpointState(e)) }},
			{Head: "PENDING", Right: true, Value: func(e endpoint) output.Value { return output.Count(e.GetPendingCount()) }},
			{Head: "EVENTS", Cut: output.CutEnd, ShrinkTo: 16, LeaveOut: 3, Value: func(e endpoint) output.Value { return output.Own(eventNames(e.GetEvents())) }},
			{Head: "ACCOUNTS", Cut: output.CutEnd, LeaveOut: 2, Value: func(e endpoint) output.Value { return output.Text(BoundTo(e.GetAccounts())) }},
			{Head: "SUCCESS", LeaveOut: 1, Value: func(e endpoint) output.Value { return timeOrNever(e.GetLastSuccessTime()) }},
			{Head: "URL", Cut: output.CutMiddle, Value: func(e endpoint) output.Value { return output.Text(e.GetUrl()) }},
			{Head: "REASON", Wide: true, Value: func(e endpoint) output.Value { return output.Text(e.GetDisabledReason()) }},
			{Head: "BY", Wide: true, Value: func(e endpoint) output.Value { return output.Text(endpointOwner(e)) }},
			{Head: "CREATED", Wide: true, Value: func(e endpoint) output.Value { return output.AtMinute(e.GetCreateTime()) }},
		},
	}
}

// EndpointState is working, failing or disabled.
func EndpointState(e *stokerv1.NotificationEndpoint) string {
	switch {
	case e.GetDisabled():
		return "disabled"
	case e.GetFailingSince() != nil:
		return "failing"
	}
	return "working"
}

// endpointOwner is who has made an endpoint.
func endpointOwner(e *stokerv1.NotificationEndpoint) string {
	if e.GetConfigured() {
		return "configuration"
	}
	return e.GetCreatedBy()
}

// eventNames names events, or says that they are all or all but one.
func eventNames(events []stokerv1.NotificationEvent) string {
	var missing, named []string
	for _, name := range NotificationEvents() {
		if e, _ := ParseNotificationEvent(name); slices.Contains(events, e) {
			named = append(named, name)
		} else {
			missing = append(missing, name)
		}
	}
	switch len(missing) {
	case 0:
		return "all"
	case 1:
		return "all but " + missing[0]
	}
	return strings.Join(named, ", ")
}

// Deliveries lists deliveries of notifications.
func Deliveries() output.Listing[*stokerv1.Delivery] {
	type delivery = *stokerv1.Delivery
	return output.Listing[delivery]{
		Name: delivery.GetId,
		Columns: []output.Column[delivery]{
			{Head: "TIME", Value: func(d delivery) output.Value { return output.At(d.GetCreateTime()) }},
			{Head: "EVENT", Value: func(d delivery) output.Value { return output.Own(NotificationEvent(d.GetEvent())) }},
			{Head: "BATCH", Right: true, Value: func(d delivery) output.Value { return batchOf(d) }},
			{Head: "JOBS", Right: true, LeaveOut: 2, Value: func(d delivery) output.Value { return countOrNothing(d.GetJobCount()) }},
			{Head: "STATE", Value: func(d delivery) output.Value { return output.Own(DeliveryState(d.GetState())) }},
			{Head: "ATTEMPTS", Right: true, LeaveOut: 1, Value: func(d delivery) output.Value { return output.Count(d.GetAttemptCount()) }},
			{Head: "NEXT", LeaveOut: 3, Value: func(d delivery) output.Value { return output.At(d.GetNextAttemptTime()) }},
			{Head: "PROBLEM", Cut: output.CutEnd, ShrinkTo: 16, Value: func(d delivery) output.Value { return output.Text(d.GetProblem()) }},
			{Head: "DELIVERY", Value: func(d delivery) output.Value { return output.Text(d.GetId()) }},
			{Head: "ACCOUNT", Wide: true, Value: func(d delivery) output.Value { return output.Text(d.GetAccount()) }},
			{Head: "REVISION", Wide: true, Right: true, Value: func(d delivery) output.Value { return countOrNothing(d.GetRevision()) }},
			{Head: "HTTP", Wide: true, Right: true, Value: func(d delivery) output.Value { return countOrNothing(int64(d.GetHttpStatus())) }},
		},
	}
}

func batchOf(d *stokerv1.Delivery) output.Value {
	if d.GetBatchNumber() == 0 {
		return output.Nothing()
	}
	return output.Named(BatchName(d.GetBatchNumber(), d.GetBatchId()), d.GetBatchNumber())
}

func countOrNothing(n int64) output.Value {
	if n == 0 {
		return output.Nothing()
	}
	return output.Count(n)
}

package server

import (
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/notification"
)

// eventEnum is an event as the contract has it.
func eventEnum(e notification.Event) stokerv1.NotificationEvent {
	name := "NOTIFICATION_EVENT_" + strings.ToUpper(strings.ReplaceAll(string(e), ".", "_"))
	return stokerv1.NotificationEvent(stokerv1.NotificationEvent_value[name])
}

func deliveryStateOf(s stokerv1.DeliveryState) notification.DeliveryState {
	return notification.DeliveryState(strings.TrimPrefix(s.String(), "DELIVERY_STATE_"))
}

// endpointMessage is an endpoint with what is to be delivered to it.
func endpointMessage(e notification.Endpoint, backlogs []notification.Backlog) *stokerv1.NotificationEndpoint {
	m := &stokerv1.NotificationEndpoint{
		Name: e.Name, Url: e.URL, Events: mapSlice(e.Events, eventEnum), Accounts: e.Accounts, AllowPrivate: e.AllowPrivate, Configured: e.Configured,
		Disabled: e.Disabled, DisabledReason: e.DisabledReason, DisabledTime: timestamp(e.DisabledTime),
		FailingSince: timestamp(e.FailingSince), LastSuccessTime: timestamp(e.LastSuccessTime),
		CreatedBy: e.CreatedBy, CreateTime: timestamp(e.CreateTime), UpdateTime: timestamp(e.UpdateTime),
	}
	for _, k := range notification.ValidKeys(e.Keys, time.Now()) {
		m.Secrets = append(m.Secrets, &stokerv1.NotificationSecret{CreateTime: timestamp(k.CreateTime), ExpireTime: timestamp(k.ExpireTime)})
	}
	for _, b := range backlogs {
		if b.Endpoint == e.Name {
			m.PendingCount, m.OldestPendingTime = b.Pending, timestamp(b.Oldest)
		}
	}
	return m
}

func deliveryMessage(d notification.Delivery) *stokerv1.Delivery {
	body, _ := d.Body() // what was stored has a JSON form
	return &stokerv1.Delivery{
		Id: d.ID, Endpoint: d.Endpoint, Event: eventEnum(d.Event), Account: d.AccountID, BatchId: d.BatchID, BatchNumber: d.BatchSeq, Revision: d.Revision,
		JobCount: d.JobCount, State: stokerv1.DeliveryState(stokerv1.DeliveryState_value["DELIVERY_STATE_"+string(d.State)]), AttemptCount: int32(d.Attempts),
		NextAttemptTime: timestamp(d.NextTime), LastAttemptTime: timestamp(d.LastTime), HttpStatus: int32(d.HTTPStatus), Problem: d.Problem,
		CreateTime: timestamp(d.CreateTime), FinishTime: timestamp(d.FinishTime), Body: string(body),
	}
}

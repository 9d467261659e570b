package postgres

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stokerd/stoker/internal/notification"
)

// notificationQueries answers what can be asked about notifications.
type notificationQueries struct{ q querier }

const endpointColumns = `name, url, events, accounts, allow_private, configured, keys, disabled, disabled_reason, disabled_time,
       failing_since, last_success_time, created_by, create_time, update_time`

func scanEndpoint(r row) (e notification.Endpoint, err error) {
	var events, accounts, keys string
	var disabled, failing, success, create, update stamp
	err = r.Scan(&e.Name, &e.URL, &events, &accounts, &e.AllowPrivate, &e.Configured, &keys, &e.Disabled, &e.DisabledReason, (*int64)(&disabled),
		(*int64)(&failing), (*int64)(&success), &e.CreatedBy, (*int64)(&create), (*int64)(&update))
	if err != nil {
		return e, err
	}
	e.DisabledTime, e.FailingSince, e.LastSuccessTime = disabled.time(), failing.time(), success.time()
	e.CreateTime, e.UpdateTime = create.time(), update.time()
	return e, errors.Join(decode(events, &e.Events), decode(accounts, &e.Accounts), decode(keys, &e.Keys))
}

func (r notificationQueries) Endpoints(ctx context.Context) ([]notification.Endpoint, error) {
	const query = `SELECT ` + endpointColumns + ` FROM notification_endpoints ORDER BY name`
	return all(ctx, r.q, scanEndpoint, query)
}

func (r notificationQueries) Endpoint(ctx context.Context, name string) (notification.Endpoint, error) {
	const query = `SELECT ` + endpointColumns + ` FROM notification_endpoints WHERE name = $1`
	return one(ctx, r.q, scanEndpoint, query, storable(name))
}

const deliveryColumns = `d.seq, d.id, d.endpoint, d.event, d.account, d.batch_id, d.batch, d.revision, d.content, d.jobs, d.numbers, d.joining, d.create_time,
       d.state, d.attempts, d.next_time, d.last_time, d.http_status, d.problem, d.finish_time`

func scanDelivery(r row) (d notification.Delivery, err error) {
	var content, numbers string
	var create, next, last, finish stamp
	err = r.Scan(&d.Seq, &d.ID, &d.Endpoint, (*string)(&d.Event), &d.AccountID, &d.BatchID, &d.BatchSeq, &d.Revision, &content,
		&d.JobCount, &numbers, &d.Joining, (*int64)(&create), (*string)(&d.State), &d.Attempts, (*int64)(&next), (*int64)(&last), &d.HTTPStatus, &d.Problem, (*int64)(&finish))
	if err != nil {
		return d, err
	}
	d.CreateTime, d.NextTime, d.LastTime, d.FinishTime = create.time(), next.time(), last.time(), finish.time()
	d.JobNumbers, err = splitNumbers(numbers)
	return d, errors.Join(err, decode(content, &d.Content))
}

// joinNumbers is how the numbers of jobs are stored: with commas between, so that more can be added behind them.
func joinNumbers(numbers []int64) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(words, ",")
}

// splitNumbers reads the first stored numbers, as many as a message names.
func splitNumbers(text string) (numbers []int64, err error) {
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, err
		}
		if numbers = append(numbers, n); len(numbers) == notification.MaxJobNumbers {
			break
		}
	}
	return numbers, nil
}

func (r notificationQueries) DueDeliveries(ctx context.Context, endpoint string, now, joining time.Time, n int) ([]notification.Delivery, error) {
	const query = `
SELECT ` + deliveryColumns + ` FROM deliveries AS d
 WHERE d.endpoint = $1 AND d.state = 'PENDING' AND d.next_time <= $2 AND (NOT d.joining OR d.next_time <= $3) ORDER BY d.next_time LIMIT $4`
	return all(ctx, r.q, scanDelivery, query, storable(endpoint), ms(now), ms(joining), n)
}

func (r notificationQueries) NextDeliveryTime(ctx context.Context, endpoint string, after time.Time) (time.Time, error) {
	const query = `SELECT coalesce(min(next_time), 0) FROM deliveries WHERE endpoint = $1 AND state = 'PENDING' AND next_time > $2`
	next, err := one(ctx, r.q, scalar[int64], query, storable(endpoint), ms(after))
	return stamp(next).time(), err
}

func (r notificationQueries) Delivery(ctx context.Context, seq int64) (notification.Delivery, error) {
	const query = `SELECT ` + deliveryColumns + ` FROM deliveries AS d WHERE d.seq = $1`
	return one(ctx, r.q, scanDelivery, query, seq)
}

// Deliveries walks down the index for each state by itself, and merges.
func (r notificationQueries) Deliveries(ctx context.Context, f notification.DeliveryFilter) ([]notification.Delivery, error) {
	const query = `
SELECT ` + deliveryColumns + `
  FROM unnest($2::text[]) AS s(state) CROSS JOIN LATERAL (
       SELECT * FROM deliveries AS d
        WHERE d.endpoint = $1 AND d.state = s.state AND d.seq < $3 AND d.create_time >= $4
          AND ($5::text[] IS NULL OR d.event = ANY ($5::text[])) AND ($6 = '' OR d.batch_id = $6)
          AND ($7::text[] IS NULL OR d.id = ANY ($7::text[]))
        ORDER BY d.seq DESC LIMIT $8) AS d
 ORDER BY d.seq DESC LIMIT $8`
	before := f.BeforeSeq
	if before == 0 {
		before = math.MaxInt64
	}
	states := f.States
	if len(states) == 0 {
		states = notification.DeliveryStates()
	}
	return all(ctx, r.q, scanDelivery, query, storable(f.Endpoint), array(distinct(states)), before, ms(f.Since),
		array(f.Events), storable(f.BatchID), array(f.IDs), limit(f.Limit))
}

func (r notificationQueries) OldestDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState, n int) ([]notification.Delivery, error) {
	const query = `SELECT ` + deliveryColumns + ` FROM deliveries AS d WHERE d.endpoint = $1 AND d.state = $2 ORDER BY d.seq LIMIT $3`
	return all(ctx, r.q, scanDelivery, query, storable(endpoint), string(state), n)
}

func (r notificationQueries) CountDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState) (int64, error) {
	return one(ctx, r.q, scalar[int64], `SELECT count(*) FROM deliveries WHERE endpoint = $1 AND state = $2`, storable(endpoint), string(state))
}

func (r notificationQueries) Backlogs(ctx context.Context) ([]notification.Backlog, error) {
	const query = `
SELECT e.name, (SELECT count(*) FROM deliveries AS d WHERE d.endpoint = e.name AND d.state = 'PENDING'),
       coalesce((SELECT d.create_time FROM deliveries AS d WHERE d.endpoint = e.name AND d.state = 'PENDING' ORDER BY d.seq LIMIT 1), 0)
  FROM notification_endpoints AS e ORDER BY e.name`
	scan := func(r row) (b notification.Backlog, err error) {
		var oldest stamp
		err = r.Scan(&b.Endpoint, &b.Pending, (*int64)(&oldest))
		b.Oldest = oldest.time()
		return b, err
	}
	list, err := all(ctx, r.q, scan, query)
	return slices.DeleteFunc(list, func(b notification.Backlog) bool { return b.Pending == 0 }), err
}

func (r notificationQueries) Availability(ctx context.Context, accountID string) (notification.Availability, error) {
	since, err := one(ctx, r.q, scalar[int64], `SELECT since FROM unavailable_accounts WHERE account = $1`, accountID)
	if err != nil {
		return notification.Availability{}, err
	}
	return notification.Availability{AccountID: accountID, Told: true, Since: stamp(since).time()}, nil
}

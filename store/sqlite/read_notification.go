package sqlite

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// notificationQueries answers what can be asked about notifications.
type notificationQueries struct{ q querier }

const (
	endpointColumns = `name, url, events, accounts, allow_private, configured, keys, disabled, disabled_reason, disabled_time,
       failing_since, last_success_time, created_by, create_time, update_time`
	allEndpoints = `SELECT ` + endpointColumns + ` FROM notification_endpoints ORDER BY name`
)

func scanEndpoint(r row) (e notification.Endpoint, err error) {
	var events, accounts, keys text
	var disabled, failing, success, create, update stamp
	err = r.Scan(&e.Name, &e.URL, &events, &accounts, &e.AllowPrivate, &e.Configured, &keys, &e.Disabled, &e.DisabledReason, &disabled,
		&failing, &success, &e.CreatedBy, &create, &update)
	if err != nil {
		return e, err
	}
	e.DisabledTime, e.FailingSince, e.LastSuccessTime = disabled.time(), failing.time(), success.time()
	e.CreateTime, e.UpdateTime = create.time(), update.time()
	return e, errors.Join(events.decode(&e.Events), accounts.decode(&e.Accounts), keys.decode(&e.Keys))
}

func (r notificationQueries) Endpoints(ctx context.Context) ([]notification.Endpoint, error) {
	return all(ctx, r.q, scanEndpoint, allEndpoints)
}

func (r notificationQueries) Endpoint(ctx context.Context, name string) (notification.Endpoint, error) {
	const query = `SELECT ` + endpointColumns + ` FROM notification_endpoints WHERE name = $1`
	return one(ctx, r.q, scanEndpoint, query, name)
}

const (
	deliveryColumns = `seq, id, endpoint, event, account, batch_id, batch, revision, content, jobs, numbers, joining, create_time,
       state, attempts, next_time, last_time, http_status, problem, finish_time`
	dueDeliveries = `
SELECT ` + deliveryColumns + ` FROM deliveries
 WHERE endpoint = $1 AND state = 'PENDING' AND next_time <= $2 AND (joining = 0 OR next_time <= $3) ORDER BY next_time LIMIT $4 + 0`
	nextDelivery     = `SELECT coalesce(min(next_time), 0) FROM deliveries WHERE endpoint = $1 AND state = 'PENDING' AND next_time > $2`
	oldestDeliveries = `
SELECT ` + deliveryColumns + ` FROM deliveries WHERE endpoint = $1 AND state = $2 ORDER BY seq LIMIT $3 + 0`
	countDeliveries = `SELECT count(*) FROM deliveries WHERE endpoint = $1 AND state = $2`
	backlogs        = `
SELECT name, (SELECT count(*) FROM deliveries WHERE endpoint = name AND state = 'PENDING'),
       coalesce((SELECT create_time FROM deliveries WHERE endpoint = name AND state = 'PENDING' ORDER BY seq LIMIT 1), 0)
  FROM notification_endpoints ORDER BY name`
	// The list of one state is one walk down the index. Those of several are merged by their sequence numbers.
	listDeliveries = `
SELECT ` + deliveryColumns + ` FROM deliveries
 WHERE endpoint = $1 AND state = $2 AND seq < $3 AND create_time >= $4
   AND ($5 IS NULL OR event IN (SELECT value FROM json_each($5))) AND ($6 = '' OR batch_id = $6)
   AND ($7 IS NULL OR id IN (SELECT value FROM json_each($7)))
 ORDER BY seq DESC LIMIT $8 + 0`
)

func scanDelivery(r row) (d notification.Delivery, err error) {
	var content text
	var numbers string
	var create, next, last, finish stamp
	err = r.Scan(&d.Seq, &d.ID, &d.Endpoint, (*string)(&d.Event), &d.AccountID, &d.BatchID, &d.BatchSeq, &d.Revision, &content,
		&d.JobCount, &numbers, &d.Joining, &create, (*string)(&d.State), &d.Attempts, &next, &last, &d.HTTPStatus, &d.Problem, &finish)
	if err != nil {
		return d, err
	}
	d.CreateTime, d.NextTime, d.LastTime, d.FinishTime = create.time(), next.time(), last.time(), finish.time()
	d.JobNumbers, err = splitNumbers(numbers)
	return d, errors.Join(err, content.decode(&d.Content))
}

// joinNumbers is how the numbers of jobs are stored: with commas between, so that more can be added behind them.
func joinNumbers(numbers []int64) string {
	var b strings.Builder
	for i, n := range numbers {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	return b.String()
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
	return all(ctx, r.q, scanDelivery, dueDeliveries, endpoint, ms(now), ms(joining), n)
}

func (r notificationQueries) NextDeliveryTime(ctx context.Context, endpoint string, after time.Time) (time.Time, error) {
	next, err := one(ctx, r.q, scalar[stamp], nextDelivery, endpoint, ms(after))
	return next.time(), err
}

func (r notificationQueries) Delivery(ctx context.Context, seq int64) (notification.Delivery, error) {
	const query = `SELECT ` + deliveryColumns + ` FROM deliveries WHERE seq = $1`
	return one(ctx, r.q, scanDelivery, query, seq)
}

func (r notificationQueries) Deliveries(ctx context.Context, f notification.DeliveryFilter) ([]notification.Delivery, error) {
	before := f.BeforeSeq
	if before == 0 {
		before = math.MaxInt64
	}
	states := f.States
	if len(states) == 0 {
		states = notification.DeliveryStates()
	}
	var list []notification.Delivery
	for _, state := range states {
		part, err := all(ctx, r.q, scanDelivery, listDeliveries, f.Endpoint, string(state), before, ms(f.Since),
			encodeList(f.Events), f.BatchID, encodeList(f.IDs), limit(f.Limit))
		if err != nil {
			return nil, err
		}
		list = append(list, part...)
	}
	slices.SortFunc(list, func(a, b notification.Delivery) int { return cmp.Compare(b.Seq, a.Seq) })
	if f.Limit > 0 && len(list) > f.Limit {
		list = list[:f.Limit]
	}
	return list, nil
}

func (r notificationQueries) OldestDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState, n int) ([]notification.Delivery, error) {
	return all(ctx, r.q, scanDelivery, oldestDeliveries, endpoint, string(state), n)
}

func (r notificationQueries) CountDeliveries(ctx context.Context, endpoint string, state notification.DeliveryState) (int64, error) {
	return one(ctx, r.q, scalar[int64], countDeliveries, endpoint, string(state))
}

func (r notificationQueries) Backlogs(ctx context.Context) ([]notification.Backlog, error) {
	scan := func(r row) (b notification.Backlog, err error) {
		var oldest stamp
		err = r.Scan(&b.Endpoint, &b.Pending, &oldest)
		b.Oldest = oldest.time()
		return b, err
	}
	list, err := all(ctx, r.q, scan, backlogs)
	return slices.DeleteFunc(list, func(b notification.Backlog) bool { return b.Pending == 0 }), err
}

func (r notificationQueries) Availability(ctx context.Context, accountID string) (notification.Availability, error) {
	const query = `SELECT since FROM unavailable_accounts WHERE account = $1`
	since, err := one(ctx, r.q, scalar[stamp], query, accountID)
	if errors.Is(err, job.ErrNotFound) {
		return notification.Availability{}, err
	}
	return notification.Availability{AccountID: accountID, Told: err == nil, Since: since.time()}, err
}

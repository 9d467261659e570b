package dispatcher

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/stokerd/stoker/bitmovin"
)

// withDefaults returns the account with defaults for what it leaves open.
func (a Account) withDefaults() Account {
	if a.AutoTarget {
		a.MaxAutoTarget = cmp.Or(a.QueueTarget, a.MaxAutoTarget)
	}
	a.MaxAutoTarget = cmp.Or(a.MaxAutoTarget, DefaultAutoTarget)
	a.QueueTarget = cmp.Or(a.QueueTarget, DefaultQueueTarget)
	return a
}

// Reconfigure changes to other storages, secrets and queue targets while the dispatcher runs. Of each account it
// takes the targets and the limit of starts; accounts that the dispatcher does not have are ignored, and those that
// are missing stay as they are. Jobs that are configured or started already stay as they are. It does not block.
func (d *Dispatcher) Reconfigure(s Sources, accounts []Account) {
	for _, a := range accounts {
		d.reconfigureAccount(s, a.withDefaults())
	}
}

// reconfigureAccount is [Dispatcher.Reconfigure] for one account. Loops that are made later begin with it.
func (d *Dispatcher) reconfigureAccount(s Sources, a Account) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.config.Sources = s
	l := d.loops[a.ID]
	if l == nil {
		return
	}
	a.Client = d.accounts[a.ID].Client
	d.accounts[a.ID] = a
	l.worker.provisioner.SetSources(s)
	l.reconfigured.Store(&a)
	l.changes.wakeup.notify()
}

// takeReconfiguration takes up what [Dispatcher.Reconfigure] and [Dispatcher.ClockMoved] have left for the loop. A target that was set through
// the API stays in force.
func takeReconfiguration(l *accountLoop) {
	if l.clockMoved.Swap(false) {
		l.refreshTime = time.Time{} // reads everything that depends on the time
	}
	a := l.reconfigured.Swap(nil)
	if a == nil {
		return
	}
	l.configured, l.maxTarget = configuredTarget(*a), a.MaxAutoTarget
	l.dailyStarts.max = a.MaxStartsPerDay
	l.outdated.settings, l.outdated.dailyStarts = true, true // the target in force, and whether all starts have been made
	l.outdated.nextJobs = true                               // those of principals with another ceiling
}

// CheckOutput asks the platform whether it may write to a configured output of an account, whatever it has answered
// before. The output is made at the platform if it is not there yet, as the first batch that uses it would do.
func (d *Dispatcher) CheckOutput(ctx context.Context, account, output string) (bitmovin.PermissionCheck, error) {
	l := d.findLoop(account)
	if l == nil {
		return bitmovin.PermissionCheck{}, fmt.Errorf("the service has no account %q", account)
	}
	return l.worker.provisioner.CheckOutput(ctx, output)
}

// ClockMoved makes every account decide anew after the machine's clock was moved. Without it a loop would wait for the
// time that it has computed before, by the other clock.
func (d *Dispatcher) ClockMoved() {
	for _, l := range d.listLoops() {
		l.clockMoved.Store(true)
		l.changes.wakeup.notify()
	}
}

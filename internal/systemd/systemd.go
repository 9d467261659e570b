// Package systemd tells the service manager how the service stands, and feeds its watchdog. Where no service
// manager listens, nothing is told.
package systemd

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Manager is the service manager that has started this process, if any.
type Manager struct {
	log      *slog.Logger
	watchdog time.Duration // after which it kills a process that does not feed the watchdog; 0: there is none
}

// New finds the service manager by the variables NOTIFY_SOCKET and WATCHDOG_USEC of the environment.
func New(log *slog.Logger) *Manager {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog of the service manager cannot be fed", "err", err)
	}
	return &Manager{log: log, watchdog: watchdog}
}

// Ready tells that the service takes calls. It also ends what [Manager.Reloading] began.
func (m *Manager) Ready() { m.tell(daemon.SdNotifyReady) }

// Reloading tells that the service takes up a new configuration, until [Manager.Ready].
func (m *Manager) Reloading() { m.tell(daemon.SdNotifyReloading) }

// Stopping tells that the service takes no more calls and is about to end.
func (m *Manager) Stopping() { m.tell(daemon.SdNotifyStopping) }

// errStuck is the cause with which a check ends that takes half of the watchdog's time.
var errStuck = errors.New("it has not answered for half of the watchdog's time")

// Feed feeds the watchdog until ctx ends, as long as check succeeds: four times as often as the service manager
// wants. A check that fails is logged, and the service manager kills the process if none succeeds in time.
func (m *Manager) Feed(ctx context.Context, check func(context.Context) error) {
	if m.watchdog <= 0 {
		return
	}
	ticker := time.NewTicker(m.watchdog / 4)
	defer ticker.Stop()
	for {
		m.feedOnce(ctx, check)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *Manager) feedOnce(ctx context.Context, check func(context.Context) error) {
	checking, cancel := context.WithTimeoutCause(ctx, m.watchdog/2, errStuck)
	defer cancel()
	err := check(checking)
	switch {
	case err == nil:
		m.tell(daemon.SdNotifyWatchdog)
	case ctx.Err() == nil:
		m.log.Error("the watchdog is not fed: the service manager will restart the service", "err", err)
	}
}

// tell sends a state to the service manager.
func (m *Manager) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.log.Warn("the service manager cannot be told how the service stands", "state", state, "err", err)
	}
}

package service

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"syscall"
	"time"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/doctor"
)

const (
	// machineInterval is how often descriptors, memory and clock are looked at.
	machineInterval = 5 * time.Second
	// clockJump is by how much the clock has to be moved for it to be told: time servers move it by less.
	clockJump = 10 * time.Second
	// Something is short when so many percent of it are used, and no longer when less than enoughAt are.
	shortAt, enoughAt = 90, 80
)

// machine watches what the service uses of the machine, and says once when something runs short, and once when it no
// longer does.
type machine struct {
	log    *slog.Logger
	onJump func() // the clock was moved

	supplies []*supply
	wall     func() time.Time // what the clock shows
	passed   func() time.Duration
	lastWall time.Time
	lastTime time.Duration // that had passed then
}

// supply is something that the process has a limited amount of.
type supply struct {
	read func() (used, limit uint64) // limit 0: there is none, or it is not known
	// note says that it runs short, or that there is enough of it again.
	note    func(ctx context.Context, short bool, used, limit uint64)
	isShort bool
}

func newMachine(log *slog.Logger, onJump func()) *machine {
	began := time.Now()
	m := &machine{
		log: log, onJump: onJump, wall: func() time.Time { return time.Now().Round(0) }, passed: func() time.Duration { return time.Since(began) },
		supplies: []*supply{
			{read: readDescriptors, note: func(ctx context.Context, short bool, used, limit uint64) {
				if !short {
					log.InfoContext(ctx, "there are enough file descriptors again", "used", used, "limit", limit)
					return
				}
				log.ErrorContext(ctx, "the file descriptors of this process run out, and new connections and calls to the platform may fail: set"+
					" LimitNOFILE=65536 in the unit, or ulimit -n; nothing is lost, and work goes on when some are free", "used", used, "limit", limit)
			}},
			{read: doctor.Memory, note: func(ctx context.Context, short bool, used, limit uint64) {
				if !short {
					log.InfoContext(ctx, "there is enough memory again", "used", used, "limit", limit)
					return
				}
				log.ErrorContext(ctx, "the memory of this process runs out: raise MemoryMax of the unit, or lower limits.receive_bytes and"+
					" limits.answer_bytes; if the system ends the process, the next one goes on where it was", "used", used, "limit", limit)
			}},
		},
	}
	m.lastWall, m.lastTime = m.wall(), m.passed()
	return m
}

func readDescriptors() (used, limit uint64) {
	used, limit, err := doctor.Descriptors()
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return limit, limit // not even one is left to count the others
	case err != nil:
		return 0, 0
	}
	return used, limit
}

// run watches until ctx ends. It returns nil.
func (m *machine) run(ctx context.Context) error {
	ticker := time.NewTicker(machineInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			m.look(ctx)
		}
	}
}

// look looks at everything once.
func (m *machine) look(ctx context.Context) {
	for _, s := range m.supplies {
		used, limit := s.read()
		switch {
		case !s.isShort && limit > 0 && used*100 >= limit*shortAt:
			s.isShort = true
			s.note(ctx, true, used, limit)
		case s.isShort && used*100 < limit*enoughAt:
			s.isShort = false
			s.note(ctx, false, used, limit)
		}
	}
	wall, passed := m.wall(), m.passed()
	by := wall.Sub(m.lastWall) - (passed - m.lastTime)
	m.lastWall, m.lastTime = wall, passed
	if by.Abs() < clockJump {
		return
	}
	m.log.WarnContext(ctx, "the clock of this machine was moved: let it follow a time server; what waits for a time is looked at anew", "by", by.Round(time.Second), "now", wall.UTC())
	m.onJump()
}

const (
	// ownDescriptors is how many descriptors a service needs besides connections of callers: job table, log,
	// and what opens files for a moment. accountDescriptors is what the calls of one account to the platform need.
	ownDescriptors, accountDescriptors = 64, 64
)

// limitConnections returns how many connections each listener may have: as many as the configuration says, and no more
// than leave the service the descriptors that it needs itself.
func limitConnections(cfg *config.Config, limit uint64, log *slog.Logger) int {
	// The default of a listener, and what nobody has to look at who has not asked for more than the default.
	const usual, enough = 10_000, 1_000
	configured := cmp.Or(cfg.Limits.Connections, usual)
	listeners := max(len(cfg.Listeners()), 1)
	own := min(ownDescriptors+accountDescriptors*len(cfg.Accounts), int(limit)/2) //nolint:gosec // a limit is far below 1<<63
	share := max((int(limit)-own)/listeners, 1)                                   //nolint:gosec // likewise
	switch {
	case limit == 0 || configured <= share:
		return configured
	case configured == usual && share >= enough:
		return share
	}
	log.Warn("fewer connections than limits.connections are taken, because the limit of file descriptors is low: set LimitNOFILE=65536 in the unit, or ulimit -n",
		"descriptors", limit, "connections", share)
	return share
}

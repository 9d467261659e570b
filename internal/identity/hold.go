package identity

import (
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/access"
)

// holds are those who hold on to principals.
type holds struct {
	mu  sync.Mutex
	all map[string]map[*hold]struct{} // by [access.Principal.CredentialID]
}

type hold struct{ end func() }

// Hold has end called, once, when the proof of p is revoked or has expired, until the caller calls release.
// end is called at once if the proof has ended already. It must not block, and may be called once more after
// release when both come at the same moment.
func (i *Identifier) Hold(p *access.Principal, end func()) (release func()) {
	release = func() {}
	if !p.ExpireTime.IsZero() {
		timer := time.AfterFunc(time.Until(p.ExpireTime), end)
		release = func() { timer.Stop() }
	}
	if p.CredentialID == "" {
		return release
	}
	h := &hold{end: end}
	i.holds.add(p.CredentialID, h)
	if i.isRevoked(p) { // since the principal was identified
		end()
	}
	stopTimer := release
	return func() {
		stopTimer()
		i.holds.remove(p.CredentialID, h)
	}
}

// Ended reports whether the proof of p was revoked, or has expired, since p was identified.
func (i *Identifier) Ended(p *access.Principal) bool {
	expired := !p.ExpireTime.IsZero() && !time.Now().Before(p.ExpireTime)
	return expired || p.CredentialID != "" && i.isRevoked(p)
}

// isRevoked reports whether a token was revoked, as far as is known.
func (t *tokenTable) isRevoked(id string) bool {
	return (*t.revoked.Load())[id]
}

func (l *holds) add(id string, h *hold) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all[id] == nil {
		l.all[id] = map[*hold]struct{}{}
	}
	l.all[id][h] = struct{}{}
}

func (l *holds) remove(id string, h *hold) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all[id], h)
	if len(l.all[id]) == 0 {
		delete(l.all, id)
	}
}

// end ends everything that holds on to proofs that count no more.
func (l *holds) end(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		for h := range l.all[id] {
			h.end()
		}
		delete(l.all, id)
	}
}

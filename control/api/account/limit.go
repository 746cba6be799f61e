package account

import (
	"sync"
	"time"
)

// How often somebody may try. A right password counts nothing.
//
// From one site (IPv4 /32, IPv6 /48, which anybody gets for nothing) ten passwords for one
// login, then one each half minute. From everywhere together three hundred for one login,
// then one each two seconds: one site alone does not spend that, so that whoever guesses
// from one does not hold the owner of a login up, who comes from another. Whoever has
// fifteen sites and keeps on does; an OIDC identity signs in meanwhile.
//
// Over all logins twenty from one address (IPv4 /32, IPv6 /64), then one each five seconds,
// and a hundred from one IPv6 /48, then one each second.
const (
	siteLoginBurst = 10
	siteLoginEvery = 30 * time.Second
	loginBurst     = 300
	loginEvery     = 2 * time.Second
	addressBurst   = 20
	addressEvery   = 5 * time.Second
	siteBurst      = 100
	siteEvery      = time.Second
)

// maxTracked bounds how many keys a limit remembers. Each costs whoever
// fills the table one Argon2id, so that filling it takes longer than a bucket takes to
// refill by itself.
const maxTracked = 10_000

// limit is a bucket of tries for each key: full at first, one more each interval. It is
// kept as the time at which the bucket is full again (GCRA).
type limit[K comparable] struct {
	burst time.Duration
	every time.Duration

	mu   sync.Mutex // guards the following
	full map[K]time.Time
}

func newLimit[K comparable](burst int, every time.Duration) *limit[K] {
	return &limit[K]{burst: time.Duration(burst) * every, every: every, full: map[K]time.Time{}}
}

// take takes one try of k, or says how long to wait for the next one.
func (l *limit[K]) take(k K, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full, known := l.full[k]
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.every)
	if over := full.Sub(now) - l.burst; over > 0 {
		return over, false
	}
	if !known && len(l.full) >= maxTracked {
		l.forget(now)
	}
	l.full[k] = full
	return 0, true
}

// giveBack returns one try of k.
func (l *limit[K]) giveBack(k K, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full, known := l.full[k]
	if !known {
		return
	}
	if full = full.Add(-l.every); !full.After(now) {
		delete(l.full, k)
		return
	}
	l.full[k] = full
}

// forget drops every bucket that is full, or else the one that is full first.
func (l *limit[K]) forget(now time.Time) {
	var soonest K
	var at time.Time
	dropped := false
	for k, full := range l.full {
		if !full.After(now) {
			delete(l.full, k)
			dropped = true
		} else if at.IsZero() || full.Before(at) {
			soonest, at = k, full
		}
	}
	if !dropped {
		delete(l.full, soonest)
	}
}

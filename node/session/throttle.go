package session

import (
	"net/netip"
	"sync"
	"time"

	"stentor/control/webinar"
)

// Limits are what one network may do at the door of one edge: an IPv4 address or an IPv6
// /64, and a /48 four times as much. Nobody has to prove anything for it, so that what
// one person asks for stays bounded. Of each field zero is the default, and negative is
// no limit. Who comes over the loopback interface is not limited: that is the operator, or
// a proxy that does not say for whom.
type Limits struct {
	// Burst is how many may come at once, and PerSecond how many after that. A class-room
	// or an office is behind one address: 120, and 4.
	//
	// It is joins, and connections with a secret or a PIN. Of what comes with a token,
	// which was given out at a join, ten times as much is let through: each page asks for
	// a fresh one every few minutes.
	Burst     int
	PerSecond float64
	// Sessions bounds the live sessions of guests in one webinar whom nothing else names:
	// 400, which is 200 pages.
	Sessions int
}

const (
	wideShare  = 4  // of a /48, in networks
	tokenShare = 10 // of what comes with a token, in joins
)

func (l Limits) withDefaults() Limits {
	if l.Burst == 0 {
		l.Burst = 120
	}
	if l.PerSecond == 0 {
		l.PerSecond = 4
	}
	if l.Sessions == 0 {
		l.Sessions = 400
	}
	return l
}

// throttle is one token bucket per network. The zero value lets everybody through.
type throttle struct {
	burst, rate float64 // rate: a second

	mu sync.Mutex // guards the following
	by map[netip.Prefix]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// maxBuckets bounds the networks that are remembered, in some megabytes: those that have
// been quiet for long enough are as if they had never come.
const maxBuckets = 1 << 16

// newThrottle returns the buckets for share times as much as l says.
func newThrottle(l Limits, share float64) *throttle {
	if l.Burst < 0 || l.PerSecond < 0 {
		return &throttle{}
	}
	return &throttle{burst: share * float64(l.Burst), rate: share * l.PerSecond, by: make(map[netip.Prefix]bucket)}
}

// pass takes one from the buckets of who comes from a, and reports false if one is empty.
func (t *throttle) pass(a netip.Addr, now time.Time) bool {
	narrow, wide := networks(a)
	if t.by == nil || !narrow.IsValid() {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.by) >= maxBuckets-1 {
		t.prune(now)
	}
	if wide.IsValid() {
		left := t.left(wide, now)
		if left < 1 {
			return false
		}
		if t.left(narrow, now) >= 1 {
			t.by[wide] = bucket{left - 1, now}
		}
	}
	left := t.left(narrow, now)
	if left < 1 {
		return false
	}
	t.by[narrow] = bucket{left - 1, now}
	return true
}

// left is what a bucket holds at now. t.mu is held.
func (t *throttle) left(p netip.Prefix, now time.Time) float64 {
	share := 1.0
	if p.Bits() == wideBits {
		share = wideShare
	}
	b, ok := t.by[p]
	if !ok {
		return share * t.burst
	}
	return min(share*t.burst, b.left+share*t.rate*max(0, now.Sub(b.at).Seconds()))
}

// prune forgets the buckets that are full again; if all are in use, the half of them
// that was used longest ago. t.mu is held.
func (t *throttle) prune(now time.Time) {
	oldest := now
	for p, b := range t.by {
		if t.left(p, now) >= t.burst {
			delete(t.by, p)
		} else if b.at.Before(oldest) {
			oldest = b.at
		}
	}
	if len(t.by) < maxBuckets/2 {
		return
	}
	middle := oldest.Add(now.Sub(oldest) / 2)
	for p, b := range t.by {
		if !b.at.After(middle) {
			delete(t.by, p)
		}
	}
}

// wideBits is the prefix that one customer of an IPv6 network is given at most.
const wideBits = 48

// networks are what an address is limited by; wide is of IPv6 alone. Neither is valid
// for who is not limited.
func networks(a netip.Addr) (narrow, wide netip.Prefix) {
	if a = a.Unmap(); !a.IsValid() || a.IsLoopback() {
		return netip.Prefix{}, netip.Prefix{}
	}
	if a.Is6() {
		wide, _ = a.Prefix(wideBits)
	}
	return webinar.Prefix(a), wide
}

// anonymous reports whether nothing but the network tells this guest from others.
func (c claims) anonymous() bool {
	return c.Guest && c.InviteID == "" && c.Registration == "" && c.Account == ""
}

// from is the network that a session counts for; not valid for one that does not count.
func (s *Session) from() netip.Prefix {
	if !s.claims.anonymous() {
		return netip.Prefix{}
	}
	narrow, _ := networks(s.remote)
	return narrow
}

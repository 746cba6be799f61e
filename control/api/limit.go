package api

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"stentor/control/webinar"
)

// Limit is how often something may happen: Burst at once, and one more each Every. The
// zero Limit is none.
type Limit struct {
	Burst int
	Every time.Duration
}

// Limits are how often the API may be asked. Zero ones are the defaults.
type Limits struct {
	// Public is for each address (IPv4 /32, IPv6 /64), over all that everybody may ask:
	// a class-room behind one address signs up within a minute.
	Public Limit
	// Principal is for each API token, account or participant: a script that goes through
	// a list as fast as it can.
	Principal Limit
	// Streams is how many streams of events one principal can hold open.
	Streams int
}

func (l *Limits) complete() {
	if l.Public == (Limit{}) {
		l.Public = Limit{Burst: 60, Every: 500 * time.Millisecond}
	}
	if l.Principal == (Limit{}) {
		l.Principal = Limit{Burst: 300, Every: 20 * time.Millisecond}
	}
	if l.Streams == 0 {
		l.Streams = 16
	}
}

// maxBuckets bounds what is remembered of those who asked. Whoever fills it, with as
// many networks, makes others' counts begin anew, and gains nothing for itself.
const maxBuckets = 20_000

// buckets counts by key how often something happened.
type buckets[K comparable] struct {
	limit Limit
	max   int

	mu sync.Mutex // guards the following
	by map[K]bucket
}

// bucket is full, at limit.Burst, from the time full on; each thing that happens puts
// that off by limit.Every.
type bucket struct{ full time.Time }

func newBuckets[K comparable](l Limit) *buckets[K] {
	return &buckets[K]{limit: l, max: maxBuckets, by: map[K]bucket{}}
}

// take counts one for key. Otherwise it says when there will be one again.
func (b *buckets[K]) take(key K, now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	full := b.by[key].full
	if full.Before(now) {
		full = now
	}
	full = full.Add(b.limit.Every)
	if over := full.Sub(now) - time.Duration(b.limit.Burst)*b.limit.Every; over > 0 {
		return over, false
	}
	if _, there := b.by[key]; !there && len(b.by) >= b.max {
		b.drop(now)
	}
	b.by[key] = bucket{full}
	return 0, true
}

// drop forgets those that are full again, and, if none is, half of all.
func (b *buckets[K]) drop(now time.Time) {
	for k, v := range b.by {
		if !v.full.After(now) {
			delete(b.by, k)
		}
	}
	for k := range b.by {
		if len(b.by) <= b.max/2 {
			return
		}
		delete(b.by, k)
	}
}

// within counts the request of p, or of the network that it comes from, and refuses it
// if there were too many.
func (a *API) within(r Route, p Principal, request *http.Request) error {
	var wait time.Duration
	ok := true
	switch {
	case r.Right.open():
		wait, ok = a.public.take(network(a.Remote(request)), a.Now())
	case p.Way != "":
		wait, ok = a.principals.take(string(p.Way)+":"+p.ID, a.Now())
	}
	if ok {
		return nil
	}
	return tooManyRequests(wait)
}

// network is what one address counts for.
func network(a netip.Addr) netip.Prefix { return webinar.Prefix(a) }

// limited is a refusal that says when to come back.
type limited struct {
	error
	after time.Duration
}

func tooManyRequests(after time.Duration) error {
	return limited{refuse(codeTooManyRequests, ""), after}
}

// seconds is a Retry-After (RFC 9110, section 10.2.3): at least one.
func (l limited) seconds() string {
	return strconv.Itoa(max(1, int(math.Ceil(l.after.Seconds()))))
}

// Unwrap returns the refusal.
func (l limited) Unwrap() error { return l.error }

// remote is the address that a request comes from, where nobody stands before us.
func remote(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

package node

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"stentor/node/sfu"
	"stentor/relay"
	"stentor/relay/wire"
)

const (
	// probeFor is how long a connection lives that a preflight makes to see whether media would get through. A page waits
	// for six seconds, which are four repetitions of what TCP loses at first.
	probeFor = 8 * time.Second
	// maxProbes bounds such connections: each costs a quarter of a megabyte, and anybody may ask.
	maxProbes = 16
	// maxProbesEach bounds those of one address: by UDP and by TCP, of two people behind it.
	maxProbesEach = 4
	// maxProbeOffer bounds the offer, of one section of audio.
	maxProbeOffer = 16 << 10
)

// prober is what probes need of the SFU.
type prober func(ctx context.Context, offer string, sink sfu.Sink, allowed sfu.Allowed) (*sfu.Publisher, error)

// probes are the connections that preflights make: with ICE and DTLS as those of publishers, and without media.
type probes struct {
	publish prober

	mu  sync.Mutex // guards the following
	all int
	by  map[netip.Addr]int
}

func newProbes(p prober) *probes { return &probes{publish: p, by: make(map[netip.Addr]int)} }

// begin counts one more of an address, if that is not too many.
func (p *probes) begin(from netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= maxProbes || p.by[from] >= maxProbesEach {
		return false
	}
	p.all++
	p.by[from]++
	return true
}

func (p *probes) end(from netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.by[from]--; p.by[from] == 0 {
		delete(p.by, from)
	}
}

// ServeHTTP answers POST /preflight/udp and /preflight/tcp: an SDP offer, by an answer that names no other way to this
// node than that. Where the node has none it is 404.
func (p *probes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	address, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero one counts like any other
	from := address.Addr().Unmap()
	if !p.begin(from) {
		w.Header().Set("Retry-After", "8")
		http.Error(w, "too many checks at once", http.StatusTooManyRequests)
		return
	}
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxProbeOffer))
	if err != nil {
		p.end(from)
		http.Error(w, "too large, or cut off", http.StatusRequestEntityTooLarge)
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), probeFor)
	conn, err := p.publish(ctx, string(offer), noMedia{}, func() (audio, video bool) { return false, false })
	if err != nil {
		stop()
		p.end(from)
		http.Error(w, "the offer cannot be answered", http.StatusBadRequest)
		return
	}
	go func() {
		<-conn.Gone()
		stop()
		p.end(from)
	}()
	answer, found := onlyBy(r.PathValue("way"), conn.Answer())
	if !found {
		conn.Close()
		http.Error(w, "this node has no such way", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/sdp")
	_, _ = io.WriteString(w, answer) // a page that is gone does not want it
}

// onlyBy leaves of the candidates of an answer (RFC 8839 section 5.1) those of one transport, and reports whether there are any.
func onlyBy(transport, answer string) (kept string, found bool) {
	var b strings.Builder
	for line := range strings.Lines(answer) {
		if rest, ok := strings.CutPrefix(line, "a=candidate:"); ok {
			f := strings.Fields(rest)
			if len(f) < 3 || !strings.EqualFold(f[2], transport) {
				continue
			}
			found = true
		}
		b.WriteString(line)
	}
	return b.String(), found
}

// noMedia is a sink that takes nothing: the connection ends with the first packet.
type noMedia struct{}

var errNoMedia = errors.New("node: a preflight sends no media")

func (noMedia) Track(string, wire.TrackInfo, func(int)) (*relay.Track, error) { return nil, errNoMedia }

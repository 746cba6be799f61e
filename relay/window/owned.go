package window

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

// settle is how long [Windows.Own] waits at most for the connection to notice.
const settle = 50 * time.Millisecond

// A trace is what quic-go tells about one connection.
type trace struct{ window atomic.Pointer[Window] }

func (t *trace) AddProducer() qlogwriter.Recorder { return t }

// RecordEvent hears of everything that happens to a connection. Most of it comes from the connection's own goroutine, but
// not all (a stream's priority is recorded by whoever sets it): it acts on events that only the sender makes.
func (t *trace) RecordEvent(e qlogwriter.Event) {
	switch e.(type) {
	case qlog.MetricsUpdated: // a packet was sent, or some were acknowledged
		if x := t.window.Load(); x != nil {
			x.update()
		}
	case qlog.PacketSent, qlog.PacketReceived: // the last that quic-go records of a packet: what it has begun for one is over
		if x := t.window.Load(); x != nil {
			x.hush()
		}
	case qlog.SpuriousLoss:
		if x := t.window.Load(); x != nil {
			x.spurious.Add(1)
		}
	}
}

// Close does nothing: what is kept goes with the connection.
func (t *trace) Close() error { return nil }

// Stats is what is known of a connection's way to the other side. Rates and losses are of that direction only.
type Stats struct {
	Rate        uint64        // bits per second that the path was seen to deliver at least: the maximum of 2.5 s
	Pacing      uint64        // bits per second at which packets leave when many wait
	MinRTT, RTT time.Duration // the least of the last ten seconds, and smoothed (RFC 9002, section 5.3)
	Loss        float64       // share of bytes that were lost in the last second, 0 when there were few
	Window      int           // bytes that may be in flight
	InFlight    int           // bytes that are
	Congested   bool          // a queue was seen of late, or heavy loss
	Sent, Lost  uint64        // packets so far; Sent counts acknowledgements too
	Spurious    uint64        // packets so far that counted as lost and arrived late
	Delivered   uint64        // bytes so far that were acknowledged, since the window is ours
}

// A Window is the congestion window of one connection.
type Window struct {
	start   time.Time
	sender  *sender       // used by the connection's goroutine
	rule    *rule         // used by the connection's goroutine
	begun   bool          // used by the connection's goroutine
	hushed  bool          // used by the connection's goroutine
	adopted chan struct{} // closed when hushed is set

	waiting  atomic.Bool // whether Own waits, so that nobody else uses the connection
	primed   atomic.Int64
	spurious atomic.Uint64

	mu    sync.Mutex // guards the following
	stats Stats
	at    time.Duration // of stats
}

// settle waits until the connection's goroutine has taken the window over.
func (x *Window) settle(conn *quic.Conn, nudge []byte) {
	x.waiting.Store(true)
	if err := conn.SendDatagram(nudge); err == nil {
		timeout := time.NewTimer(settle)
		defer timeout.Stop()
		select {
		case <-x.adopted:
		case <-conn.Context().Done():
		case <-timeout.C:
		}
	}
	if !x.waiting.CompareAndSwap(true, false) {
		<-x.adopted // it is being done right now
	}
}

// update runs in the connection's goroutine, after a packet was sent or some were acknowledged.
func (x *Window) update() {
	if !x.sender.freeze() {
		return
	}
	now := x.sender.reading(time.Since(x.start))
	x.rule.prime(int(x.primed.Load()))
	if x.begun {
		x.rule.observe(now)
	} else {
		x.rule.begin(now)
	}
	x.sender.apply(x.rule.window, x.rule.pacing)
	x.publish(now)
	x.begun = true
}

// hush ends the recording of single packets once the window is ours. It must not be done by update: an acknowledgement is
// handled in the middle of a packet, of which quic-go records the arrival afterwards without looking again whether it
// still is to.
func (x *Window) hush() {
	if !x.begun || x.hushed {
		return
	}
	x.hushed = true
	if x.waiting.CompareAndSwap(true, false) {
		x.sender.quiet()
	}
	close(x.adopted)
}

func (x *Window) publish(now reading) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.at = now.now
	x.stats = Stats{
		Rate: x.rule.rate(), Pacing: x.rule.pacing, MinRTT: x.rule.shortestTrip(), RTT: now.smoothed,
		Loss: x.rule.loss.share(now.now), Window: x.rule.window, InFlight: now.inFlight,
		Congested: x.rule.careful(now.now), Delivered: x.rule.delivered,
	}
}

// Stats returns what is known now. It is for any goroutine.
func (x *Window) Stats() Stats {
	x.mu.Lock()
	s, at := x.stats, x.at
	x.mu.Unlock()
	if time.Since(x.start)-at > time.Second { // nothing was sent or acknowledged
		s.Loss = 0
	}
	s.Sent, s.Lost = x.sender.packets()
	s.Spurious = x.spurious.Load()
	return s
}

// Prime opens the window to at least that many bytes from the next packet on, as long as the path is healthy: neither
// heavy loss nor a queue. It is for a standby, which must carry a stream at once when its time comes and has sent too
// little to know what its path can do. It is bounded by 2 MiB; 0 ends it. It is for any goroutine.
func (x *Window) Prime(bytes int) { x.primed.Store(int64(bytes)) }

// Package window owns the congestion window of QUIC connections that carry live media.
//
// Quic-go has NewReno and nothing else. It halves its rate, roughly, for each loss, and needs one round trip for each
// packet by which it grows again: 20 Mbps over 150 ms with one lost packet in a thousand deliver no 4K frame in time. This
// package decides by what a path delivers instead, as BBR does, and takes random loss for what it is (see [Window] for
// what is known of a path, DESIGN.md for the rule and what was measured).
//
// Quic-go offers no place for that. So a recorder of qlog events, which quic-go calls inside the connection's own
// goroutine, writes the window into the sender's memory: unsafe.go, which is the only file that does. New tries it on a
// connection with itself; where anything is not as it was in quic-go [Version], every connection keeps stock behaviour,
// an alarm is in the log and stentor_relay_window_owned is 0. DESIGN.md says what quic-go would have to offer so that
// this can go.
//
// It does not choose what is sent, does not touch connections that nobody asked it to own, and answers to no loss but a
// heavy one: what does not fit must be shed by the sender, who knows what matters.
package window

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlogwriter"
)

// Config is what Windows need. The zero value works.
type Config struct {
	Logger     *slog.Logger          // default: none
	Registerer prometheus.Registerer // default: none
}

// Windows are the congestion windows of the connections of a node.
type Windows struct {
	log    *slog.Logger
	layout *layout // nil: quic-go is not as expected
	start  time.Time

	connections prometheus.Gauge
	refused     prometheus.Counter
}

// New returns the windows of a node, after having tried, on a connection in memory, that quic-go is as this package takes
// it to be. When it is not, [Windows.Own] owns nothing. It takes some milliseconds and leaves nothing running.
func New(c Config) *Windows { return newWindows(c, check) }

func newWindows(c Config, check func() (*layout, error)) *Windows {
	w := &Windows{
		log: c.Logger, start: time.Now(),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "stentor_relay_window_connections", Help: "Connections whose congestion window is this node's own."}),
		refused:     prometheus.NewCounter(prometheus.CounterOpts{Name: "stentor_relay_window_refused_total", Help: "Connections that kept quic-go's congestion window though they should not have."}),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	layout, err := check()
	if err != nil {
		w.log.Error("congestion windows stay quic-go's own: live video suffers on paths that lose packets", "err", err,
			"wants", module+"@"+Version)
	}
	w.layout = layout
	owned := prometheus.NewGauge(prometheus.GaugeOpts{Name: "stentor_relay_window_owned", Help: "Whether the congestion windows of links are this node's own (1), or quic-go's since it is not the expected version (0)."})
	if layout != nil {
		owned.Set(1)
	}
	if c.Registerer != nil {
		c.Registerer.MustRegister(owned, w.connections, w.refused)
	}
	return w
}

// Tracer is a [quic.Config] Tracer: connections that are made with it can be owned. One that never is keeps stock
// behaviour; quic-go records its packets for nobody, which costs three small allocations for each.
func (w *Windows) Tracer(ctx context.Context, isClient bool, id quic.ConnectionID) qlogwriter.Trace {
	if w.layout == nil {
		return nil
	}
	return &trace{}
}

// Own makes the window of conn this package's until it ends, and returns it. It returns nil, and nothing changes, when
// conn was made without the Tracer or quic-go is not as expected; a second call returns the same as the first.
//
// It sends nudge, a datagram that the other side passes over (a heartbeat of the relay), and waits for it to leave, which takes microseconds (and no more than settle on a
// connection that cannot send); from then on quic-go records nothing about single packets. Until it returns no other
// goroutine may set the priority of a stream of conn.
func (w *Windows) Own(conn *quic.Conn, nudge []byte) *Window {
	t, ok := conn.QlogTrace().(*trace)
	if !ok || w.layout == nil {
		return w.refuse("the connection was made without the tracer", nil)
	}
	if x := t.window.Load(); x != nil {
		return x
	}
	s, err := w.layout.sender(conn)
	if err != nil {
		return w.refuse("the connection is not as expected", err)
	}
	x := &Window{sender: s, rule: newRule(), start: w.start, adopted: make(chan struct{})}
	if !t.window.CompareAndSwap(nil, x) {
		return t.window.Load()
	}
	w.connections.Inc()
	context.AfterFunc(conn.Context(), w.connections.Dec)
	x.settle(conn, nudge)
	return x
}

// refuse counts a connection that is not owned; with a layout it is somebody's mistake.
func (w *Windows) refuse(why string, err error) *Window {
	w.refused.Inc()
	if w.layout != nil {
		w.log.Warn("a link keeps quic-go's congestion window", "why", why, "err", err)
	}
	return nil
}

// Package window owns the congestion window of the mesh's QUIC connections.
package window

import (
	"time"

	"github.com/quic-go/quic-go"
)

// Windows are the windows of all connections of a node.
type Windows struct{}

// A Window is the congestion window of one connection.
type Window struct{}

// Stats is what is known of a connection's way.
type Stats struct {
	Rate        uint64 // bits per second that were delivered, filtered by maximum
	MinRTT, RTT time.Duration
	Loss        float64 // share of packets, of about the last second
	Window      int     // bytes
	InFlight    int     // bytes
	Sent, Lost  uint64  // packets
}

// Own makes the window of conn this package's.
func (w *Windows) Own(conn *quic.Conn) *Window { return nil }

// Stats returns what is known now.
func (x *Window) Stats() Stats { return Stats{} }

// Prime opens the window by at least that many bytes.
func (x *Window) Prime(bytes int) {}

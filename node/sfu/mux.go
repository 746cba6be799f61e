package sfu

import (
	"errors"
	"net"

	"github.com/pion/ice/v4"
)

// advertisedMux shares one UDP socket among all connections, told apart by the
// user fragment of their STUN checks, and offers as candidates exactly the
// addresses that the operator advertises: a node behind a load balancer or a
// 1:1 NAT does not know them by looking at its interfaces.
type advertisedMux struct {
	*ice.UDPMuxDefault
	local       *net.UDPAddr
	candidates  []net.Addr
	unspecified bool
}

func newAdvertisedMux(cfg Config, logs pionLogs, conn *inlet) (*advertisedMux, error) {
	local, ok := cfg.Conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("sfu: Conn is not a UDP socket")
	}
	m := &advertisedMux{local: local, unspecified: local.IP.IsUnspecified()}
	for _, a := range cfg.Advertise {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
			return nil, errors.New("sfu: cannot advertise " + a.String())
		}
		m.candidates = append(m.candidates, &net.UDPAddr{IP: a.Unmap().AsSlice(), Port: local.Port, Zone: a.Zone()})
	}
	m.UDPMuxDefault = ice.NewUDPMuxDefault(ice.UDPMuxParams{
		UDPConn: conn, Net: cfg.Net, Logger: logs.NewLogger("mux"),
	})
	return m, nil
}

// GetListenAddresses returns the addresses of the host candidates.
func (m *advertisedMux) GetListenAddresses() []net.Addr { return m.candidates }

// GetConn returns the part of the socket that belongs to a user fragment. A
// socket that is bound to one address serves every candidate from there.
func (m *advertisedMux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	if !m.unspecified {
		addr = m.local
	}
	return m.UDPMuxDefault.GetConn(ufrag, addr)
}

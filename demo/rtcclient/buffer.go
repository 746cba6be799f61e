package rtcclient

import (
	"net"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// receiveBuffer is what sockets ask the kernel for: a server sends the last group of
// pictures at once when a viewer comes, half a megabyte of 4K. The kernel may give
// less (net.core.rmem_max); what is lost then is asked for again.
const receiveBuffer = 2 << 20

// roomy is the machine's network with larger receive buffers.
type roomy struct{ *stdnet.Net }

// ListenUDP opens a socket for ICE.
func (r roomy) ListenUDP(network string, addr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := r.Net.ListenUDP(network, addr)
	if err == nil {
		_ = c.SetReadBuffer(receiveBuffer) // best effort: see receiveBuffer
	}
	return c, err
}

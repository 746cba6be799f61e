package demo

import (
	"fmt"
	"io"
	"net"
)

// freePorts returns n ports of each kind that nobody listens on at the loopback
// address. All are held until all are known, so that none comes twice; another
// program may still take one before its node does.
func freePorts(n int) (tcp, udp []int, err error) {
	var held []io.Closer
	defer func() {
		for _, h := range held {
			h.Close()
		}
	}()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, fmt.Errorf("demo: no free port: %w", err)
		}
		held = append(held, l)
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, fmt.Errorf("demo: no free port: %w", err)
		}
		held = append(held, c)
		tcp = append(tcp, l.Addr().(*net.TCPAddr).Port)
		udp = append(udp, c.LocalAddr().(*net.UDPAddr).Port)
	}
	return tcp, udp, nil
}

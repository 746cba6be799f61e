package mesh

import (
	"time"

	"github.com/quic-go/quic-go"
)

// QUICConfig is how connections of the mesh are set up. Each constant argues:
func QUICConfig() *quic.Config {
	return &quic.Config{
		Versions: []quic.Version{quic.Version1},
		// Three of the longest round trips with loss; more would hold up a
		// re-parenting that tries the next candidate.
		HandshakeIdleTimeout: 3 * time.Second,
		// With the keep-alive before it (RFC 9000, 10.1) a dead peer is forgotten
		// in 5 s. Media does not wait for it (the relay has heartbeats of its
		// own); calls and Raft have deadlines.
		MaxIdleTimeout: 4 * time.Second,
		// Keeps NAT bindings open, and three losses in a row do not end a link.
		KeepAlivePeriod: time.Second,
		// A stream holds one frame: a 4K key frame is 0.5 to 2 MB, and must not
		// wait for a window update half a round trip away.
		InitialStreamReceiveWindow: 2 << 20,
		MaxStreamReceiveWindow:     8 << 20,
		// 1 Gbps for 250 ms is 31 MB; memory is only used when data is there.
		InitialConnectionReceiveWindow: 8 << 20,
		MaxConnectionReceiveWindow:     48 << 20,
		// A stream for each frame and layer: 50 tracks of three layers at 30
		// frames a second are 4,500 a second, and live for a round trip or until
		// their deadline.
		MaxIncomingUniStreams: 8192,
		// The relay gives streams that are over back many at a time (relay/credit.go), calls and others each at once.
		RequireStreamCreditRelease: true,
		// Calls and Raft: far above what is seen, below what hurts.
		MaxIncomingStreams: 1024,
		// Audio and heartbeats.
		EnableDatagrams: true,
		// A frame whose deadline passed keeps its header (which frame died).
		EnableStreamResetPartialDelivery: true,
		// Spares the Retry round trip to who was here before.
		TokenStore: quic.NewLRUTokenStore(256, 2),
	}
}

package rtcclient

import (
	"encoding/binary"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	// nackEvery is how often missing packets are asked for, and askAgain how long an
	// answer may take before one is asked for once more.
	nackEvery = 20 * time.Millisecond
	askAgain  = 80 * time.Millisecond
)

// repairs hands on the packets that come by RTX (RFC 4588) as they were.
//
// Pion would do that too, but its queue holds fifty, is emptied only when an ordinary
// packet arrives, and does not tell its NACK generator. Half a key frame that was lost
// in one burst would stay lost, and be asked for ten times.
type repairs struct {
	interceptor.NoOp
	payload uint8 // payload type of the repair format
	restore func(*rtp.Packet)
}

// NewInterceptor makes repairs its own factory: there is one connection.
func (r *repairs) NewInterceptor(string) (interceptor.Interceptor, error) { return r, nil }

// BindRemoteStream looks at what a stream brings; the reader gets it as well.
func (r *repairs) BindRemoteStream(_ *interceptor.StreamInfo, from interceptor.RTPReader) interceptor.RTPReader {
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, a, err := from.Read(b, a)
		if err == nil && n > 1 && b[1]&0x7f == r.payload {
			if p := restored(append([]byte(nil), b[:n]...)); p != nil {
				r.restore(p)
			}
		}
		return n, a, err
	})
}

// restored takes a packet out of its RTX packet: the old sequence number stands
// before the payload. It returns nil for padding and for what is no RTP. SSRC and
// payload type stay those of the repair stream; nobody here looks at them.
func restored(b []byte) *rtp.Packet {
	p := &rtp.Packet{}
	if p.Unmarshal(b) != nil || len(p.Payload) < 2 {
		return nil
	}
	p.SequenceNumber = binary.BigEndian.Uint16(p.Payload)
	p.Payload = p.Payload[2:]
	return p
}

// nackFor is the request for missing packets of a source, nil if none are.
func nackFor(media uint32, missing []uint16) []rtcp.Packet {
	if len(missing) == 0 {
		return nil
	}
	return []rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: media, Nacks: rtcp.NackPairsFromSequenceNumbers(missing)}}
}

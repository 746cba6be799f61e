package rtp

import "encoding/binary"

// AppendRTX writes the retransmission (RFC 4588 section 4) of packet, which is a whole RTP packet as it went
// to the viewer: the same header with the SSRC, payload type and sequence number of the retransmission
// stream, then the original sequence number, then the payload. Padding is left out. It reports false, and
// writes nothing, when packet is not RTP.
func AppendRTX(dst, packet []byte, ssrc uint32, payloadType uint8, seq uint16) ([]byte, bool) {
	p, err := Parse(packet)
	if err != nil {
		return dst, false
	}
	start := len(dst)
	dst = append(dst, packet[:p.header]...)
	head := dst[start:]
	head[0] &^= 0x20
	head[1] = head[1]&0x80 | payloadType&0x7f
	binary.BigEndian.PutUint16(head[2:], seq)
	binary.BigEndian.PutUint32(head[8:], ssrc)
	dst = append(dst, packet[2], packet[3])
	return append(dst, p.Payload()...), true
}

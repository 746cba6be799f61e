// Package wire is the format in which two neighbours of the mesh speak on a relay link (ALPN stentor-relay/1):
// what stands on the control stream, on the streams of video frames, and in datagrams.
//
// It is pure: it turns values into bytes and bytes into values. Numbers are QUIC variable-length integers
// (RFC 9000 section 16) in their shortest form, written v below; u8 and u16 are fixed, big endian. Text is a
// v of its length and that many bytes of UTF-8.
//
// The control stream is the one bidirectional stream, opened by the side that dialled. Both sides begin with
// Hello. Each message is
//
//	+------+-----------+----------------+
//	| u8   | u16       | length bytes   |
//	| type | length    | body           |
//	+------+-----------+----------------+
//
//	01 Hello        v version, v least version, text node
//	02 Subscribe    v alias, text webinar, text stream, text name, u8 flags, v n, n x { u8 layer, v from frame }
//	03 Unsubscribe  v alias
//	04 KeyFrame     v alias, u8 layer
//	05 Accept       v alias, v epoch, v instance, v delay (us), v n, n x text node, info
//	06 Reject       v alias, u8 code
//	07 Gone         v alias, u8 code
//	81 Leaving      (nothing)                                                                  since version 2
//	82 Shed         v alias, u8 layer, u8 off                                                  since version 2
//	83 Report       v packets sent, v packets lost, v bits per second, v window (bytes)        since version 2
//
//	info            u8 kind, text mime, v clock, u8 channels, text fmtp, u8 payload type,
//	                v n, n x { u8 id, text uri }, v n, n x { text rid, v width, v height, v bits per second }
//
// An alias is chosen by the side that subscribes, counted up and never used twice on a link. 02 to 04 go from the
// subscriber to its parent, 05 to 07 and 82 back, 81 and 83 either way. Subscribe with a known alias changes what is wanted; Accept with a known
// alias changes path and delay.
//
// A frame of video, or a message of data, is one unidirectional stream (a packet that comes after its frame was ended gets
// another):
//
//	+------+-------+-------+-------+-------+------+-----------+---------+----------------------------
//	| 'F'  | v     | u8    | u8    | v     | v    | v         | v       | { u16 length, RTP packet }
//	| 0x46 | alias | layer | flags | frame | time | first seq | capture | ... until the stream ends
//	+------+-------+-------+-------+-------+------+-----------+---------+----------------------------
//
// flags: 1 key frame (of data: the sender has nothing before it), 2 switch point, 4 discardable. Frame, time and first seq
// are extended to 64 bits, of which 62 can be used. Capture is Unix microseconds, 0 when unknown.
//
// A stream that begins with 'P' (0x50) is padding, since version 2: it is read and dropped.
//
// A datagram is one of
//
//	+------+-------+-----+------------+      +------+-------+
//	| 'A'  | v     | v   | RTP packet |      | 'H'  | v     |
//	| 0x41 | alias | seq | (audio)    |      | 0x48 | count |  heartbeat
//	+------+-------+-----+------------+      +------+-------+
//
// A node that cannot parse a control message or the header of a frame ends the link and says which rule was broken. A
// message type from 0x80 up is skipped when unknown, so a later version can add what an older one may ignore; what it
// may not ignore needs a higher version in Hello. An unknown datagram is dropped. Kind 3 (data, since version 2) is what may
// not be ignored: to a neighbour of version 1 such a track does not exist.
package wire

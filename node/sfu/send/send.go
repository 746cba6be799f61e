// Package send is the way of RTP packets out of this node: it seals them (SRTP with
// AES-GCM, RFC 7714) where they lie in an arena, joins runs of equal size to one
// message of the kernel's (UDP_SEGMENT), and hands a viewer's batch over with one
// system call that never waits. A [Reader] takes in what comes the other way in
// batches too.
//
// The parts stand alone, so that each can be fuzzed and measured without the rest:
// a [Handshake] overhears a DTLS session's keys, a [Session] and its [Stream]s seal,
// a [Batch] holds sealed packets, and a [Socket] sends it to a [Dest].
//
// The package knows no viewers, tracks or layers, starts no goroutine, and speaks
// neither ICE nor DTLS nor RTCP: that stays pion's. It seals with AES-GCM only, and
// goes out by UDP only; whoever needs another cipher or transport has pion's own
// path.
package send

import "errors"

// MaxPacket is the longest RTP packet that can be sent, with its tag: what is read
// is at most 1,600 bytes, and a viewer's header may be a little longer than a
// publisher's.
const MaxPacket = 1600 + 64 + tagLength

// tagLength is the tag of AES-GCM behind the payload (RFC 7714 section 13.1).
const tagLength = 16

// Errors of sealing. All of them mean that the packet must not go out.
var (
	ErrNoKeys  = errors.New("send: the handshake gave no keys of AES-GCM")
	ErrTaken   = errors.New("send: the SSRC has a writer already")
	ErrPacket  = errors.New("send: not an RTP packet of this stream")
	ErrReused  = errors.New("send: the sequence number was used before, or is too old to tell")
	ErrWornOut = errors.New("send: the key has sealed as many packets as it may")
)

package sfu

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// A door is where viewers wait between their answer and their first connectivity check.
// Until then there is nothing of them but a line in this table: a PeerConnection costs
// a quarter of a megabyte and a dozen goroutines, and who only asks and never comes is
// not to have that. A check is believed when it names a user fragment that was given out
// and its MESSAGE-INTEGRITY was made with the password that goes with it (RFC 8445
// section 7.3, RFC 8489 section 14.5): by somebody who has read the answer.
type door struct {
	results *prometheus.CounterVec
	count   atomic.Int64 // of waiting, so that nobody pays for an empty table

	mu      sync.RWMutex // guards the following
	waiting map[string]*guest
}

// A guest is one who waits.
type guest struct {
	password string
	enter    func(first letter) // called once, and must not wait
}

func newDoor(m *metrics) *door { return &door{results: m.knocks, waiting: make(map[string]*guest)} }

// expect lists a guest under the user fragment that it was given.
func (d *door) expect(ufrag string, g *guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting[ufrag] == nil {
		d.count.Add(1)
	}
	d.waiting[ufrag] = g
}

// forget takes a guest off the list.
func (d *door) forget(ufrag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting[ufrag] != nil {
		d.count.Add(-1)
		delete(d.waiting, ufrag)
	}
}

// knock takes a packet, if it is a check of somebody who waits.
func (d *door) knock(packet []byte, from netip.AddrPort) bool {
	if d.count.Load() == 0 {
		return false
	}
	ufrag, signed, mac := readCheck(packet)
	if ufrag == nil {
		return false
	}
	d.mu.RLock()
	g := d.waiting[string(ufrag)]
	d.mu.RUnlock()
	if g == nil {
		return false
	}
	if !hmac.Equal(integrity(g.password, signed), mac) {
		d.results.WithLabelValues("forged").Inc()
		return true
	}
	d.forget(string(ufrag))
	d.results.WithLabelValues("entered").Inc()
	g.enter(letter{bytes.Clone(packet), from})
	return true
}

// readCheck reads a STUN binding request (RFC 8489 section 5): the receiver's half of
// its USERNAME, and its MESSAGE-INTEGRITY with what that was made of, the length not yet
// set. It returns nil for whatever else a packet is.
func readCheck(packet []byte) (ufrag, signed, mac []byte) {
	const header, cookie, request = 20, 0x2112A442, 0x0001
	const username, integrity = 0x0006, 0x0008
	if len(packet) < header || binary.BigEndian.Uint16(packet) != request || binary.BigEndian.Uint32(packet[4:]) != cookie {
		return nil, nil, nil
	}
	if int(binary.BigEndian.Uint16(packet[2:])) != len(packet)-header {
		return nil, nil, nil
	}
	for at := header; at+4 <= len(packet); {
		kind, n := binary.BigEndian.Uint16(packet[at:]), int(binary.BigEndian.Uint16(packet[at+2:]))
		if at+4+n > len(packet) {
			return nil, nil, nil
		}
		value := packet[at+4 : at+4+n]
		switch {
		case kind == username:
			ufrag, _, _ = bytes.Cut(value, []byte(":"))
		case kind == integrity && n == sha1.Size:
			return ufrag, packet[:at], value // what stands behind it is not signed
		}
		at += 4 + (n+3)&^3
	}
	return nil, nil, nil
}

// integrity makes a MESSAGE-INTEGRITY: of the message up to it, whose length counts it.
func integrity(password string, signed []byte) []byte {
	head := [4]byte(signed)
	binary.BigEndian.PutUint16(head[2:], uint16(len(signed)-20+4+sha1.Size))
	h := hmac.New(sha1.New, []byte(password))
	h.Write(head[:])
	h.Write(signed[4:])
	return h.Sum(nil)
}

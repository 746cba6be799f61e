package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"stentor/node/sfu/send"
	"stentor/relay/rtp"
)

// A crowd is the viewers of one run. Each has a port of its own, does ICE and DTLS by pion, and takes its packets off
// before pion could decipher them: a load generator that deciphers would need more cores than the server.
type crowd struct {
	mu      sync.Mutex // guards the following
	viewers []*crowded
}

// crowded is one of them.
type crowded struct {
	*send.Reader
	socket *net.UDPConn
	pc     *webrtc.PeerConnection // nil: SRTP comes without asking

	mu            sync.Mutex // guards the following
	bytes         int
	packets, span int64 // packets that came, and that should have
	highest       uint16
	ages          []time.Duration
	joined        time.Time     // when it asked to be let in
	first, frame  time.Duration // after that, until its first packet and its first whole frame, a key frame; 0: not yet
	steps         joinSteps     // what came before
}

// join adds a viewer. livekit-server lets some wait for ever (one in fifty or so here): they try again, as its own
// clients do.
func (c *crowd) join(ctx context.Context, seat *sendSeat, way string) error {
	err := c.try(ctx, seat, way)
	for again := 0; err != nil && ctx.Err() == nil && way == wayLivekit && again < 8; again++ {
		c.mu.Lock()
		v := c.viewers[len(c.viewers)-1]
		c.viewers = c.viewers[:len(c.viewers)-1]
		c.mu.Unlock()
		v.leave()
		err = c.try(ctx, seat, way)
	}
	return err
}

// add makes a viewer, who has not called yet.
func (c *crowd) add() (*crowded, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	r, err := send.NewReader(conn, 2048, false) // browsers do not ask for UDP_GRO, which would spare the sender half of its work here
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(send.Buffers)
	v := &crowded{Reader: r, socket: conn}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.viewers = append(c.viewers, v)
	return v, nil
}

func (c *crowd) try(ctx context.Context, seat *sendSeat, way string) error {
	v, err := c.add()
	if err != nil {
		return err
	}
	if way == wayBare {
		go func() {
			for b := make([]byte, 2048); ; {
				if _, _, err := v.ReadFromAddrPort(b); err != nil {
					return
				}
			}
		}()
		_, err = seat.ask(sendQuestion{To: v.socket.LocalAddr().String()})
		return err
	}
	return v.call(ctx, seat, way)
}

// viewerAPI is what the peers of the bench speak.
func viewerAPI(e webrtc.SettingEngine) (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: rtp.CaptureURI}, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(m)), nil
}

// call connects by WebRTC: the viewer offers, or, to livekit-server, the server does.
func (v *crowded) call(ctx context.Context, seat *sendSeat, way string) error {
	quiet := &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled} // sockets close before pion is done
	e := webrtc.SettingEngine{LoggerFactory: quiet}
	e.SetICEUDPMux(ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: v, Logger: quiet.NewLogger("ice")}))
	e.SetIncludeLoopbackCandidate(true)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	api, err := viewerAPI(e)
	if err != nil {
		return err
	}
	if v.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return err
	}
	up := connected(v.pc)
	if way == wayLivekit {
		err = v.accept(seat)
	} else {
		err = v.offer(seat)
	}
	if err != nil {
		return err
	}
	return within(ctx, up)
}

func (v *crowded) offer(seat *sendSeat) error {
	if _, err := v.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		return err
	}
	offer, err := described(v.pc, v.pc.CreateOffer)
	if err != nil {
		return err
	}
	v.called(time.Now())
	a, err := seat.ask(sendQuestion{Offer: offer})
	if err != nil {
		return err
	}
	v.answered(time.Now())
	return v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.Answer})
}

func (v *crowded) accept(seat *sendSeat) error {
	v.called(time.Now())
	a, err := seat.ask(sendQuestion{Call: true})
	if err != nil {
		return err
	}
	for a.Answer != "" {
		if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: a.Answer}); err != nil {
			return err
		}
		answer, err := described(v.pc, v.pc.CreateAnswer)
		if err != nil {
			return err
		}
		if a, err = seat.ask(sendQuestion{Reply: answer, ID: a.ID}); err != nil {
			return err
		}
	}
	return nil
}

func (v *crowded) called(at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.joined = at
}

// saw waits for the first whole frame, and returns when it and the first packet came.
func (v *crowded) saw(ctx context.Context) (first, frame time.Duration, err error) {
	for range 4000 {
		v.mu.Lock()
		first, frame = v.first, v.frame
		v.mu.Unlock()
		if frame != 0 {
			return first, frame, nil
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, errors.New("no picture within 20 s")
}

func (c *crowd) leave() {
	for _, v := range c.viewers {
		v.leave()
	}
}

func (v *crowded) leave() {
	if v.pc != nil {
		_ = v.pc.Close()
	}
	v.Close()
}

// ReadFromAddrPort gives pion what is not SRTP, and counts the rest.
func (v *crowded) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := v.Reader.ReadFromAddrPort(b)
		if err != nil || n < 12 || b[0] < 128 || b[0] > 191 || b[1]&0x7f >= 64 && b[1]&0x7f < 96 {
			if err == nil && n >= 12 {
				v.step(b[0], b[1])
			}
			return n, from, err
		}
		v.note(b[:n])
	}
}

// ReadFrom does so with another address.
func (v *crowded) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := v.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (v *crowded) note(packet []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.first == 0 {
		v.first = time.Since(v.joined)
	}
	if v.frame == 0 && packet[1]&0x80 != 0 {
		v.frame = time.Since(v.joined)
	}
	seq := binary.BigEndian.Uint16(packet[2:])
	if v.packets == 0 {
		v.highest, v.span = seq, 1
	}
	if d := int16(seq - v.highest); d > 0 {
		v.highest = seq
		v.span += int64(d)
	}
	v.packets++
	v.bytes += len(packet)
	// The header is in the clear: the marker ends a frame, and the capture time is when the packet was written.
	if packet[1]&0x80 == 0 || packet[0]&0x10 == 0 || len(packet) < 28 || packet[16]&0x0f != 7 && packet[16]&0x0f != 15 {
		return
	}
	stamp := binary.BigEndian.Uint64(packet[17:])
	const since1900 = 2208988800
	written := time.Unix(int64(stamp>>32)-since1900, int64((stamp&0xffffffff)*1e9>>32))
	v.ages = append(v.ages, time.Since(written))
}

func (c *crowd) reset() {
	for _, v := range c.viewers {
		v.mu.Lock()
		v.bytes, v.packets, v.span, v.ages = 0, 0, 0, v.ages[:0]
		v.mu.Unlock()
	}
}

// count returns what all got since the reset: bytes, the share of packets that were lost, and the ages of the packets
// that end a frame.
func (c *crowd) count() (bytes int, lost float64, ages []time.Duration, err error) {
	var packets, span int64
	for i, v := range c.viewers {
		v.mu.Lock()
		bytes, packets, span, ages = bytes+v.bytes, packets+v.packets, span+v.span, append(ages, v.ages...)
		if len(v.ages) == 0 {
			err = fmt.Errorf("viewer %d got no frame (%d packets)", i, v.packets)
		}
		v.mu.Unlock()
	}
	return bytes, 1 - float64(packets)/float64(max(span, 1)), ages, err
}

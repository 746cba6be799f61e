package main

import (
	"bytes"
	"crypto/rand"
	"net"
	"strings"
	"testing"
	"time"

	"stentor/bench/rig"
)

// minimalOffer is a whole WHIP offer that nobody will ever connect by.
const minimalOffer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=mid:0\r\na=sendonly\r\n" +
	"a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n" +
	"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
	"a=rtpmap:96 H264/90000\r\na=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e033\r\n"

// garbage throws what is no protocol at every port of a node. It is counted, not
// answered by more than came in, and the node goes on.
func (w *world) garbage(t *testing.T) {
	n := w.Nodes[n2]
	noise := make([]byte, 1200)
	rand.Read(noise)
	long := append([]byte{0xc0, 0, 0, 0, 1}, noise...) // a QUIC long header that is none
	stun := append([]byte{0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42}, noise[:20]...)
	dtls := append([]byte{22, 254, 253}, noise[:60]...)
	for _, addr := range []string{n.Mesh, n.RTC} {
		for _, packet := range [][]byte{{}, {0}, {255}, noise, long[:600], stun, dtls, bytes.Repeat([]byte{0x80}, 40)} {
			sent, got := throwUDP(t, addr, packet)
			if got > sent {
				t.Errorf("%s answered %d bytes to %d bytes of garbage", addr, got, sent)
			}
		}
	}
	for _, addr := range []string{n.HTTP, n.Watch, n.Metrics} {
		throwTCP(t, addr, noise)
		throwTCP(t, addr, []byte("GET / HTTP/9.9\r\n\r\n"))
		throwTCP(t, addr, dtls)
	}
	text, err := rig.Fetch(w.ctx(), "http://"+n.Metrics+"/metrics")
	if err != nil {
		t.Fatalf("%s after the garbage: %v", n.Name, err)
	}
	for _, metric := range []string{"stentor_mesh_garbage_total", "stentor_sfu_garbage_total", "stentor_node_watch_refused_total"} {
		counted := false
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, metric) && !strings.HasSuffix(strings.TrimSpace(line), " 0") {
				counted = true
			}
		}
		if !counted {
			t.Errorf("the garbage was not counted in %s", metric)
		}
	}
	if code, _ := w.door(n2, map[string]string{"name": "Ada", "pin": w.Webinar.PIN}); code != "admitted" {
		t.Errorf("the door of %s after the garbage: %s", n.Name, code)
	}
}

// listenFor is how long an answer to garbage is waited for.
const listenFor = 50 * time.Millisecond

// throwUDP sends a packet and returns how many bytes were sent and came back.
func throwUDP(t *testing.T, addr string, packet []byte) (sent, got int) {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if sent, err = c.Write(packet); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	c.SetReadDeadline(time.Now().Add(listenFor))
	for {
		k, err := c.Read(buf)
		if err != nil {
			return sent, got
		}
		got += k
	}
}

func throwTCP(t *testing.T, addr string, b []byte) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(b)
	c.SetReadDeadline(time.Now().Add(listenFor))
	c.Read(make([]byte, 2048))
}

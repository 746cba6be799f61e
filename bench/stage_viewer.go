package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"stentor/bench/rig"
	"stentor/control/client"
)

// An audience is the viewers of a stage.
type audience struct {
	crowd
	http  *http.Client
	asked atomic.Int64 // requests by HTTP of all of them

	coming   sync.Mutex // guards the following
	watchers []*watcher
}

// A watcher is one of them: with two sections for pictures, and a connection by which it hears of the stage.
type watcher struct {
	*crowded
	events *websocket.Conn

	mu    sync.Mutex // guards the following
	main  uint32     // the SSRC of the first speaker's section; 0: nothing came yet
	name  string     // of who is expected
	told  time.Time  // when that name was in a section
	seen  time.Time  // when a packet came in the other section
	count int        // sections in use
}

// join lets one in, as a page does.
func (a *audience) join(ctx context.Context, m *rig.Mesh, w client.Webinar, i int) error {
	door, err := m.Client(0, client.HTTP(a.http))
	if err != nil {
		return err
	}
	grant, err := door.Join(ctx, w.Link, client.Knock{Name: fmt.Sprint("Guest ", i), PIN: w.PIN, Device: fmt.Sprint("device-", i)})
	if err != nil {
		return err
	}
	c, err := a.add()
	if err != nil {
		return err
	}
	v := &watcher{crowded: c}
	a.coming.Lock()
	a.watchers = append(a.watchers, v)
	a.coming.Unlock()
	at := "ws" + strings.TrimPrefix(m.Nodes[0].URL, "http") + "/api/v1/door/" + w.Link + "/events"
	if v.events, _, err = websocket.Dial(ctx, at, nil); err != nil {
		return err
	}
	if err := v.events.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"token":%q}`, grant.Token)); err != nil {
		return err
	}
	go v.listen(ctx)
	return v.watch(ctx, a.http, m.Nodes[0].URL+"/whep/"+w.Link, grant.Token)
}

// listen takes what the node says of the stage.
func (v *watcher) listen(ctx context.Context) {
	for {
		_, b, err := v.events.Read(ctx)
		if err != nil {
			return
		}
		var said struct {
			Type  string
			Slots []struct{ Stream string }
		}
		if json.Unmarshal(b, &said) != nil {
			continue
		}
		switch said.Type {
		case "ping":
			_ = v.events.Write(ctx, websocket.MessageText, []byte(`{"type":"pong"}`))
		case "slots":
			v.mu.Lock()
			v.count = len(said.Slots)
			for _, s := range said.Slots {
				if s.Stream == v.name && v.told.IsZero() {
					v.told = time.Now()
				}
			}
			v.mu.Unlock()
		}
	}
}

// watch connects by WHEP.
func (v *watcher) watch(ctx context.Context, h *http.Client, endpoint, token string) error {
	quiet := &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
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
	for range 2 {
		if _, err := v.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return err
		}
	}
	offer, err := described(v.pc, v.pc.CreateOffer)
	if err != nil {
		return err
	}
	answer, _, err := exchange(ctx, h, endpoint, token, offer)
	if err != nil {
		return err
	}
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	return within(ctx, up)
}

// exchange posts an offer to a WHIP or WHEP endpoint.
func exchange(ctx context.Context, h *http.Client, endpoint, token, offer string) (answer, session string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader([]byte(offer)))
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := h.Do(req)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %s", res.Status, b)
	}
	return string(b), res.Header.Get("Location"), err
}

// ReadFromAddrPort gives pion what is not SRTP, and looks whose the rest is.
func (v *watcher) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := v.Reader.ReadFromAddrPort(b)
		if err != nil || n < 12 || b[0] < 128 || b[0] > 191 || b[1]&0x7f >= 64 && b[1]&0x7f < 96 {
			return n, from, err
		}
		v.packet(binary.BigEndian.Uint32(b[8:]))
	}
}

// ReadFrom does so with another address.
func (v *watcher) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := v.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (v *watcher) packet(ssrc uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.main == 0:
		v.main = ssrc
	case ssrc != v.main && v.name != "" && v.seen.IsZero(): // the other section's
		v.seen = time.Now()
	}
}

// begun reports whether the first speaker was seen and heard of.
func (v *watcher) begun() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.main != 0 && v.count == 1
}

// saw tells when it was told of who is expected, and when they were seen.
func (v *watcher) saw() (told, seen time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.told, v.seen
}

// expect begins to wait for somebody.
func (a *audience) expect(name string) {
	for _, v := range a.watchers {
		v.mu.Lock()
		v.name, v.told, v.seen = name, time.Time{}, time.Time{}
		v.mu.Unlock()
	}
}

// forget ends that.
func (a *audience) forget() { a.expect("") }

// until waits until something holds of all.
func (a *audience) until(ctx context.Context, what string, holds func(*watcher) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for i := 0; i < len(a.watchers); {
		if holds(a.watchers[i]) {
			i++
			continue
		}
		if sleep(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("viewer %d: not %s", i, what)
		}
	}
	return nil
}

func (a *audience) leave() {
	for _, v := range a.watchers {
		if v.events != nil {
			_ = v.events.CloseNow()
		}
	}
	a.crowd.leave()
}

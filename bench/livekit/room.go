package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// The server is this machine's alone.
const (
	key    = "bench"
	secret = "bench-bench-bench-bench-bench-bench-bench"
)

// A room is the bench's participants in one room of the server.
type room struct {
	host    string
	clients []*client
}

func (r *room) leave() {
	for _, c := range r.clients {
		_ = c.conn.Close()
	}
}

// ask answers one question.
func (r *room) ask(q question) (a answer, err error) {
	switch {
	case q.Offer != "":
		c, err := r.join("camera", false)
		if err != nil {
			return a, err
		}
		a.Answer, err = c.publish(q.Offer)
		return a, err
	case q.Call:
		c, err := r.join(fmt.Sprint("viewer", len(r.clients)), true)
		if err != nil {
			return a, err
		}
		a.ID = len(r.clients) - 1
		a.Answer, err = c.offered()
		return a, err
	case q.Reply != "":
		c := r.clients[q.ID]
		a.ID = q.ID
		err = c.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{
			Answer: &livekit.SessionDescription{Type: "answer", Sdp: q.Reply},
		}})
		if err == nil && !c.video { // that was the offer of a data channel; the picture's follows it
			a.Answer, err = c.offered()
			return a, err
		}
		go c.drain()
		return a, err
	}
	return a, nil
}

// A client is one participant's signalling.
type client struct {
	conn       *websocket.Conn
	candidates []string
	video      bool // the last offer has a picture
}

// join opens a participant's connection, as soon as the server listens.
func (r *room) join(name string, watch bool) (*client, error) {
	token, err := auth.NewAccessToken(key, secret).SetIdentity(name).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: "bench"}).ToJWT()
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("%s/rtc?protocol=15&sdk=go&auto_subscribe=%t", r.host, watch)
	var conn *websocket.Conn
	for range 100 {
		if conn, _, err = websocket.DefaultDialer.Dial(url, http.Header{"Authorization": {"Bearer " + token}}); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn}
	r.clients = append(r.clients, c)
	return c, nil
}

func (c *client) send(m *livekit.SignalRequest) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	return c.conn.WriteMessage(websocket.BinaryMessage, b)
}

// wait reads until there is a session description for which ok says yes and the
// server has had time to name its candidates, and returns it with them.
func (c *client) wait(of func(*livekit.SignalResponse) *livekit.SessionDescription) (string, error) {
	var sdp string
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for sdp == "" || len(c.candidates) == 0 {
		_, b, err := c.conn.ReadMessage()
		if err != nil {
			return "", err
		}
		m := &livekit.SignalResponse{}
		if err := proto.Unmarshal(b, m); err != nil {
			return "", err
		}
		if t := m.GetTrickle(); t != nil {
			c.candidate(t)
		}
		if l := m.GetLeave(); l != nil {
			return "", errors.New("the server said goodbye: " + l.Reason.String())
		}
		if d := of(m); d != nil {
			sdp = d.Sdp
			if strings.Contains(sdp, "a=candidate") {
				return sdp, nil
			}
		}
	}
	return sdp + strings.Join(c.candidates, ""), nil
}

// candidate keeps a UDP candidate of the server's.
func (c *client) candidate(t *livekit.TrickleRequest) {
	_, rest, ok := strings.Cut(t.CandidateInit, `"candidate":"`)
	line, _, end := strings.Cut(rest, `"`)
	if ok && end && strings.Contains(line, " udp ") {
		c.candidates = append(c.candidates, "a="+line+"\r\n")
	}
}

// publish sends a publisher's offer and returns the answer.
func (c *client) publish(offer string) (string, error) {
	err := c.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: "video", Name: "video", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA, Width: 3840, Height: 2160,
	}}})
	if err != nil {
		return "", err
	}
	err = c.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{
		Offer: &livekit.SessionDescription{Type: "offer", Sdp: offer},
	}})
	if err != nil {
		return "", err
	}
	sdp, err := c.wait(func(m *livekit.SignalResponse) *livekit.SessionDescription { return m.GetAnswer() })
	go c.drain()
	return sdp, err
}

// offered waits for the server's next offer.
func (c *client) offered() (string, error) {
	sdp, err := c.wait(func(m *livekit.SignalResponse) *livekit.SessionDescription { return m.GetOffer() })
	c.video = strings.Contains(sdp, "m=video")
	return sdp, err
}

// drain keeps the connection alive: what else the server says is of no interest.
func (c *client) drain() {
	_ = c.conn.SetReadDeadline(time.Time{})
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			return
		}
	}
}

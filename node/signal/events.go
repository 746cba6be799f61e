package signal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"stentor/control/webinar"
	"stentor/node/session"
)

// The bounds of an events connection.
const (
	maxMessage   = 8 << 10          // bytes of a message from the page
	tokenWithin  = 10 * time.Second // for the first message
	pingEvery    = 20 * time.Second // an idle connection is found dead after two
	writeWithin  = 10 * time.Second // a page that does not read is gone
	maxPerPeriod = 120              // messages from the page between two pings: who claps all the time sends one a second
)

// events is one events connection: the page says who it is, and then hears what
// happens until one of the two goes.
type events struct {
	server *Server
	conn   *websocket.Conn
	link   string
	ctx    context.Context
	cancel context.CancelCauseFunc
	heard  chan struct{} // a message came from the page
	talk   chatter
	who    string        // webinar and participant, once they are known; guarded by Server.mu
	stage  chan struct{} // what they are shown has changed; one may wait in it
	spoke  func()        // it has said who it is
}

// serveEvents opens the WebSocket.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) error {
	if !s.originAllowed(r) {
		return problem{Status: http.StatusForbidden, Code: "origin_not_allowed", Detail: "This page may not listen here."}
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return problem{Status: http.StatusUpgradeRequired, Code: "websocket_only", Detail: "This is a WebSocket."}
	}
	spoke, ok := s.hush(remote(r))
	if !ok {
		return problem{Code: "too_many_requests", Detail: "Too many connections from your network say nothing. Please try again in a few seconds."}
	}
	defer spoke()
	// The origin was checked above, with the other edges of the mesh in mind.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil // it has answered
	}
	conn.SetReadLimit(maxMessage)
	e := &events{server: s, conn: conn, link: r.PathValue("link"), heard: make(chan struct{}, 1), spoke: spoke, talk: newChatter(), stage: make(chan struct{}, 1)}
	e.ctx, e.cancel = context.WithCancelCause(context.WithoutCancel(r.Context()))
	if !s.listen(e) {
		e.close(session.ErrStopping)
		return nil
	}
	defer s.unlisten(e)
	e.close(e.run(r))
	return nil
}

func (s *Server) listen(e *events) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.events[e] = struct{}{}
	s.work.Add(1)
	return true
}

func (s *Server) unlisten(e *events) {
	s.mu.Lock()
	delete(s.events, e)
	s.mu.Unlock()
	s.work.Done()
}

// hush counts a connection that has said nothing yet, until spoke is called, which may
// be more than once. It reports false where its network has too many.
func (s *Server) hush(a netip.Addr) (spoke func(), ok bool) {
	from := webinar.Prefix(a)
	if s.cfg.Silent < 0 || !from.IsValid() || a.IsLoopback() {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent[from] >= s.cfg.Silent {
		return nil, false
	}
	s.silent[from]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.silent[from]--; s.silent[from] <= 0 {
			delete(s.silent, from)
		}
	}), true
}

// originAllowed reports whether the page that connects was served by this node or
// by another that is named in the configuration. Programs send no origin.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if u, err := url.Parse(origin); err == nil && strings.EqualFold(u.Host, r.Host) {
		return true
	}
	return s.cfg.Origins != nil && s.cfg.Origins(origin)
}

// run serves the connection and returns why it ended.
func (e *events) run(r *http.Request) error {
	token, err := e.token()
	e.spoke()
	if err != nil {
		return err
	}
	sess, err := e.server.cfg.Door.Open(e.ctx, e.link, token, remote(r), session.Events)
	if err != nil {
		return err
	}
	defer sess.End()
	e.server.mu.Lock()
	e.who = sess.Webinar + "/" + sess.Participant
	e.server.mu.Unlock()
	e.see() // what is shown already
	stop := context.AfterFunc(sess.Context(), func() { e.cancel(context.Cause(sess.Context())) })
	defer stop()
	go e.listen() // until close
	if e.server.cfg.Talk != nil {
		go e.speak(sess)
	}
	return e.tell(sess)
}

// token is what the page says first.
func (e *events) token() (string, error) {
	ctx, cancel := context.WithTimeout(e.ctx, tokenWithin)
	defer cancel()
	kind, b, err := e.conn.Read(ctx)
	if err != nil {
		return "", problem{Code: "credentials_required", Detail: "Say who you are first."}
	}
	var in struct {
		Token string `json:"token"`
	}
	if kind != websocket.MessageText {
		return "", problem{Code: "message_malformed", Detail: "Messages are text."}
	}
	if err := readJSON(string(b), &in); err != nil {
		return "", problem{Code: "message_malformed", Detail: "The first message is {\"token\": \"...\"}."}
	}
	return in.Token, nil
}

// listen reads what the page says until the connection ends: that it is there, and what
// its participant says in the talk.
func (e *events) listen() {
	// A read that is cancelled breaks the connection, and the page has to be told
	// why first.
	ctx := context.WithoutCancel(e.ctx)
	for {
		kind, b, err := e.conn.Read(ctx)
		if err != nil {
			e.cancel(errHungUp)
			return
		}
		var in spoken
		if kind != websocket.MessageText || readJSON(string(b), &in) != nil || in.Type != "pong" && !e.says(in) {
			e.cancel(problem{Code: "message_malformed", Detail: "This message is not known."})
			return
		}
		select {
		case e.heard <- struct{}{}:
		case <-e.ctx.Done():
			return
		}
	}
}

var errHungUp = errors.New("signal: the page hung up")

// tell sends what happens until the connection ends, and returns why.
func (e *events) tell(sess *session.Session) error {
	known := sess.Situation()
	if err := e.write(welcome(sess.Participant, known)); err != nil {
		return err
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	t := e.attend(sess)
	defer t.leave()
	messages := 0
	moving := e.server.moves()
	for {
		if err := e.write(t.due(known)...); err != nil {
			return err
		}
		select {
		case <-e.ctx.Done():
			return context.Cause(e.ctx)
		case <-sess.Changed():
			now := sess.Situation()
			if err := e.write(news(known, now)...); err != nil {
				return err
			}
			known = now
		case <-e.stage:
			if err := e.write(e.seen(sess)...); err != nil {
				return err
			}
		case <-t.changed:
		case <-t.pause:
			t.pause = nil
		case m := <-e.talk.answers:
			if err := e.write(m); err != nil {
				return err
			}
		case <-e.heard:
			if messages++; messages > maxPerPeriod {
				return problem{Code: "too_many_messages", Detail: "Too many messages."}
			}
		case <-moving:
			moving = nil
			if e.server.publishes(sess.Webinar, sess.Participant) {
				if err := e.write(word{Type: "move"}); err != nil {
					return err
				}
			}
		case <-ping.C:
			messages, moving = 0, e.server.moves() // who is still here is told again
			if err := e.ping(); err != nil {
				return err
			}
		}
	}
}

// see has the page told what it is shown.
func (e *events) see() {
	select {
	case e.stage <- struct{}{}:
	default:
	}
}

// seen are the messages that say who is in which section of the participant's sessions.
func (e *events) seen(sess *session.Session) (out []any) {
	for _, r := range e.server.watched(sess.Webinar, sess.Participant) {
		if r.pictures < 2 {
			continue
		}
		out = append(out, shown{Type: "slots", Session: r.path, Slots: slotsOf(r)})
	}
	return out
}

// ping asks the connection whether it is alive: the page by a message, since
// pages do not see WebSocket's own, and the network by the answer to the latter.
func (e *events) ping() error {
	if err := e.write(word{Type: "ping"}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), writeWithin)
	defer cancel()
	return e.conn.Ping(ctx)
}

func (e *events) write(messages ...any) error {
	for _, m := range messages {
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), writeWithin) // see listen
		err = e.conn.Write(ctx, websocket.MessageText, b)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// close says why and ends the connection.
func (e *events) close(why error) {
	var d *webinar.Denial
	if !errors.As(why, &d) {
		var p problem
		if !errors.As(why, &p) {
			e.conn.CloseNow()
			e.cancel(why)
			return
		}
		d = &webinar.Denial{Code: p.Code, Detail: p.Detail}
	}
	b, err := json.Marshal(removed{Type: "removed", Code: d.Code, Detail: d.Detail})
	ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
	defer cancel()
	if err == nil && e.conn.Write(ctx, websocket.MessageText, b) == nil {
		_ = e.conn.Close(websocket.StatusPolicyViolation, reason(d))
	}
	e.conn.CloseNow()
	e.cancel(why)
}

// reason is the code and the sentence, cut to what a close frame can carry.
func reason(d *webinar.Denial) string {
	s := d.Code + ": " + d.Detail
	const most = 123
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

package nodetest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/control/webinar"
	"stentor/node/session"
	chat "stentor/node/talk"
)

// person is somebody inside who talks.
type person struct {
	m    *Mesh
	at   string
	sess *session.Session
	seat *chat.Seat
	said int

	lines     map[string]string // ID -> text
	order     []string          // IDs as they came
	questions map[string]chat.AQuestion
	polls     map[string]chat.APoll
	captions  map[string]string // the last, by language
	claps     int
}

// talker lets somebody in at a node.
func (m *Mesh) talker(node, link string, k session.Knock) *person {
	m.t.Helper()
	var sess *session.Session
	m.Eventually(k.Name+" is inside", func() (in bool) { // seats are leased
		var err error
		sess, err = m.enter(node, link, k)
		return err == nil
	})
	p := &person{m: m, at: node, sess: sess, seat: m.Node(node).Talk().Enter(sess.Webinar), lines: map[string]string{}, questions: map[string]chat.AQuestion{}, polls: map[string]chat.APoll{}, captions: map[string]string{}}
	return p
}

func (p *person) leave() { p.seat.Leave(); p.sess.End() }

// does has the person do something, and returns the code of the refusal, or "admitted".
func (p *person) does(said chat.Said) string {
	if said.Key == "" {
		p.said++
		said.Key = fmt.Sprint("k", p.said)
	}
	return code(p.m.Node(p.at).Talk().Say(bg, p.sess.Webinar, chat.Speaker{Standing: p.sess.Standing(), Name: p.sess.Name}, said))
}

func (p *person) says(text string) string { return p.does(chat.Said{Act: chat.Say, Text: text}) }

// hears takes what is new. A line that comes twice is an error.
func (p *person) hears() *person {
	for _, m := range p.seat.News(chat.Viewer{Participant: p.sess.Participant, Hosts: p.sess.Situation().Role.Hosts()}) {
		switch m := m.(type) {
		case chat.History:
			for _, l := range m.Chat {
				p.heard(l)
			}
			for _, q := range m.Questions {
				p.questions[q.ID] = q
			}
			for _, a := range m.Polls {
				p.polls[a.ID] = a
			}
			for _, c := range m.Captions {
				p.captions[c.Language] = c.Text
			}
		case chat.ACaption:
			p.captions[m.Language] = m.Text
		case chat.Line:
			p.heard(m)
		case chat.Gone:
			delete(p.lines, m.ID)
			delete(p.questions, m.ID)
		case chat.AQuestion:
			p.questions[m.ID] = m
		case chat.APoll:
			p.polls[m.ID] = m
		case chat.Reacted:
			p.claps += m.Counts["clap"]
		}
	}
	return p
}

func (p *person) heard(l chat.Line) {
	if _, twice := p.lines[l.ID]; twice {
		p.m.t.Errorf("%s hears %q twice", p.sess.Name, l.Text)
	}
	p.lines[l.ID] = l.Text
	p.order = append(p.order, l.ID)
}

// texts is what the person has read, joined.
func (p *person) texts() string {
	var out []string
	for _, id := range p.hears().order {
		if text, there := p.lines[id]; there {
			out = append(out, text)
		}
	}
	return strings.Join(out, " ")
}

// talkOf is the node that holds the talk.
func (m *Mesh) talkOf(node, id string) string {
	s, _ := m.Node(node).State().Webinar(id).Stream(webinar.TalkStream)
	return s.Origin
}

// TestTheTalkOutlivesItsOrigin: two edges talk, the origin is killed in the middle, nothing is lost and nothing comes
// twice; who comes late at a third node reads everything.
func TestTheTalkOutlivesItsOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.start()
		w := m.plan(client.CreateWebinar{Title: "Tides"}, client.EditWebinar{})
		ada := m.talker("n4", w.Link, session.Knock{Name: "Ada"})
		bob := m.talker("n5", w.Link, session.Knock{Name: "Bob"})
		defer bob.leave()
		defer ada.leave()
		if got := ada.says("one"); got != "admitted" {
			t.Fatalf("the first line: %s", got)
		}
		if origin := m.talkOf("n4", w.ID); origin != "n4" {
			t.Fatalf("the origin is %q", origin)
		}
		if err := m.Node("n1").Caption(bg, w.ID, "t_1", client.WriteCaption{Language: "de", Text: "Guten Tag.", Key: "1"}); err != nil {
			t.Fatalf("software at a voter writes a caption: %v", err)
		}
		m.Eventually("it is read at an edge that is not the origin", func() bool { return bob.hears().captions["de"] == "Guten Tag." })
		if p, err := m.Node("n1").Door().Webinar(w.Link); err != nil || p.Live || p.State != webinar.Planned {
			t.Errorf("talking has put somebody on air: %+v, %v", p, err)
		}
		if _, err := m.Node("n5").Stage().Sources(bg, w.ID); code(err) != "not_live" {
			t.Errorf("the talk is something to watch: %v", err)
		}
		if got := bob.says("two"); got != "admitted" {
			t.Fatalf("from another node: %s", got)
		}
		took := m.Eventually("both have read both", func() bool { return ada.texts() == "one two" && bob.texts() == "one two" })
		t.Logf("a line crossed in %v", took)
		bob.does(chat.Said{Act: chat.React, Reaction: "clap"})
		bob.does(chat.Said{Act: chat.React, Reaction: "clap"})
		m.Eventually("both claps are heard once, everywhere", func() bool { return ada.hears().claps == 2 && bob.hears().claps == 2 })

		m.Crash("n4")
		begin := time.Now()
		if got := bob.does(chat.Said{Act: chat.Say, Text: "three", Key: "again"}); got != "admitted" {
			t.Fatalf("after the death of the origin: %s", got)
		}
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("the talk went on after %v", took)
		} else {
			t.Logf("the talk went on after %v", took)
		}
		if got := bob.does(chat.Said{Act: chat.Say, Text: "three", Key: "again"}); got != "admitted" {
			t.Errorf("sent again: %s", got)
		}
		if origin := m.talkOf("n5", w.ID); origin != "n5" {
			t.Errorf("the origin is %q", origin)
		}
		cleo := m.talker("n2", w.Link, session.Knock{Name: "Cleo"})
		defer cleo.leave()
		m.Eventually("who came late has the history", func() bool { return cleo.texts() == "one two three" })
		if got := cleo.says("four"); got != "admitted" {
			t.Errorf("and talks: %s", got)
		}
		m.Eventually("all have it once", func() bool { return bob.texts() == "one two three four" && cleo.texts() == "one two three four" })
		var ended client.Webinar
		m.Call("n1", "POST", "/api/v1/webinars/"+w.ID+"/end", nil, &ended)
		m.Eventually("the talk ends with the webinar", func() bool {
			eve := m.Node("n5").Talk().Enter(w.ID)
			defer eve.Leave()
			h := eve.News(chat.Viewer{Participant: "p_eve"})[0].(chat.History)
			return len(h.Chat) == 0
		})
		if got := bob.says("five"); got != "ended" {
			t.Errorf("after the end: %s", got)
		}
	})
}

// TestS44TheTalkIsGuardedAtTheEdgeAndAtTheOrigin: who may not write gets nothing through, whichever node is asked, and is
// told why.
func TestS44TheTalkIsGuardedAtTheEdgeAndAtTheOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.start()
		w := m.plan(client.CreateWebinar{Title: "Tides"}, client.EditWebinar{})
		ada := m.talker("n4", w.Link, session.Knock{Name: "Ada"})
		bob := m.talker("n5", w.Link, session.Knock{Name: "Bob"})
		defer bob.leave()
		defer ada.leave()
		var made client.Invite
		m.Call("n1", "POST", "/api/v1/webinars/"+w.ID+"/invites", client.CreateInvite{Name: "Grace", Role: "moderator"}, &made)
		grace := m.talker("n2", w.Link, session.Knock{Name: "Grace", Invite: made.Secret})
		defer grace.leave()
		ada.says("hello")
		bob.says("rude")
		m.Eventually("Grace reads it", func() bool { return grace.texts() == "hello rude" })
		if got := ada.does(chat.Said{Act: chat.Delete, Of: grace.order[1]}); got != "not_allowed" {
			t.Errorf("a guest deletes: %s", got)
		}
		if got := grace.does(chat.Said{Act: chat.Delete, Of: grace.order[1]}); got != "admitted" {
			t.Errorf("a moderator deletes: %s", got)
		}
		m.Eventually("it is gone everywhere", func() bool { return ada.texts() == "hello" && bob.texts() == "hello" })

		stop := true
		m.Call("n1", "PATCH", "/api/v1/webinars/"+w.ID+"/participants/"+bob.sess.Participant, map[string]any{"stop_messages": stop}, nil)
		m.Eventually("S38 Bob's messages are off", func() bool { return !bob.sess.Situation().Messages })
		if got := bob.says("still here"); got != "messages_stopped" {
			t.Errorf("Bob, whose messages are off: %s", got)
		}
		// An edge that asks for him all the same, as one that is behind would.
		m.Cut("n5", true)
		bobs := bob.sess.Standing()
		m.Eventually("the origin refuses him as well", func() bool {
			err := m.Node("n4").Talk().Say(bg, w.ID, chat.Speaker{Standing: bobs, Name: "Bob"}, chat.Said{Act: chat.Say, Key: "x", Text: "x"})
			return code(err) == "messages_stopped"
		})
		if got := bob.says("hello?"); got != "messages_stopped" {
			t.Errorf("cut off, and stopped: %s", got)
		}
		m.Cut("n5", false)
		m.Call("n1", "PATCH", "/api/v1/webinars/"+w.ID, map[string]any{"guests": map[string]any{"messages": false}}, nil)
		m.Eventually("S73 guests are silent", func() bool { return !ada.sess.Situation().Messages })
		if got := ada.says("me?"); got != "messages_off" {
			t.Errorf("S73 a guest while messages are off: %s", got)
		}
		if got := grace.does(chat.Said{Act: chat.AskAll, Text: "Tea?", Options: []string{"yes", "no"}}); got != "admitted" {
			t.Errorf("a poll: %s", got)
		}
		var poll string
		m.Eventually("the poll is everywhere", func() bool {
			for id := range ada.hears().polls {
				poll = id
			}
			return poll != ""
		})
		for _, vote := range []struct {
			choice int
			want   string
		}{{1, "admitted"}, {1, "admitted"}, {0, "voted"}} {
			if got := ada.does(chat.Said{Act: chat.Vote, Of: poll, Choice: []int{vote.choice}}); got != vote.want {
				t.Errorf("S41 a passive listener votes for %d: %s", vote.choice, got)
			}
		}
		m.Eventually("one vote is counted", func() bool {
			p := grace.hears().polls[poll]
			return p.Voters == 1 && len(p.Results) == 2 && p.Results[1] == 1
		})
		r := httptest.NewRecorder()
		m.Node("n4").Metrics().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for _, want := range []string{`stentor_talk_entries_total{kind="chat"}`, `stentor_talk_refused_total{reason="messages_off"} 1`} {
			if !strings.Contains(r.Body.String(), want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
	})
}

// TestACutOffEdgeSaysSoAndWhatWasSaidThereIsNotLost: an edge that reaches nobody says that a message was not sent. The
// origin, cut off with its own people, goes on for them, and brings what they said when it is back.
func TestACutOffEdgeSaysSoAndWhatWasSaidThereIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.start()
		w := m.plan(client.CreateWebinar{Title: "Tides"}, client.EditWebinar{})
		ada := m.talker("n4", w.Link, session.Knock{Name: "Ada"})
		bob := m.talker("n5", w.Link, session.Knock{Name: "Bob"})
		cleo := m.talker("n1", w.Link, session.Knock{Name: "Cleo"})
		defer cleo.leave()
		defer bob.leave()
		defer ada.leave()
		ada.says("one")
		m.Eventually("all have read it", func() bool { return bob.texts() == "one" && cleo.texts() == "one" })
		m.Cut("n5", true)
		begin := time.Now()
		if got := bob.does(chat.Said{Act: chat.Say, Text: "lost?", Key: "b"}); got != "cut_off" {
			t.Errorf("at a node that reaches nobody: %s", got)
		}
		t.Logf("Bob was told after %v", time.Since(begin))
		m.Cut("n5", false)
		m.Eventually("and can send it again", func() bool { return bob.does(chat.Said{Act: chat.Say, Text: "lost?", Key: "b"}) == "admitted" })
		m.Eventually("which is read once", func() bool { return cleo.texts() == "one lost?" && ada.texts() == "one lost?" })

		// The talk may have moved to Bob's node, for which the origin was gone for a while.
		at := map[string]*person{"n4": ada, "n5": bob, "n1": cleo}
		m.Eventually("all know the same origin", func() bool {
			return m.talkOf("n4", w.ID) == m.talkOf("n1", w.ID) && m.talkOf("n5", w.ID) == m.talkOf("n1", w.ID)
		})
		origin, other := m.talkOf("n1", w.ID), cleo
		if at[origin] == cleo {
			other = ada
		}
		t.Logf("the origin is %s", origin)
		m.Cut(origin, true)
		if got := at[origin].says("alone"); got != "admitted" {
			t.Errorf("at the origin %s, cut off: %s", origin, got)
		}
		m.Eventually("the others go on without it", func() bool { return other.says("two") == "admitted" })
		m.Cut(origin, false)
		want := map[string]bool{"one": true, "lost?": true, "alone": true, "two": true}
		m.Eventually("what was said on both sides is read on both", func() bool {
			for _, p := range []*person{ada, bob, cleo} {
				p.hears()
				for _, text := range p.lines {
					if !want[text] {
						t.Fatalf("%s reads %q", p.sess.Name, text)
					}
				}
				if len(p.lines) != len(want) {
					return false
				}
			}
			return true
		})
	})
}

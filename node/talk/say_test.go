package talk

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"stentor/control/webinar"
)

// code is that of the sentence which a person is given.
func code(err error) string {
	var d *webinar.Denial
	switch {
	case err == nil:
		return "said"
	case errors.As(err, &d):
		return d.Code
	}
	return err.Error()
}

func TestWhoMaySayWhat(t *testing.T) {
	open := &webinar.Webinar{ID: "w", State: webinar.Live, Guests: webinar.AllPermissions}
	quiet := &webinar.Webinar{ID: "w", State: webinar.Live, Guests: webinar.Permissions{Audio: true}}
	lobby := &webinar.Webinar{ID: "w", State: webinar.Live, Guests: webinar.AllPermissions, Lobby: webinar.LobbyEveryone}
	ended := &webinar.Webinar{ID: "w", State: webinar.Ended, Guests: webinar.AllPermissions}
	stopped := open.WithParticipant(webinar.Participant{ID: "p_g", StopMessages: true})
	banned := open.WithBan(webinar.Ban{ID: "b", Participant: "p_g", Keys: webinar.Keys{webinar.DeviceKey([32]byte{7})}})
	hosted := open.WithParticipant(webinar.Participant{ID: "p_g", Role: webinar.Moderator})
	presents := open.WithParticipant(webinar.Participant{ID: "p_g", Role: webinar.Presenter})
	silenced := open.WithParticipant(webinar.Participant{ID: "p_g", Role: webinar.Presenter, StopMessages: true})
	guest := webinar.Standing{Participant: "p_g", Guest: true, Role: webinar.Attendee, Keys: webinar.Keys{webinar.DeviceKey([32]byte{7})}}
	waiting := guest
	waiting.Waiting = true
	tests := []struct {
		name string
		w    *webinar.Webinar
		who  webinar.Standing
		act  Act
		poll bool
		want string
	}{
		{"S38 a guest writes where guests may", open, guest, Say, false, "said"},
		{"S38 and not where they may not", quiet, guest, Say, false, "messages_off"},
		{"S73 a question is a message", quiet, guest, Ask, false, "messages_off"},
		{"S73 a vote for a question is one", quiet, guest, Vote, false, "messages_off"},
		{"S73 a reaction is one", quiet, guest, React, false, "messages_off"},
		{"S41 a passive listener answers the host's poll", quiet, guest, Vote, true, "said"},
		{"one person's messages are stopped", stopped, guest, Say, false, "messages_stopped"},
		{"who waits in the lobby is not heard", lobby, waiting, Say, false, "in_lobby"},
		{"nor do they vote", lobby, waiting, Vote, true, "in_lobby"},
		{"nor the banned", banned, guest, Vote, true, "banned"},
		{"nor anybody once it has ended", ended, guest, Say, false, "ended"},
		{"nor where there is no webinar", nil, guest, Say, false, "not_found"},
		{"a guest deletes nothing", open, guest, Delete, false, "not_allowed"},
		{"nor approves", open, guest, Review, false, "not_allowed"},
		{"nor asks all", open, guest, AskAll, false, "not_allowed"},
		{"nor ends a poll", open, guest, EndPoll, false, "not_allowed"},
		{"a moderator does", hosted, guest, Delete, false, "said"},
		{"a moderator writes where guests may not", hosted, guest, Say, false, "said"},
		{"a host writes captions", hosted, guest, Transcribe, false, "said"},
		{"so does a presenter", presents, guest, Transcribe, false, "said"},
		{"but not one whose messages are stopped", silenced, guest, Transcribe, false, "not_allowed"},
		{"nor a guest, who may write all else", open, guest, Transcribe, false, "not_allowed"},
		{"nor who was banned", banned, guest, Transcribe, false, "banned"},
		{"what is not known is not done", hosted, guest, "sing", false, "message_malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := code(allowed(test.w, Speaker{Standing: test.who}, Said{Act: test.act}, test.poll, noon)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func ada(key string) Speaker {
	return Speaker{Standing: webinar.Standing{Participant: "p_" + key}, Name: "Ada"}
}

func TestWhatCanBeSaid(t *testing.T) {
	two := []string{"yes", "no"}
	tests := []struct {
		name string
		said Said
		want string
	}{
		{"a line", Said{Act: Say, Key: "k", Text: " hello\nworld "}, "said"},
		{"markup, which stays text", Said{Act: Say, Key: "k", Text: "<img src=x onerror=alert(1)>"}, "said"},
		{"a thousand characters of any length", Said{Act: Say, Key: "k", Text: strings.Repeat("\U0001F30A", MaxText)}, "said"},
		{"one more", Said{Act: Say, Key: "k", Text: strings.Repeat("x", MaxText+1)}, "text_invalid"},
		{"nothing but spaces", Said{Act: Say, Key: "k", Text: " \n\t "}, "text_invalid"},
		{"what is no text", Said{Act: Say, Key: "k", Text: "\xff\xfe"}, "text_invalid"},
		{"control characters", Said{Act: Say, Key: "k", Text: "a\x1b[31m"}, "text_invalid"},
		{"what turns the direction around", Said{Act: Say, Key: "k", Text: "a\u202eb"}, "text_invalid"},
		{"without a name of its own", Said{Act: Say, Text: "x"}, "message_malformed"},
		{"with a name that is too long", Said{Act: Say, Key: strings.Repeat("k", maxKey+1), Text: "x"}, "message_malformed"},
		{"a reaction that is not drawn", Said{Act: React, Key: "k", Reaction: "<b>"}, "message_malformed"},
		{"a reaction", Said{Act: React, Key: "k", Reaction: "clap"}, "said"},
		{"a vote for what is not there", Said{Act: Vote, Key: "k", Of: "nothing", Choice: []int{0}}, "talk_gone"},
		{"a poll", Said{Act: AskAll, Key: "k", Text: "Tea?", Options: two}, "said"},
		{"a poll of one answer", Said{Act: AskAll, Key: "k", Text: "Tea?", Options: two[:1]}, "poll_invalid"},
		{"a poll with the same answer twice", Said{Act: AskAll, Key: "k", Text: "Tea?", Options: []string{"yes", " yes"}}, "poll_invalid"},
		{"a poll of eleven answers", Said{Act: AskAll, Key: "k", Text: "Tea?", Options: strings.Split("a b c d e f g h i j k", " ")}, "poll_invalid"},
		{"a poll that asks nothing", Said{Act: AskAll, Key: "k", Options: two}, "poll_invalid"},
		{"deleting what is not there", Said{Act: Delete, Key: "k", Of: "nothing"}, "talk_gone"},
		{"approving what is not there", Said{Act: Review, Key: "k", Of: "nothing", Status: Approved}, "talk_gone"},
		{"ending what is not there", Said{Act: EndPoll, Key: "k", Of: "nothing"}, "talk_gone"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entries, err := decide(NewState(), webinar.Moderator, ada("1"), test.said, noon)
			if got := code(err); got != test.want || (err == nil) != (len(entries) == 1) {
				t.Errorf("%s, want %s: %+v", got, test.want, entries)
			}
		})
	}
}

// do decides and applies.
func do(t *testing.T, s *State, who Speaker, role webinar.Role, said Said) (string, string) {
	t.Helper()
	entries, err := decide(s, role, who, said, noon)
	id := ""
	for _, e := range entries {
		s.Apply(e)
		id = e.ID
	}
	return id, code(err)
}

func TestALifeOfAQuestion(t *testing.T) {
	s := NewState()
	author, other, host := Viewer{"p_1", false}, Viewer{"p_2", false}, Viewer{"p_h", true}
	q, _ := do(t, s, ada("1"), webinar.Attendee, Said{Act: Ask, Key: "k", Text: "Why do the tides come twice?"})
	sees := func(v Viewer) (out []AQuestion) {
		for _, m := range s.begin(v) {
			out = append(out, m.(History).Questions...)
		}
		return out
	}
	if len(sees(author)) != 1 || len(sees(other)) != 0 || len(sees(host)) != 1 || sees(author)[0].Status != Asked || !sees(author)[0].Own {
		t.Error("a question that is not approved is seen by the hosts and who asked")
	}
	if sees(author)[0].By != "" || sees(host)[0].By != "p_1" {
		t.Error("hosts alone see the participant's ID")
	}
	if _, got := do(t, s, ada("2"), webinar.Attendee, Said{Act: Vote, Key: "k", Of: q}); got != "talk_gone" {
		t.Errorf("a vote for what nobody sees: %s", got)
	}
	if _, got := do(t, s, ada("h"), webinar.Owner, Said{Act: Review, Key: "r", Of: q, Status: "asked"}); got != "message_malformed" {
		t.Errorf("back to asked: %s", got)
	}
	do(t, s, ada("h"), webinar.Owner, Said{Act: Review, Key: "r", Of: q, Status: Approved})
	for _, n := range []string{"2", "3", "2"} {
		if _, got := do(t, s, ada(n), webinar.Attendee, Said{Act: Vote, Key: "k", Of: q}); got != "said" {
			t.Errorf("p_%s votes: %s", n, got)
		}
	}
	if got := sees(other); len(got) != 1 || got[0].Votes != 2 || !got[0].Voted || got[0].Own {
		t.Errorf("S73 approved: %+v", got)
	}
	do(t, s, ada("h"), webinar.Owner, Said{Act: Review, Key: "r", Of: q, Status: Answered, Text: "Two bulges."})
	if got := sees(other); len(got) != 1 || got[0].Status != Answered || got[0].Answer != "Two bulges." || got[0].Votes != 2 {
		t.Errorf("answered: %+v", got)
	}
	var c cursor
	s.news(&c, other)
	do(t, s, ada("h"), webinar.Owner, Said{Act: Review, Key: "r", Of: q, Status: Dismissed})
	if got := s.news(&c, other); len(got) != 1 || got[0] != (Gone{"question_deleted", q}) {
		t.Errorf("dismissed: %+v", got)
	}
	if own, _ := do(t, s, ada("h"), webinar.Owner, Said{Act: Ask, Key: "k", Text: "Mine?"}); s.questions.by[own].Status != Approved {
		t.Error("a host's own question waits for approval")
	}
}

func TestALifeOfAPoll(t *testing.T) {
	s := NewState()
	var c cursor
	guest := Viewer{"p_1", false}
	s.news(&c, guest)
	p, _ := do(t, s, ada("h"), webinar.Owner, Said{Act: AskAll, Key: "k", Text: "Tea?", Options: []string{"yes", "no"}})
	if got := s.news(&c, guest)[0].(APoll); got.Results != nil || got.Chosen != nil || got.Voters != 0 {
		t.Errorf("before the vote: %+v", got)
	}
	if got := s.polls.by[p].poll(Viewer{"p_h", true}); got.Results == nil {
		t.Error("hosts see the results from the beginning")
	}
	for _, v := range []struct {
		choice []int
		want   string
	}{{nil, "message_malformed"}, {[]int{0, 1}, "message_malformed"}, {[]int{-1}, "message_malformed"}, {[]int{99}, "message_malformed"}, {[]int{2}, "message_malformed"}, {[]int{1}, "said"}, {[]int{1}, "said"}, {[]int{0}, "voted"}} {
		if _, got := do(t, s, ada("1"), webinar.Attendee, Said{Act: Vote, Key: "v", Of: p, Choice: v.choice}); got != v.want {
			t.Errorf("%v: %s, want %s", v.choice, got, v.want)
		}
	}
	got := s.news(&c, guest)[0].(APoll)
	if fmt.Sprint(got.Results, got.Chosen, got.Voters) != "[0 1] [1] 1" {
		t.Errorf("after the vote: %+v", got)
	}
	do(t, s, ada("h"), webinar.Owner, Said{Act: EndPoll, Key: "e", Of: p})
	if _, got := do(t, s, ada("2"), webinar.Attendee, Said{Act: Vote, Key: "v", Of: p, Choice: []int{0}}); got != "poll_closed" {
		t.Errorf("after the end: %s", got)
	}
	if got := s.polls.by[p].poll(Viewer{"p_9", false}); !got.Closed || fmt.Sprint(got.Results) != "[0 1]" {
		t.Errorf("once it is closed everybody sees the results: %+v", got)
	}
	if _, got := do(t, s, ada("1"), webinar.Attendee, Said{Act: Say, Key: "k", Text: "x"}); got != "said" {
		t.Error(got)
	}
}

func TestHistoryIsPaged(t *testing.T) {
	s := NewState()
	for n := range 120 {
		s.Apply(Entry{Kind: Chat, ID: fmt.Sprint("l", n), At: int64(n + 1), By: "p_1", Name: "Ada", Text: fmt.Sprint(n)})
	}
	s.Apply(Entry{Kind: Chat, ID: "l100", At: 101, Deleted: true})
	v := Viewer{"p_1", false}
	h := s.begin(v)[0].(History)
	if !h.Begins || len(h.Chat) != page || h.Chat[page-1].Text != "119" || h.Chat[0].Text != "69" || h.Before != "l69" {
		t.Fatalf("the newest: %d lines from %s, before %s", len(h.Chat), h.Chat[0].Text, h.Before)
	}
	h = s.older(v, h.Before)
	if h.Begins || len(h.Chat) != page || h.Chat[page-1].Text != "68" || h.Before != "l19" {
		t.Fatalf("before that: %+v", h)
	}
	if h = s.older(v, h.Before); len(h.Chat) != 19 || h.Before != "" {
		t.Fatalf("the oldest: %+v", h)
	}
}

func TestNewsComeOnceAndWholeToWhoBecomesAHost(t *testing.T) {
	s := NewState()
	var c cursor
	v := Viewer{"p_2", false}
	if first := s.news(&c, v); len(first) != 1 || !first[0].(History).Begins {
		t.Fatalf("at first: %+v", first)
	}
	id, _ := do(t, s, ada("1"), webinar.Attendee, Said{Act: Say, Key: "k", Text: "x"})
	do(t, s, ada("1"), webinar.Attendee, Said{Act: Ask, Key: "q", Text: "y"})
	do(t, s, ada("1"), webinar.Attendee, Said{Act: React, Key: "r", Reaction: "clap"})
	do(t, s, ada("1"), webinar.Attendee, Said{Act: React, Key: "r2", Reaction: "clap"})
	got := s.news(&c, v)
	if len(got) != 3 || got[0].(Line).Text != "x" || got[2].(Reacted).Counts["clap"] != 2 {
		t.Fatalf("news: %+v", got)
	}
	if got = s.news(&c, v); len(got) != 0 {
		t.Errorf("twice: %+v", got)
	}
	do(t, s, ada("h"), webinar.Owner, Said{Act: Delete, Key: "d", Of: id})
	if got = s.news(&c, v); len(got) != 1 || got[0] != (Gone{"chat_deleted", id}) || s.lines.by[id].Text != "" {
		t.Errorf("deleted: %+v", got)
	}
	v.Hosts = true
	if got = s.news(&c, v); len(got) != 2 || !got[0].(History).Begins || len(got[1].(History).Questions) != 1 {
		t.Errorf("as a host: %+v", got)
	}
}

func TestPace(t *testing.T) {
	w := &webinar.Webinar{SlowMode: 10 * time.Second}
	fast := &webinar.Webinar{}
	var p pace
	pass := func(w *webinar.Webinar, role webinar.Role, who string, act Act, after time.Duration) string {
		err := p.pass(w, role, who, act, noon.Add(after))
		if err == nil {
			p.wrote(who, act, noon.Add(after))
		}
		return code(err)
	}
	for _, step := range []struct {
		name  string
		w     *webinar.Webinar
		role  webinar.Role
		act   Act
		after time.Duration
		want  string
	}{
		{"the first", w, webinar.Attendee, Say, 0, "said"},
		{"a second too soon", w, webinar.Attendee, Say, 9 * time.Second, "slow_mode"},
		{"a question counts as well", w, webinar.Attendee, Ask, 9 * time.Second, "slow_mode"},
		{"a vote does not", w, webinar.Attendee, Vote, 9 * time.Second, "said"},
		{"a presenter is not slowed", w, webinar.Presenter, Say, 9 * time.Second, "said"},
		{"in time", w, webinar.Attendee, Say, 20 * time.Second, "said"},
	} {
		if got := pass(step.w, step.role, "p_1", step.act, step.after); got != step.want {
			t.Errorf("%s: %s", step.name, got)
		}
	}
	if wait := Wait(p.pass(w, webinar.Attendee, "p_1", Say, noon.Add(27*time.Second))); wait != 3*time.Second {
		t.Errorf("wait %v", wait)
	}
	said := 0
	for range 100 {
		if pass(fast, webinar.Attendee, "p_2", Vote, 0) == "said" {
			said++
		}
	}
	if said != burst {
		t.Errorf("%d at once", said)
	}
	said = 0
	for n := range 3 * allBurst {
		if pass(fast, webinar.Attendee, fmt.Sprint("p_", n), Say, time.Hour) == "said" {
			said++
		}
	}
	if said != allBurst {
		t.Errorf("%d of all at once", said)
	}
	for n := range 2 * remembered {
		p.of(fmt.Sprint("x", n), noon.Add(time.Hour))
	}
	if len(p.by) > remembered {
		t.Errorf("%d are remembered", len(p.by))
	}
}

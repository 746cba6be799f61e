package signal

import (
	"stentor/control/webinar"
	"stentor/node/session"
)

// What the server tells a page over its events connection, one JSON object a message.
// Pages pass over types and members that they do not know.
//
//	welcome      first: who the page is, and all that the others would say
//	stage        live: somebody is on air; on_stage: the participant is, or is free to go
//	permissions  what is taken from the participant, their role, and what a host stopped
//	hand         raised: whether the participant's hand is up
//	slots        who is in which section of a session by which the page watches: session is its
//	             path, a slot has mid, kind, stream, and the participant and the name behind it
//	recording    on: what is sent here is being recorded from now on
//	move         what the page sends is to go on at another node, since this one drains: a POST that
//	             resumes it is sent on there
//	admitted     the lobby is over; media may begin
//	removed      last: why the connection ends (banned, superseded, ended, ...)
//	ping         answered by {"type":"pong"}
//	talk_history what was said: the newest of the chat, all questions and polls; more on request
//	chat, question, poll, reaction, caption, chat_deleted, question_deleted, poll_deleted, caption_deleted
//	             what is said, as package talk tells it
//	said         what the page sent with that key was taken
//	refused      it was not: why, and how long to wait where that helps
//
// What the page tells the server:
//
//	pong
//	chat, question, vote, reaction, and for hosts delete, review, poll, poll_close
//	             as talk.Said has it; key is the page's own name of it, for said and refused
//	caption      for hosts and presenters: what is spoken, in a language; a draft comes again under its key
//	talk_history before: the ID of a line; what came before it is told
type (
	word struct {
		Type string `json:"type"`
	}

	removed struct {
		Type   string `json:"type"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}

	stage struct {
		Type    string `json:"type"`
		Live    bool   `json:"live"`
		OnStage bool   `json:"on_stage"`
	}

	hand struct {
		Type   string `json:"type"`
		Raised bool   `json:"raised"`
	}

	recording struct {
		Type string `json:"type"`
		On   bool   `json:"on"`
	}

	shown struct {
		Type    string `json:"type"`
		Session string `json:"session"`
		Slots   []slot `json:"slots"`
	}

	permissions struct {
		Type        string       `json:"type"`
		Role        webinar.Role `json:"role"`
		Permissions may          `json:"permissions"`
		Stopped     stopped      `json:"stopped"`
		SlowMode    float64      `json:"slow_mode,omitempty"` // seconds between two messages of the audience
	}

	// may is what is taken from the participant now. A page that sends more gets
	// nothing through.
	may struct {
		Audio    bool `json:"audio"`
		Video    bool `json:"video"`
		Messages bool `json:"messages"`
		Files    bool `json:"files"`
		Images   bool `json:"images"`
	}

	// stopped is what a host stopped for this participant alone.
	stopped struct {
		Audio bool `json:"audio"`
		Video bool `json:"video"`
	}

	greeting struct {
		Type        string       `json:"type"`
		Participant string       `json:"participant"`
		Role        webinar.Role `json:"role"`
		Live        bool         `json:"live"`
		OnStage     bool         `json:"on_stage"`
		Waiting     bool         `json:"waiting"`
		Raised      bool         `json:"raised"`
		Recording   bool         `json:"recording"`
		Permissions may          `json:"permissions"`
		Stopped     stopped      `json:"stopped"`
		SlowMode    float64      `json:"slow_mode,omitempty"`
	}
)

func welcome(participant string, s session.Situation) greeting {
	return greeting{
		Type: "welcome", Participant: participant, Role: s.Role, Live: s.Live, OnStage: s.Stage, Waiting: s.Waiting,
		Raised: s.Hand, Recording: s.Recording, Permissions: mayOf(s), Stopped: stopped{s.StopAudio, s.StopVideo}, SlowMode: s.SlowMode.Seconds(),
	}
}

func mayOf(s session.Situation) may {
	return may{Audio: s.Audio, Video: s.Video, Messages: s.Messages, Files: s.Files, Images: s.Images}
}

// news are the messages that turn what a page knows into what holds now.
func news(known, now session.Situation) []any {
	var out []any
	if known.Waiting && !now.Waiting {
		out = append(out, word{"admitted"})
	}
	if known.Role != now.Role || mayOf(known) != mayOf(now) || known.StopAudio != now.StopAudio || known.StopVideo != now.StopVideo || known.SlowMode != now.SlowMode {
		out = append(out, permissions{"permissions", now.Role, mayOf(now), stopped{now.StopAudio, now.StopVideo}, now.SlowMode.Seconds()})
	}
	if known.Live != now.Live || known.Stage != now.Stage {
		out = append(out, stage{"stage", now.Live, now.Stage})
	}
	if known.Recording != now.Recording {
		out = append(out, recording{"recording", now.Recording})
	}
	if known.Hand != now.Hand {
		out = append(out, hand{"hand", now.Hand})
	}
	return out
}

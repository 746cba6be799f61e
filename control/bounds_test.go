package control

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// number is a hash that is nobody else's.
func number(i int) []byte { return binary.BigEndian.AppendUint32(make([]byte, 28), uint32(i+1)) }

// Nobody fills a node's memory: of everything there is a most, and its refusal has a name.
func TestTheStateIsBounded(t *testing.T) {
	tests := []struct {
		name   string
		most   int
		record func(i int) *controlpb.Record
		c      *controlpb.Command
		code   string
	}{
		{"API tokens", maxAPITokens, func(i int) *controlpb.Record {
			return &controlpb.Record{Kind: &controlpb.Record_ApiToken{ApiToken: &controlpb.APITokenRecord{Id: fmt.Sprint("x_", i), Hash: number(i)}}}
		}, apiToken("t_1"), "too_many_api_tokens"},
		{"join tokens", maxJoinTokens, func(i int) *controlpb.Record {
			return &controlpb.Record{Kind: &controlpb.Record_JoinToken{JoinToken: &controlpb.JoinTokenRecord{Id: fmt.Sprint("x_", i), Hash: number(i), Expires: start.Add(day).UnixNano()}}}
		}, joinToken("j_1", start.Add(time.Hour)), "too_many_join_tokens"},
		{"webhooks", maxWebhooks, func(i int) *controlpb.Record {
			return &controlpb.Record{Kind: &controlpb.Record_Webhook{Webhook: &controlpb.WebhookRecord{Id: fmt.Sprint("x_", i)}}}
		}, webhook("h_1", ""), "too_many_webhooks"},
		{"nodes that are removed unseen", maxNodes, func(i int) *controlpb.Record {
			return &controlpb.Record{Kind: &controlpb.Record_Node{Node: &controlpb.NodeRecord{Node: fmt.Sprint("x_", i)}}}
		}, removeNode("n_new"), "too_many_nodes"},
		{"invites of a webinar", maxInvites, func(i int) *controlpb.Record {
			return inviteRecord("w_1", webinar.Invite{ID: fmt.Sprint("x_", i), Hash: [32]byte(number(i))})
		}, invite("w_1", "i_1", "attendee"), "too_many_invites"},
		{"bans of a webinar", maxBans, func(i int) *controlpb.Record {
			return banRecord("w_1", webinar.Ban{ID: fmt.Sprint("x_", i)})
		}, disconnect("w_1", "p_1", nil, &controlpb.NewBan{Id: "b_1"}), "too_many_bans"},
		{"participants about whom something was decided", maxParticipants, func(i int) *controlpb.Record {
			return participantRecord("w_1", webinar.Participant{ID: fmt.Sprint("x_", i), StopAudio: true})
		}, setParticipant("w_1", "p_1", stopAudio(true)), "too_many_participants"},
		{"visitors let in by name", maxParticipants, func(i int) *controlpb.Record {
			return participantRecord("w_1", webinar.Participant{ID: fmt.Sprint("x_", i), Admitted: true})
		}, admit("w_1", "p_1"), "too_many_participants"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog2(t)
			l.must(at(plan("w_1", &controlpb.Settings{}), start))
			full := *l.s
			for i := range tt.most - 1 {
				if err := full.put(tt.record(i)); err != nil {
					t.Fatal(err)
				}
			}
			room := full
			if _, r := room.Apply(room.Index()+1, at(tt.c, start)); r.Err != nil {
				t.Fatalf("with room for one: %v", r.Err)
			}
			if err := full.put(tt.record(tt.most)); err != nil {
				t.Fatal(err)
			}
			l.s = &full
			l.refused(tt.code, tt.c)
		})
	}
}

// A full queue of mails refuses nobody: there is a link on the page too.
func TestAFullQueueOfMails(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	full := *l.s
	queue, one := &full.plain[KindMail-KindAttendance], mailRecord(&controlpb.MailRecord{Kind: mailInvite})
	for i := range maxMails {
		*queue = queue.With(fmt.Sprint("m_", i), one)
	}
	l.s = &full
	l.must(register("w_1", "g_1"))
	if n := l.s.plain[KindMail-KindAttendance].Len(); n != maxMails {
		t.Errorf("%d mails", n)
	}
}

package control

import (
	"strings"
	"time"

	"stentor/control/controlpb"
)

// recordV2 has each kind of command of feature level 2, and leaves each kind of record
// behind.
func recordV2(l *log) {
	full := &controlpb.Settings{
		Title: "Weekly", Description: "Every week\nagain", Mode: "all-on-screen", Guests: &controlpb.Permissions{Audio: true},
		Registration: &controlpb.Registration{Window: "always", Maximum: 3, Approval: true, Waitlist: true, Accounts: true, Fields: []*controlpb.Field{
			{Id: "team", Label: "Team", Type: "choice", Required: true, Options: []string{"red", "blue"}}}},
		Schedule: &controlpb.Schedule{Start: start.Add(48 * time.Hour).UnixNano(), Duration: int64(time.Hour), Zone: "Europe/Berlin", Rule: "FREQ=WEEKLY;COUNT=3",
			Occurrences: []int64{start.Add(48 * time.Hour).UnixNano()}},
		GuestLimit: 20, Lobby: "guests", Locked: true, Partition: "strict", RetentionDays: 7, SlowMode: 5, AutoEnd: true,
		Ceilings: []*controlpb.Ceiling{{Role: "attendee", Height: 1080, Bitrate: 2_500}},
	}
	for i, step := range stepsV2(full) {
		c := step(l.s)
		if c.RequestId == "" && i%5 == 0 {
			c.RequestId = strings.Repeat("r", i+1)
		}
		c.ProposedAt = start.Add(time.Duration(i) * time.Second).UnixNano()
		l.apply(c)
	}
}

// stepsV2 are the commands, each made from the state before it.
func stepsV2(full *controlpb.Settings) []func(*State) *controlpb.Command {
	var steps []func(*State) *controlpb.Command
	do := func(cs ...*controlpb.Command) {
		for _, c := range cs {
			steps = append(steps, func(*State) *controlpb.Command { return c })
		}
	}
	do(setLevel(2), clusterInfo("c_1"), plan("w_1", full), create("w_2"), create("w_3"), plan("w_4", &controlpb.Settings{GuestLimit: 4, Registration: &controlpb.Registration{Window: "always", Maximum: 1, Waitlist: true}}),
		account("a_1", "administrator"), account("a_2", "host"), account("a_3", "member"), deleteAccount("a_3"),
		editAccount("a_2", func(c *controlpb.EditAccount) { c.SignOut = true }))
	asked := setPIN("w_2", "31415926")
	asked.GetSetPin().AskAgain = true
	mailed := invite("w_1", "i_1", "presenter")
	mailed.GetCreateInvite().Account, mailed.GetCreateInvite().Sealed, mailed.GetCreateInvite().Mail = "a_2", []byte("SEALED"), true
	do(asked, clearPIN("w_3"), mailed, invites("w_1", invite("w_1", "i_2", "attendee"), invite("w_1", "i_3", "moderator")), revoke("w_1", "i_3"), rotate("w_1", "fresh"),
		edit("w_1", &controlpb.Settings{Title: "Weekly, new", GuestLimit: 9}, "title", "guest_limit"),
		register("w_1", "g_1"), register("w_1", "g_2"), register("w_4", "g_3"), register("w_4", "g_4"), register("w_4", "g_5"),
		decide("w_1", "approve", "g_1"), decide("w_1", "decline", "g_2"), decide("w_4", "cancel", "g_3"), openRegistration("w_4", false),
		registerNode("n1", 1), registerNode("n2", 1), registerNode("n3", 7), removeNode("n3"), acquire("w_4", "n1", 1, 3), acquire("w_4", "n2", 1, 1),
		reportSeats("w_4", "n1", 2, []string{"p_1"}, nil), transfer("w_4", "n2", 2, "p_1"), giveBack("w_4", "n1", 3, 1), guess("w_2", "n1", 1, 5, 20), renew("n1", 1, "w_1"),
		claim("w_1", "main", "n1", "p_1", 1, false), claim("w_1", "screen", "n1", "p_1", 1, false), release("w_1", "main", 1),
		disconnect("w_1", "p_2", []string{"device:a", "prefix:192.0.2.1/32"}, &controlpb.NewBan{Id: "b_1", Prefix: true}), disconnect("w_1", "p_3", []string{"device:b"}, nil),
		disconnect("w_1", "p_4", nil, &controlpb.NewBan{Id: "b_2"}), liftBan("w_1", "b_2"), reinvite("w_1", "p_3"),
		setParticipant("w_1", "p_5", func(c *controlpb.SetParticipant) { c.StopAudio, c.Stage, c.Hand = yes(), yes(), yes() }), admit("w_1", "p_6", "p_7"),
		attend("w_1", "n1", "s_1", 0), attend("w_2", "n1", "s_2", start.Add(time.Hour).UnixNano()), apiToken("t_1", "admin"), apiToken("t_2"),
		&controlpb.Command{Kind: &controlpb.Command_RevokeApiToken{RevokeApiToken: &controlpb.RevokeAPIToken{Id: "t_2"}}},
		joinToken("j_1", start.Add(time.Hour)), redeem("j_1", "n4"), webhook("h_1", "w_1"), webhook("h_2", ""), deleteWebhook("h_2"))
	steps = append(steps,
		func(s *State) *controlpb.Command { return sign(s, s.AuditHead().GetSeq()) },
		func(s *State) *controlpb.Command { return advance("h_1", s.Webhook("h_1").GetSeq()+1, false) },
		func(s *State) *controlpb.Command {
			for m := range s.Mails() {
				return settleMail(nil, &controlpb.MailFailure{Id: m.GetId(), Next: start.Add(day).UnixNano(), Reason: "450"})
			}
			return settleMail([]string{"m_none"})
		})
	do(checkpoint(5), occurrences("w_1", false, start.Add(48*time.Hour), start.Add(9*24*time.Hour)), end("w_3"), tick(start))
	return steps
}

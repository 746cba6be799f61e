package control

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// stop, allow and the like, for tests.
func stopAudio(on bool) func(*controlpb.SetParticipant) {
	return func(c *controlpb.SetParticipant) { c.StopAudio = &on }
}

func stopVideo(on bool) func(*controlpb.SetParticipant) {
	return func(c *controlpb.SetParticipant) { c.StopVideo = &on }
}

func toStage(on bool) func(*controlpb.SetParticipant) {
	return func(c *controlpb.SetParticipant) { c.Stage = &on }
}

// actions are what the audit log has of a webinar, oldest first.
func actions(s *State, w string) []string {
	var out []string
	for e := range s.Audit(0) {
		if e.GetWebinar() == w {
			out = append(out, e.GetAction()+" "+e.GetSubject())
		}
	}
	return out
}

func TestS62S63S66ADisconnectedParticipant(t *testing.T) {
	for _, mode := range []string{"role-based", "all-on-screen"} {
		t.Run("S65 in the mode "+mode, func(t *testing.T) {
			l := newLog2(t)
			l.must(plan("w_1", &controlpb.Settings{Mode: mode}))
			l.must(claim("w_1", "main", "n1", "p_1", 1, false))
			l.must(setParticipant("w_1", "p_1", func(c *controlpb.SetParticipant) { c.Stage, c.Hand, c.StopVideo = yes(), yes(), yes() }))
			inside := webinar.Standing{Participant: "p_1", Role: webinar.Attendee, Guest: true}
			l.must(disconnect("w_1", "p_1", []string{"device:x"}, nil))
			edge := l.s.Edge(clusterKey, nil).Webinar("w_1")
			if err := edge.Allowed(inside, l.s.Time()); codeOf(err) != "disconnected" {
				t.Errorf("S62 they stay: %v", err)
			}
			if edge.StreamCount() != 0 {
				t.Error("S62 their stream goes on")
			}
			if r, ok := l.s.Webinar("w_1").Removal("p_1"); !ok || r.Name != "Name of p_1" {
				t.Errorf("S66 in the list of unconnected people: %+v", r)
			}
			p, _ := edge.Participant("p_1")
			if p.Stage || !p.Hand.IsZero() || !p.StopVideo {
				t.Errorf("they come back to the audience, with their video stopped still: %+v", p)
			}
		})
	}
}

func TestS64NobodyTakesAWebinarFromItsOwner(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(account("a_root", "administrator"))
	l.must(account("a_mod", "host"))
	l.must(apiToken("t_admin", "admin"))
	l.must(apiToken("t_host", "host"))
	l.must(invite("w_1", "i_owner", "owner"))
	l.must(invite("w_1", "i_mod", "moderator"))
	by := func(principal string, c *controlpb.Command) *controlpb.Command { c.Principal = principal; return c }
	ban := &controlpb.NewBan{Id: "b_1"}
	for _, principal := range []string{"", "p_i_mod", "a_mod", "t_host", "p_guest"} {
		for _, owner := range []string{"p_ada", "p_i_owner"} {
			l.refused("owner_stays", by(principal, disconnect("w_1", owner, nil, nil)))
			l.refused("owner_stays", by(principal, disconnect("w_1", owner, []string{"account:ada"}, ban)))
		}
	}
	for _, principal := range []string{"ada", "p_ada", "a_root", "t_admin", "p_i_owner"} {
		l.must(by(principal, disconnect("w_1", "p_ada", nil, nil)))
		l.refused("owner_stays", by(principal, disconnect("w_1", "p_ada", nil, ban)))
	}
	l.must(by("ada", disconnect("w_1", "p_i_owner", nil, &controlpb.NewBan{Id: "b_2"})))
	t.Run("S64 a ban of somebody who was seen with the owner's account does not hold it", func(t *testing.T) {
		l.must(by("p_i_mod", disconnect("w_1", "p_9", []string{"device:shared", "account:ada"}, &controlpb.NewBan{
			Id: "b_9", Seen: []*controlpb.Keys{{Keys: []string{"device:shared", "account:ada"}}}})))
		b, _ := l.s.Webinar("w_1").Ban("b_9")
		if got := b.Keys.Strings(); !slices.Equal(got, []string{"device:shared", "participant:p_9"}) || b.Strength != webinar.WeakBan {
			t.Errorf("a %s ban of %v", b.Strength, got)
		}
		back := webinar.Visitor{Account: "ada", Device: sha256.Sum256([]byte("any"))}
		if _, err := l.s.Edge(clusterKey, nil).Webinar("w_1").Admit(back, nil, l.s.Time()); err != nil {
			t.Errorf("the door tells the owner: %v", err)
		}
	})
	t.Run("of another webinar they are nobody", func(t *testing.T) {
		other := plan("w_2", &controlpb.Settings{})
		other.GetCreateWebinar().Owner = "bo"
		l.must(other)
		l.must(by("p_mod", disconnect("w_2", "p_ada", nil, nil)))
	})
}

// A node of level 1 knows no such rule, and has to hold the same state.
func TestBeforeLevel2AnOwnerIsDisconnectedByAnybody(t *testing.T) {
	l := newLog(t)
	l.must(create("w_1"))
	l.must(disconnect("w_1", "p_ada", []string{"account:ada"}, &controlpb.NewBan{Id: "b_1"}))
	if b, _ := l.s.Webinar("w_1").Ban("b_1"); !slices.Contains(b.Keys.Strings(), "account:ada") {
		t.Errorf("held are %v", b.Keys)
	}
}

func TestM11AHandIsNoEntryOfTheLog(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	before := l.s.AuditHead().GetSeq()
	for i := range 10 {
		up := i%2 == 0
		l.must(setParticipant("w_1", "p_1", func(c *controlpb.SetParticipant) { c.Hand = &up }))
	}
	if n := l.s.AuditHead().GetSeq() - before; n != 0 {
		t.Errorf("%d entries: whoever waves pushes the others out", n)
	}
}

func TestS67S68S69AReinviteLiftsTheBan(t *testing.T) {
	dev := sha256.Sum256([]byte("laptop"))
	key := webinar.DeviceKey(dev).String()
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	enter := func() error {
		_, err := l.s.Edge(clusterKey, nil).Webinar("w_1").Admit(webinar.Visitor{Participant: "p_1", Name: "Bo", Device: dev}, nil, l.s.Time())
		return err
	}
	l.must(disconnect("w_1", "p_1", []string{key, "prefix:192.0.2.1/32"}, &controlpb.NewBan{Id: "b_1", Prefix: true}))
	if codeOf(enter()) != "banned" {
		t.Fatal("S64 a ban that holds nobody")
	}
	l.must(disconnect("w_1", "p_2", []string{"prefix:192.0.2.1/32", "device:other"}, nil))
	l.must(disconnect("w_1", "p_3", []string{"device:third"}, &controlpb.NewBan{Id: "b_3"}))
	t.Run("S67 who was not disconnected", func(t *testing.T) { l.refused("not_unconnected", reinvite("w_1", "p_9")) })
	if r := l.must(reinvite("w_1", "p_1")); r.Subject != "p_1" {
		t.Errorf("subject %q", r.Subject)
	}
	if err := enter(); err != nil {
		t.Errorf("S69 after the re-invite: %v", err)
	}
	w := l.s.Webinar("w_1")
	if _, there := w.Removal("p_1"); there || w.BanCount() != 1 || w.RemovalCount() != 2 {
		t.Errorf("%d bans and %d removals are left, theirs still there: %t", w.BanCount(), w.RemovalCount(), there)
	}
	if got := actions(l.s, "w_1"); got[len(got)-1] != "participant.reinvited p_1" {
		t.Errorf("audit %v", got)
	}
}

func TestS69AReinviteOfWhoOnlySharesANetwork(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(disconnect("w_1", "p_troll", []string{"device:troll", "prefix:192.0.2.1/32"}, &controlpb.NewBan{Id: "b_1", Prefix: true}))
	l.must(disconnect("w_1", "p_guest", []string{"device:guest", "prefix:192.0.2.1/32"}, nil))
	l.must(reinvite("w_1", "p_guest"))
	b, ok := l.s.Webinar("w_1").Ban("b_1")
	if !ok || slices.Contains(b.Keys.Strings(), "prefix:192.0.2.1/32") || !slices.Contains(b.Keys.Strings(), "device:troll") {
		t.Errorf("the other's ban: %v", b.Keys)
	}
}

func TestS69EveryBanOfTheSamePersonGoes(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(disconnect("w_1", "p_1", []string{"account:bo", "device:a"}, &controlpb.NewBan{Id: "b_1"}))
	l.must(disconnect("w_1", "p_2", []string{"account:bo", "device:b"}, &controlpb.NewBan{Id: "b_2"}))
	l.must(reinvite("w_1", "p_2"))
	if n := l.s.Webinar("w_1").BanCount(); n != 0 {
		t.Errorf("%d bans of the same account are left", n)
	}
}

func TestS70S71S72MediaIsStoppedAndAllowed(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{Mode: "all-on-screen"}))
	receives := func() [2]bool {
		audio, video := l.s.Edge(clusterKey, nil).Webinar("w_1").Receives(webinar.Standing{Participant: "p_1", Role: webinar.Attendee})
		return [2]bool{audio, video}
	}
	steps := []struct {
		name string
		c    *controlpb.Command
		want [2]bool
	}{
		{"S70 audio is stopped", setParticipant("w_1", "p_1", stopAudio(true)), [2]bool{false, true}},
		{"S71 video is stopped", setParticipant("w_1", "p_1", stopVideo(true)), [2]bool{false, false}},
		{"S72 audio is allowed again", setParticipant("w_1", "p_1", stopAudio(false)), [2]bool{true, false}},
		{"S72 video is allowed again", setParticipant("w_1", "p_1", stopVideo(false)), [2]bool{true, true}},
	}
	for _, step := range steps {
		l.must(step.c)
		if got := receives(); got != step.want {
			t.Errorf("%s: an edge receives %v, want %v", step.name, got, step.want)
		}
	}
	want := []string{"webinar.created w_1", "participant.audio_stopped p_1", "participant.video_stopped p_1", "participant.audio_allowed p_1", "participant.video_allowed p_1"}
	if got := actions(l.s, "w_1"); !slices.Equal(got, want) {
		t.Errorf("audit %v", got)
	}
	if n := l.s.Webinar("w_1").ParticipantCount(); n != 0 {
		t.Errorf("%d records of people who are as everyone is", n)
	}
	if v := l.s.Webinar("w_1").Version; v != 1 {
		t.Errorf("live moderation made it version %d", v)
	}
}

func TestS21TheStage(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(setParticipant("w_1", "p_1", func(c *controlpb.SetParticipant) { c.Hand = yes() }))
	up, _ := l.s.Webinar("w_1").Participant("p_1")
	l.must(setParticipant("w_1", "p_1", toStage(true)))
	p, _ := l.s.Webinar("w_1").Participant("p_1")
	if !p.Stage || up.Hand.IsZero() || !p.Hand.Equal(up.Hand) || p.Name != "SEALED name of p_1" || p.Index != l.s.Index() {
		t.Errorf("on stage: %+v", p)
	}
	l.must(setParticipant("w_1", "p_1", func(c *controlpb.SetParticipant) { c.Hand, c.Stage = no(), no() }))
	if n := l.s.Webinar("w_1").ParticipantCount(); n != 0 {
		t.Errorf("%d records", n)
	}
	for i := range webinar.RoleBased.MaxStage() {
		l.must(setParticipant("w_1", fmt.Sprint("p_", i), toStage(true)))
	}
	l.refused("stage_full", setParticipant("w_1", "p_late", toStage(true)))
	role := "presenter"
	l.must(setParticipant("w_1", "p_1", func(c *controlpb.SetParticipant) { c.Role = &role }))
	if r := l.s.Webinar("w_1").RoleOf(webinar.Standing{Participant: "p_1"}); r != webinar.Presenter {
		t.Errorf("role %q", r)
	}
	for _, bad := range []string{"owner", "king"} {
		l.refused("invalid_role", setParticipant("w_1", "p_1", func(c *controlpb.SetParticipant) { c.Role = &bad }))
	}
	l.must(disconnect("w_1", "p_bad", nil, &controlpb.NewBan{Id: "b_1"}))
	l.refused("banned", setParticipant("w_1", "p_bad", toStage(false)))
}

func TestTheLobby(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{Lobby: "everyone"}))
	waiting := webinar.Standing{Participant: "p_1", Role: webinar.Attendee, Waiting: true}
	inLobby := func() bool { return l.s.Edge(clusterKey, nil).Webinar("w_1").InLobby(waiting) }
	if !inLobby() {
		t.Fatal("nobody waits")
	}
	l.must(admit("w_1", "p_1", "p_2"))
	if inLobby() {
		t.Error("admitted, and waits still")
	}
	l.refused("invalid_participants", admit("w_1"))
	l.refused("invalid_participants", admit("w_1", slices.Repeat([]string{"p_1"}, 1_001)...))
	l.refused("invalid_participant", admit("w_1", "p/3"))
	l.must(disconnect("w_1", "p_1", nil, nil))
	if !inLobby() {
		t.Error("whoever was disconnected comes back through the lobby")
	}
	l.must(disconnect("w_1", "p_3", nil, &controlpb.NewBan{Id: "b_1"}))
	if r := l.must(admit("w_1", "p_4", "p_3", "p_5")); r.Subject != "2" {
		t.Errorf("%s of three were admitted, one of them banned", r.Subject)
	}
	p4, _ := l.s.Webinar("w_1").Participant("p_4")
	if _, banned := l.s.Webinar("w_1").Participant("p_3"); banned || !p4.Admitted {
		t.Error("a ban of one keeps the others waiting, or does not hold")
	}
	if r := l.must(admit("w_1", "p_4", "p_3")); r.Subject != "0" {
		t.Errorf("%s were admitted again", r.Subject)
	}
}

func TestInvitesInBatches(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	with := func(c *controlpb.Command, account string, mail bool) *controlpb.Command {
		c.GetCreateInvite().Account, c.GetCreateInvite().Mail, c.GetCreateInvite().Sealed = account, mail, []byte("SEALED address")
		return c
	}
	l.must(invites("w_1", with(invite("w_1", "i_1", "moderator"), "a_1", true), invite("w_1", "i_2", "attendee")))
	w := l.s.Webinar("w_1")
	if i, ok := w.InviteByAccount("a_1"); !ok || i.Role != webinar.Moderator || w.InviteCount() != 2 {
		t.Errorf("%d invites, of the account %+v", w.InviteCount(), i)
	}
	if got := mailKinds(l.s); !slices.Equal(got, []string{"invite i_1"}) {
		t.Errorf("mails %v", got)
	}
	l.refused("exists", invites("w_1", invite("w_1", "i_3", "attendee"), invite("w_1", "i_3", "attendee")))
	if _, ok := l.s.Webinar("w_1").Invite("i_3"); ok {
		t.Error("half of a refused command was done")
	}
	l.refused("account_invited", with(invite("w_1", "i_4", "attendee"), "a_1", false))
	l.refused("invalid_invites", invites("w_1"))
	l.refused("invalid_webinar", invites("w_1", invite("w_2", "i_5", "attendee")))
	l.must(revoke("w_1", "i_1"))
	l.refused("invite_not_found", revoke("w_1", "i_1"))
	came := webinar.Standing{Participant: "p_1", InviteID: "i_1"}
	if err := l.s.Edge(clusterKey, nil).Webinar("w_1").Allowed(came, l.s.Time()); codeOf(err) != "invalid_invite" {
		t.Errorf("who came by a revoked invite: %v", err)
	}
}

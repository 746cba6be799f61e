package session

import (
	"crypto/sha256"
	"testing"

	"google.golang.org/protobuf/proto"

	"stentor/cluster/pki"
	"stentor/control/controlpb"
)

// The commands of hosts, as these tests give them.

func (r *replica) edit(s *controlpb.Settings, mask ...string) {
	r.t.Helper()
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{
		Webinar: webinarID, Settings: s, Mask: mask,
	}}})
}

func (r *replica) participant(id string, c *controlpb.SetParticipant) {
	r.t.Helper()
	c.Webinar, c.Participant = webinarID, id
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_SetParticipant{SetParticipant: c}})
}

func (r *replica) letIn(participants ...string) {
	r.t.Helper()
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_AdmitVisitors{AdmitVisitors: &controlpb.AdmitVisitors{
		Webinar: webinarID, Participants: participants,
	}}})
}

func (r *replica) invite(id, role, secret, account string) {
	r.t.Helper()
	hash := sha256.Sum256([]byte(secret))
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: webinarID, Id: id, Name: "Mary", Role: role, Hash: hash[:], Account: account,
	}}})
}

func (r *replica) register(id, secret string) {
	r.t.Helper()
	hash := sha256.Sum256([]byte(secret))
	r.apply(&controlpb.Command{Kind: &controlpb.Command_Register{Register: &controlpb.Register{
		Webinar: webinarID, Id: id, Hash: hash[:], EmailHash: hash[:16], Sealed: []byte("sealed"),
	}}})
}

func (r *replica) decide(decision string, ids ...string) {
	r.t.Helper()
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_DecideRegistrants{DecideRegistrants: &controlpb.DecideRegistrants{
		Webinar: webinarID, Ids: ids, Decision: decision,
	}}})
}

func (r *replica) rotate(to string) {
	r.t.Helper()
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_RotateLink{RotateLink: &controlpb.RotateLink{Webinar: webinarID, Link: to}}})
}

func (r *replica) lock() {
	r.t.Helper()
	r.edit(&controlpb.Settings{Locked: true}, "locked")
}

// voter makes the edge's node a voter, which may make passes.
func (e *edge) voter(t testing.TB) {
	cred := credentialsOf(t, e.ca, "n1", pki.Voter)
	e.cfg.Credentials = func() *pki.Credentials { return cred }
}

// enter joins and opens a session, and fails the test if it cannot.
func (e *edge) enter(t testing.TB, k Knock, use Use) (Grant, *Session) {
	t.Helper()
	g, err := e.Join(ctx, link, k)
	if err != nil {
		t.Fatalf("Join: %v", err)
	}
	s, err := e.Open(ctx, link, g.Token, home, use)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return g, s
}

// ended is what a session was ended by.
func ended(s *Session) string {
	if s.Context().Err() == nil {
		return "admitted"
	}
	return code(causeOf(s))
}

var yes, no = proto.Bool(true), proto.Bool(false)

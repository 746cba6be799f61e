package control

import (
	"errors"
	"testing"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Commands of feature level 2.

// newLog2 is a log of a cluster at feature level 2.
func newLog2(t testing.TB) *log {
	l := newLog(t)
	l.must(setLevel(2))
	return l
}

func setLevel(n uint32) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: n}}}
}

func plan(id string, s *controlpb.Settings) *controlpb.Command {
	if s.Title == "" {
		s.Title = "About " + id
	}
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: id, Link: "link-" + id, Owner: "ada", Settings: s}}}
}

// signUp is a webinar with registration.
func signUp(id string, r *controlpb.Registration) *controlpb.Command {
	return plan(id, &controlpb.Settings{Registration: r})
}

func edit(w string, s *controlpb.Settings, mask ...string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{Webinar: w, Settings: s, Mask: mask}}}
}

func rotate(w, link string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_RotateLink{RotateLink: &controlpb.RotateLink{Webinar: w, Link: link}}}
}

func revoke(w, id string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_RevokeInvite{RevokeInvite: &controlpb.RevokeInvite{Webinar: w, Id: id}}}
}

func invites(w string, of ...*controlpb.Command) *controlpb.Command {
	c := &controlpb.CreateInvites{Webinar: w}
	for _, i := range of {
		c.Invites = append(c.Invites, i.GetCreateInvite())
	}
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateInvites{CreateInvites: c}}
}

// sealedText stands in what only voters may hold.
const sealedText = "SEALED"

func register(w, id string) *controlpb.Command {
	return &controlpb.Command{Principal: "guest", Kind: &controlpb.Command_Register{Register: &controlpb.Register{
		Webinar: w, Id: id, Hash: hash("secret of " + w + id), EmailHash: hash("SEALED mail of " + id), Sealed: []byte(sealedText + " " + id), Mail: true}}}
}

func decide(w, decision string, ids ...string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_DecideRegistrants{DecideRegistrants: &controlpb.DecideRegistrants{Webinar: w, Ids: ids, Decision: decision}}}
}

func openRegistration(w string, open bool) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_OpenRegistration{OpenRegistration: &controlpb.OpenRegistration{Webinar: w, Open: open}}}
}

func reinvite(w, p string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_Reinvite{Reinvite: &controlpb.Reinvite{Webinar: w, Participant: p}}}
}

func setParticipant(w, p string, change func(*controlpb.SetParticipant)) *controlpb.Command {
	c := &controlpb.SetParticipant{Webinar: w, Participant: p, Name: sealedText + " name of " + p}
	change(c)
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_SetParticipant{SetParticipant: c}}
}

func admit(w string, ps ...string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_AdmitVisitors{AdmitVisitors: &controlpb.AdmitVisitors{Webinar: w, Participants: ps}}}
}

const phc = "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$SEALED"

func account(id, role string) *controlpb.Command {
	return &controlpb.Command{Principal: "root", Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{
		Id: id, Login: "login-" + id, Name: "SEALED " + id, Role: role, Password: phc, Issuer: "https://id.example", Subject: "sub-" + id}}}
}

func editAccount(id string, change func(*controlpb.EditAccount)) *controlpb.Command {
	c := &controlpb.EditAccount{Id: id}
	change(c)
	return &controlpb.Command{Principal: "root", Kind: &controlpb.Command_EditAccount{EditAccount: c}}
}

func deleteAccount(id string) *controlpb.Command {
	return &controlpb.Command{Principal: "root", Kind: &controlpb.Command_DeleteAccount{DeleteAccount: &controlpb.DeleteAccount{Id: id}}}
}

func registerNode(node string, epoch uint64) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_RegisterNode{RegisterNode: &controlpb.RegisterNode{Node: node, Epoch: epoch, Role: "edge"}}}
}

func removeNode(node string) *controlpb.Command {
	return &controlpb.Command{Principal: "root", Kind: &controlpb.Command_RemoveNode{RemoveNode: &controlpb.RemoveNode{Node: node}}}
}

func acquire(w, node string, seq uint64, want uint32) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_AcquireSeats{AcquireSeats: &controlpb.AcquireSeats{Webinar: w, Node: node, Epoch: 1, Want: want, Seq: seq}}}
}

func giveBack(w, node string, seq uint64, count uint32) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_ReturnSeats{ReturnSeats: &controlpb.ReturnSeats{Webinar: w, Node: node, Epoch: 1, Count: count, Seq: seq}}}
}

func reportSeats(w, node string, seq uint64, joined, left []string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_ReportSeats{ReportSeats: &controlpb.ReportSeats{Webinar: w, Node: node, Epoch: 1, Seq: seq, Joined: joined, Left: left}}}
}

func transfer(w, node string, seq uint64, p string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_TransferSeat{TransferSeat: &controlpb.TransferSeat{Webinar: w, Node: node, Epoch: 1, Seq: seq, Participant: p}}}
}

func guess(w, node string, seq uint64, want, right uint32) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_AcquireGuesses{AcquireGuesses: &controlpb.AcquireGuesses{Webinar: w, Node: node, Epoch: 1, Seq: seq, Want: want, Right: right}}}
}

func renew(node string, seq uint64, webinars ...string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_RenewLease{RenewLease: &controlpb.RenewLease{Node: node, Epoch: 1, Seq: seq, Webinars: webinars}}}
}

func attend(w, node, id string, left int64) *controlpb.Command {
	return &controlpb.Command{Principal: "node", Kind: &controlpb.Command_ReportAttendance{ReportAttendance: &controlpb.ReportAttendance{
		Webinar: w, Node: node, Attendance: []*controlpb.Attendance{{Id: id, Participant: "p_1", Role: "attendee", Guest: true,
			Joined: start.UnixNano(), Left: left, Sealed: []byte(sealedText + " stay")}}}}}
}

func sign(s *State, seq uint64) *controlpb.Command {
	c := &controlpb.SignAudit{Seq: seq, Signature: []byte("signature"), Certificate: []byte("certificate")}
	for e := range s.Audit(seq) {
		c.Hash = e.GetHash()
		break
	}
	return &controlpb.Command{Kind: &controlpb.Command_SignAudit{SignAudit: c}}
}

func webhook(id, w string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateWebhook{CreateWebhook: &controlpb.CreateWebhook{
		Id: id, Owner: "ada", Webinar: w, Url: "https://hooks.example/" + id, Sealed: []byte(sealedText + " hook"), Events: []string{"webinar.started"}}}}
}

func deleteWebhook(id string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_DeleteWebhook{DeleteWebhook: &controlpb.DeleteWebhook{Id: id}}}
}

func advance(id string, seq uint64, disabled bool) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_AdvanceWebhook{AdvanceWebhook: &controlpb.AdvanceWebhook{Id: id, Seq: seq, Disabled: disabled}}}
}

func settleMail(sent []string, failed ...*controlpb.MailFailure) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_SettleMail{SettleMail: &controlpb.SettleMail{Sent: sent, Failed: failed}}}
}

func tick(at time.Time) *controlpb.Command {
	return &controlpb.Command{ProposedAt: at.UnixNano(), Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}}
}

func checkpoint(index uint64) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_Checkpoint{Checkpoint: &controlpb.Checkpoint{Index: index, Hash: hash("state")}}}
}

func occurrences(w string, complete bool, at ...time.Time) *controlpb.Command {
	c := &controlpb.ExtendOccurrences{Webinar: w, Complete: complete}
	for _, t := range at {
		c.Occurrences = append(c.Occurrences, t.UnixNano())
	}
	return &controlpb.Command{Kind: &controlpb.Command_ExtendOccurrences{ExtendOccurrences: c}}
}

// at is c proposed at t.
func at(c *controlpb.Command, t time.Time) *controlpb.Command {
	c.ProposedAt = t.UnixNano()
	return c
}

// refused applies c, which has to be refused with the code.
func (l *log) refused(code string, c *controlpb.Command) Result {
	l.t.Helper()
	before := l.s.Hash()
	r := l.apply(c)
	if got := codeOf(r.Err); got != code {
		l.t.Fatalf("got %q (%v), want %s", got, r.Err, code)
	}
	if l.s.Hash() != before {
		l.t.Fatal("a refused command changed something")
	}
	return r
}

// yes and no are for optional fields.
func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

func codeOf(err error) string {
	var d *webinar.Denial
	if errors.As(err, &d) {
		return d.Code
	}
	return ""
}

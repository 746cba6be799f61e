package api

import (
	"testing"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// TestATokenOfACapturedEdgeGivesNothingOfHosts names everybody that a token can name, in a
// session token that no voter signed.
func TestATokenOfACapturedEdgeGivesNothingOfHosts(t *testing.T) {
	w := newWorld(t)
	owner, cookie := w.account("owner", "host")
	id := decode[client.Webinar](w.do(ask{method: "POST", path: "/api/v1/webinars", cookie: cookie, body: `{"title":"a"}`}).must(201)).ID
	w.invited(id, "i_m", "moderator", "a_mod", "mod")
	w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id + "/participants/p_1", cookie: cookie, body: `{"role":"moderator"}`}).must(200)
	for name, s := range map[string]webinar.Standing{
		"an account":  {Participant: "p_x", Account: owner, Role: webinar.Owner},
		"an invite":   {Participant: "p_i_m", InviteID: "i_m", Role: webinar.Moderator},
		"an override": {Participant: "p_1", Role: webinar.Attendee},
	} {
		w.sessions["sts1.edge"] = Bearer{Webinar: id, Standing: s, Name: "Mallory"}
		in := func(method, path, body string) reply {
			return w.do(ask{method: method, path: "/api/v1/webinars/" + id + path, token: "sts1.edge", body: body})
		}
		in("GET", "", "").must(403).refused(codeNotAllowed)
		in("PATCH", "", `{"locked":true}`).must(403).refused(codeNotAllowed)
		in("POST", "/end", "").must(403).refused(codeNotAllowed)
		if got := decode[client.EditedParticipant](in("PUT", "/hand", `{"raised":true}`).must(200)); got.ID != s.Participant {
			t.Errorf("%s raises the hand of %s", name, got.ID)
		}
		if me := decode[client.Me](w.do(ask{method: "GET", path: "/api/v1/me", token: "sts1.edge"}).must(200)); me.Role != "attendee" || me.Kind != "participant" {
			t.Errorf("%s is %+v", name, me)
		}
	}
	for _, participant := range []string{w.hostID, owner, ""} { // who would then be the author of commands
		w.sessions["sts1.edge"] = Bearer{Webinar: id, Standing: webinar.Standing{Participant: participant}, Name: "Mallory"}
		w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/hand", token: "sts1.edge", body: `{"raised":true}`}).must(401).refused(codeTokenUnknown)
	}
}

// TestS21AModeratorsPersonalLinkIsLiveControl: an edge may be all that they have come by.
func TestS21AModeratorsPersonalLinkIsLiveControl(t *testing.T) {
	w := newWorld(t)
	id, elsewhere := w.webinar(`{"title":"a","lobby":"everyone"}`).ID, w.webinar(`{"title":"b"}`).ID
	make := func(body string) client.Invite { return decode[client.Invite](w.post(id, "/invites", body).must(201)) }
	mod, guest := make(`{"name":"Mod","role":"moderator"}`), make(`{"name":"Ada"}`)
	lock := func(id, secret string) reply {
		return w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id, token: secret, body: `{"locked":true}`})
	}
	lock(id, mod.Secret).must(200)
	lock(id, guest.Secret).must(403).refused(codeNotAllowed)
	lock(elsewhere, mod.Secret).must(401).refused(codeTokenUnknown)
	lock(id, secretOf("nobody's")).must(401).refused(codeTokenUnknown)
	w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/hand", token: guest.Secret, body: `{"raised":true}`}).must(403).refused(codeNotAllowed) // in the lobby
	me := decode[client.Me](w.do(ask{method: "GET", path: "/api/v1/me", token: mod.Secret}).must(200))
	if me.Participant != "p_"+mod.ID || me.Role != "moderator" || me.Webinar != id || me.Name != "Mod" {
		t.Errorf("the moderator is %+v", me)
	}
	audit := w.store.State().AuditHead().GetSeq()
	if r := entryAt(w.store.State(), audit); r.GetPrincipal() != me.Participant {
		t.Errorf("the log names %s", r.GetPrincipal())
	}
	attendee := "attendee"
	set := func(role string) {
		w.command(&controlpb.Command{Kind: &controlpb.Command_SetParticipant{SetParticipant: &controlpb.SetParticipant{Webinar: id, Participant: me.ID, Role: &role}}})
	}
	set(attendee)
	lock(id, mod.Secret).must(403).refused(codeNotAllowed)
	set("moderator")
	w.post(id, "/participants/"+me.ID+"/disconnect", `{"ban":true}`).must(200)
	lock(id, mod.Secret).must(401).refused(codeTokenUnknown)
	w.post(id, "/participants/"+me.ID+"/reinvite", "").must(200)
	lock(id, mod.Secret).must(200)
	w.do(ask{method: "DELETE", path: "/api/v1/webinars/" + id + "/invites/" + mod.ID, token: w.host}).must(204)
	lock(id, mod.Secret).must(401).refused(codeTokenUnknown)
}

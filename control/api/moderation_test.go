package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// post sends a change about a webinar with the host's token.
func (w *world) post(id, path, body string) reply {
	w.t.Helper()
	return w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + path, token: w.host, body: body})
}

// list gets something about a webinar with the host's token.
func (w *world) list(id, path string) reply {
	w.t.Helper()
	return w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + path, token: w.host}).must(200)
}

func TestS65ADisconnectAndABanInBothModes(t *testing.T) {
	for _, mode := range []string{"role-based", "all-on-screen"} {
		w := newWorld(t)
		id := w.webinar(`{"title":"a","mode":"` + mode + `"}`).ID
		w.crowd.inside[id] = []Present{present("p_1", "n1", "device:abc"), present("p_2", "n1", "device:def")}
		w.post(id, "/participants/p_1/disconnect", `{}`).must(200)
		w.post(id, "/participants/p_2/disconnect", `{"ban":true}`).must(200)
		one := w.store.State().Webinar(id)
		if one.RemovalCount() != 2 || one.BanCount() != 1 {
			t.Errorf("%s: %d removed, %d banned", mode, one.RemovalCount(), one.BanCount())
		}
	}
}

func TestS64ABanOfANetworkHoldsForTwoHours(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	w.crowd.inside[id] = []Present{present("p_1", "n1", "device:abc", "prefix:192.0.2.7/32")}
	w.post(id, "/participants/p_1/disconnect", `{"ban":true,"network":true}`).must(200)
	neighbour := webinar.Visitor{Participant: "p_3", Name: "Bob", Prefix: netip.MustParsePrefix("192.0.2.7/32")}
	if err := w.admit(id, neighbour); !errors.Is(err, webinar.ErrBanned) {
		t.Errorf("from the same network: %v", err)
	}
	bans := decode[client.Bans](w.list(id, "/bans")).Items
	if len(bans) != 1 || bans[0].Until == nil || bans[0].Until.Sub(w.now) != 2*time.Hour {
		t.Errorf("the bans are %+v", bans)
	}
	w.now = w.now.Add(2 * time.Hour)
	if err := w.admit(id, neighbour); err != nil {
		t.Errorf("after two hours: %v", err)
	}
}

func TestS66DisconnectedPeopleStayInTheUnconnectedList(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	for i := range 5 {
		p := fmt.Sprintf("p_%d", i)
		w.crowd.inside[id] = []Present{present(p, "n1", "device:"+p)}
		w.post(id, "/participants/"+p+"/disconnect", fmt.Sprintf(`{"ban":%v}`, i == 3)).must(200)
	}
	var got []string
	next := ""
	for {
		l := decode[client.UnconnectedList](w.list(id, "/unconnected?limit=2"+next))
		for _, v := range l.Items {
			got = append(got, v.Participant)
			if v.Banned != (v.Participant == "p_3") || v.Name != "Name of "+v.Participant || v.By != w.hostID || len(v.Bans) > 0 != v.Banned {
				t.Errorf("listed %+v", v)
			}
		}
		if l.Next == "" {
			break
		}
		next = "&cursor=" + l.Next
	}
	if !slices.Equal(got, []string{"p_4", "p_3", "p_2", "p_1", "p_0"}) {
		t.Errorf("listed %v", got)
	}
}

func TestS67S69AReinviteLiftsTheBan(t *testing.T) {
	device := [32]byte{3}
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	w.crowd.inside[id] = []Present{present("p_1", "n1", webinar.DeviceKey(device).String())}
	w.post(id, "/participants/p_1/disconnect", `{"ban":true}`).must(200)
	back := webinar.Visitor{Participant: "p_9", Name: "Ada", Device: device}
	if err := w.admit(id, back); !errors.Is(err, webinar.ErrBanned) {
		t.Fatalf("the door says %v", err)
	}
	got := decode[client.Reinvited](w.post(id, "/participants/p_1/reinvite", "").must(200))
	if got.Participant != "p_1" || got.Index != w.store.State().Index() {
		t.Errorf("answered %+v", got)
	}
	if err := w.admit(id, back); err != nil {
		t.Errorf("S69 the door says %v", err)
	}
	if l := decode[client.UnconnectedList](w.list(id, "/unconnected")); len(l.Items) != 0 {
		t.Errorf("still listed: %+v", l.Items)
	}
	w.post(id, "/participants/p_1/reinvite", "").refused(codeParticipantNotFound)
}

func TestS70S71S72MediaOfAParticipantAreStoppedAndAllowed(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	w.crowd.inside[id] = []Present{present("p_1", "n1", "device:abc")}
	set := func(body string) client.EditedParticipant {
		return decode[client.EditedParticipant](w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id + "/participants/p_1", token: w.host, body: body}).must(200))
	}
	stopped := func(audio, video bool) {
		t.Helper()
		if a, v := w.store.State().Webinar(id).Stopped("p_1"); a != audio || v != video {
			t.Errorf("stopped are audio %v, video %v", a, v)
		}
	}
	got := set(`{"stop_audio":true}`)
	if stopped(true, false); !got.StopAudio || got.StopVideo || got.Name != "Name of p_1" || got.Index != w.store.State().Index() {
		t.Errorf("S70 answered %+v", got)
	}
	set(`{"stop_video":true}`)
	stopped(true, true)
	inside := decode[client.Participants](w.list(id, "/participants")).Items
	if len(inside) != 1 || !inside[0].StopAudio || !inside[0].StopVideo {
		t.Errorf("S71 listed %+v", inside)
	}
	got = set(`{"stop_audio":false,"stop_video":false,"stage":true,"hand":true}`)
	if stopped(false, false); !got.Stage || got.Hand == nil || !got.Hand.Equal(w.now) {
		t.Errorf("S72 answered %+v", got)
	}
	if got = set(`{"stage":false,"hand":false}`); got.Stage || got.Hand != nil || got.ID != "p_1" || got.Name != "Name of p_1" {
		t.Errorf("answered %+v", got)
	}
}

func TestARoleIsChangedLive(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	guest := w.sessions[w.session(id, webinar.Visitor{Participant: "p_1", Name: "Ada"})].Standing
	for _, role := range []string{"presenter", "moderator", "attendee", ""} {
		w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id + "/participants/p_1", token: w.host, body: `{"role":"` + role + `"}`}).must(200)
		want := webinar.Role(role)
		if role == "" {
			want = webinar.Attendee
		}
		if got := w.store.State().Webinar(id).RoleOf(guest); got != want {
			t.Errorf("%q: the role is %s", role, got)
		}
	}
	w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id + "/participants/p_1", token: w.host, body: `{"role":"owner"}`}).refused(codeInvalidRequest)
}

func TestTheLobby(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a","lobby":"guests"}`).ID
	var waiting []Present
	for i := range 4 {
		v := present(fmt.Sprintf("p_%d", i), "n1")
		v.Waiting, v.Guest = i < 3, true
		waiting = append(waiting, v)
	}
	w.crowd.inside[id], w.crowd.unreachable = waiting, []string{"n7"}
	l := decode[client.Lobby](w.list(id, "/lobby"))
	if len(l.Items) != 3 || !l.Items[0].Waiting || !l.Items[0].Guest || !slices.Equal(l.Unreachable, []string{"n7"}) {
		t.Errorf("in the lobby are %+v", l)
	}
	admitted := func(id2 string) bool { p, _ := w.store.State().Webinar(id).Participant(id2); return p.Admitted }
	one := decode[client.Admitted](w.post(id, "/lobby/admit", `{"participants":["p_0"]}`).must(200))
	if !slices.Equal(one.Participants, []string{"p_0"}) || !admitted("p_0") || admitted("p_1") || one.Index == 0 {
		t.Errorf("admitted %+v", one)
	}
	all := decode[client.Admitted](w.post(id, "/lobby/admit", `{"all":true}`).must(200))
	if len(all.Participants) != 3 || !admitted("p_2") || admitted("p_3") {
		t.Errorf("admitted %+v", all)
	}
	w.crowd.inside[id] = nil
	if none := decode[client.Admitted](w.post(id, "/lobby/admit", `{"all":true}`).must(200)); len(none.Participants) != 0 {
		t.Errorf("admitted %+v", none)
	}
	w.post(id, "/lobby/admit", `{}`).refused(codeEmptyEdit)
	w.post(id, "/lobby/admit", `{"participants":["a/b"]}`).refused(codeInvalidRequest)
}

func TestAdmittingMoreThanOneCommandTakes(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a","lobby":"everyone"}`).ID
	for i := range 2500 {
		v := present(fmt.Sprintf("p_%d", i), "n1")
		v.Waiting = true
		w.crowd.inside[id] = append(w.crowd.inside[id], v)
	}
	all := decode[client.Admitted](w.post(id, "/lobby/admit", `{"all":true}`).must(200))
	if n := w.store.State().Webinar(id).ParticipantCount(); len(all.Participants) != 2500 || n != 2500 {
		t.Errorf("admitted %d, known %d", len(all.Participants), n)
	}
}

func TestAParticipantRaisesTheirOwnHand(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	token := w.session(id, webinar.Visitor{Participant: "p_1", Name: "Ada"})
	raise := func(up string) reply {
		return w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/hand", token: token, body: `{"raised":` + up + `}`})
	}
	up := decode[client.EditedParticipant](raise("true").must(200))
	if up.ID != "p_1" || up.Hand == nil || up.Name != "Ada" {
		t.Errorf("raised: %+v", up)
	}
	w.now = w.now.Add(time.Minute)
	if again := decode[client.EditedParticipant](raise("true").must(200)); !again.Hand.Equal(*up.Hand) {
		t.Errorf("raised again: %+v", again)
	}
	before := w.store.index
	if out := raise("false"); out.must(429).refused(codeTooManyRequests) == nil || out.header.Get("Retry-After") != "2" || w.store.index != before {
		t.Errorf("at once again: %v, %d commands", out.header, w.store.index-before)
	}
	w.now = w.now.Add(handEvery)
	if down := decode[client.EditedParticipant](raise("false").must(200)); down.Hand != nil {
		t.Errorf("lowered: %+v", down)
	}
	w.post(id, "/participants/p_1/disconnect", `{}`).must(200)
	if p := raise("true").must(401).refused(codeTokenUnknown); p.Detail != webinar.ErrDisconnected.Detail {
		t.Errorf("it says %s", p.Detail)
	}
	waiting := w.webinar(`{"title":"a","lobby":"guests"}`).ID
	id, token = waiting, w.session(waiting, webinar.Visitor{Participant: "p_2", Name: "Bob"})
	raise("true").must(403).refused(codeNotAllowed)
}

func TestARepetitionIsNoOtherHand(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	token := w.session(id, webinar.Visitor{Participant: "p_1", Name: "Ada"})
	for range 3 {
		w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/hand", token: token, body: `{"raised":true}`, header: http.Header{"Idempotency-Key": {"k"}}}).must(200)
	}
}

func TestWhoIsAdmittedIsWhatTheStateSays(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a","lobby":"everyone"}`).ID
	waits := func(p string) {
		v := present(p, "n1")
		v.Waiting = true
		w.crowd.inside[id] = append(w.crowd.inside[id], v)
	}
	all := func() []string {
		out := w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/lobby/admit", token: w.host, body: `{"all":true}`, header: http.Header{"Idempotency-Key": {"k"}}})
		return decode[client.Admitted](out.must(200)).Participants
	}
	waits("p_1")
	waits("p_2")
	if got := all(); !slices.Equal(got, []string{"p_1", "p_2"}) {
		t.Errorf("admitted %v", got)
	}
	w.crowd.inside[id] = nil
	waits("p_3") // after the first request, whose repetition is not about it
	if got := all(); !slices.Equal(got, []string{"p_1", "p_2"}) {
		t.Errorf("a repetition admitted %v", got)
	}
	if p, ok := w.store.State().Webinar(id).Participant("p_3"); ok {
		t.Errorf("the state has %+v", p)
	}
}

func TestFiveHundredInvitesWithAKey(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	one := strings.TrimSuffix(strings.Repeat(`{"name":"Ada","role":"presenter"},`, 500), ",")
	make := func() reply {
		return w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/invites/batch", token: w.host, body: `{"invites":[` + one + `]}`,
			header: http.Header{"Idempotency-Key": {"k"}}}).must(201)
	}
	first := make()
	if again := make(); !bytes.Equal(first.body, again.body) {
		t.Error("a repetition is answered otherwise")
	}
	if n := w.store.State().Webinar(id).InviteCount(); n != 500 {
		t.Errorf("%d invites", n)
	}
}

func TestInvitesByTheHundred(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"a"}`)
	body := func(n int) string {
		one := strings.TrimSuffix(strings.Repeat(`{"name":"Ada","role":"presenter","email":"ada@example.org","mail":true},`, n), ",")
		return `{"invites":[` + one + `]}`
	}
	out := decode[client.CreatedInvites](w.post(made.ID, "/invites/batch", body(500)).must(201))
	secrets := map[string]bool{}
	for _, i := range out.Items {
		secrets[i.Secret] = true
		if i.Email != "ada@example.org" || i.LinkPath != made.JoinPath+"#invite="+i.Secret || i.Role != "presenter" {
			t.Fatalf("made %+v", i)
		}
	}
	if len(secrets) != 500 || w.store.State().Webinar(made.ID).InviteCount() != 500 {
		t.Errorf("made %d", len(secrets))
	}
	if state := fmt.Sprintf("%+v", w.store.State()); strings.Contains(state, "ada@example.org") || strings.Contains(w.log.String(), "ada@example.org") {
		t.Error("an address is kept unsealed, or logged")
	}
	w.post(made.ID, "/invites/batch", body(501)).refused(codeInvalidRequest)
	w.post(made.ID, "/invites/batch", `{"invites":[]}`).refused(codeInvalidRequest)
	before := w.store.State().Webinar(made.ID).InviteCount()
	p := w.post(made.ID, "/invites/batch", `{"invites":[{"name":"Ada"},{"name":"Bob","email":"Bob <bob@example.org>"}]}`).refused(codeInvalidEmail)
	if p.Fields[0].Location != "body.invites[1].email" || w.store.State().Webinar(made.ID).InviteCount() != before {
		t.Errorf("refused with %+v", p.Fields)
	}
	w.post(made.ID, "/invites", `{"name":"Ada","mail":true}`).refused(codeInvalidEmail)
	w.post(made.ID, "/invites", `{"name":"Ada","account":"a_x"}`).refused(codeAccountNotFound)
}

func TestARevokedInviteOpensNothing(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"a","generate_pin":true}`)
	i := decode[client.Invite](w.post(made.ID, "/invites", `{"name":"Ada","role":"moderator"}`).must(201))
	token := w.session(made.ID, webinar.Visitor{Name: "Ada", Invite: Hash(i.Secret)})
	look := ask{method: "GET", path: "/api/v1/webinars/" + made.ID, token: token}
	w.do(look).must(200)
	w.do(ask{method: "DELETE", path: "/api/v1/webinars/" + made.ID + "/invites/" + i.ID, token: w.host}).must(204)
	w.do(look).refused(codeTokenUnknown)
	if err := w.admit(made.ID, webinar.Visitor{Name: "Ada", Invite: Hash(i.Secret)}); !errors.Is(err, webinar.ErrInvalidInvite) {
		t.Errorf("the door says %v", err)
	}
}

func TestMarkupStaysText(t *testing.T) {
	const evil = `<script>alert("1")</script><img src=x onerror=alert(1)>`
	text := strings.ReplaceAll(evil, `"`, `\"`)
	w := newWorld(t)
	made := w.webinar(`{"title":"` + text + `","description":"` + text + `","registration":{"fields":[{"id":"q","label":"` + text + `","type":"text"}]}}`)
	if made.Title != evil || made.Description != evil || made.Registration.Fields[0].Label != evil {
		t.Errorf("made %+v", made)
	}
	w.form(made.Link, `{"first_name":"`+text+`","last_name":"`+text+`","email":"a@example.org","fields":{"q":["`+text+`"]}}`).must(201)
	v := present("p_1", "n1")
	v.Name = evil
	w.crowd.inside[made.ID] = []Present{v}
	w.post(made.ID, "/participants/p_1/disconnect", `{"ban":true}`).must(200)
	w.post(made.ID, "/invites", `{"name":"`+text+`"}`).must(201)
	for _, path := range []string{"", "/registrants", "/participants", "/bans", "/unconnected", "/invites", "/events"} {
		out := w.list(made.ID, path)
		if strings.Contains(string(out.body), "<script") {
			t.Errorf("%s answers with markup: %s", path, out.body)
		}
		if !strings.Contains(string(out.body), `\u003cscript\u003ealert(\"1\")`) {
			t.Errorf("%s has lost the text: %s", path, out.body)
		}
		if got := out.header.Get("X-Content-Type-Options"); got != "nosniff" || strings.Contains(out.header.Get("Content-Type"), "html") {
			t.Errorf("%s is %s", path, out.header.Get("Content-Type"))
		}
	}
	page := w.publicPage(made.Link).must(200)
	if strings.Contains(string(page.body), "<script") {
		t.Errorf("the page has markup: %s", page.body)
	}
}

func TestEveryChangeWithAKeyActsOnce(t *testing.T) {
	// What a repetition does is the same for each operation: nothing. Streams and lists
	// are not changes, and a sign-in keeps nothing.
	w := newWorld(t)
	c := newCast(w, webinar.Live, w.hostID)
	w.account("xyz", "member")
	w.command(editOf(c.id, &controlpb.Settings{Registration: registrationOf(client.SetRegistration{Approval: true})}, "registration"))
	hash := Hash("r_2")
	w.command(&controlpb.Command{Kind: &controlpb.Command_Register{Register: &controlpb.Register{Webinar: c.id, Id: "r_2", Hash: hash[:], EmailHash: hash[:]}}})
	link := w.store.State().Webinar(c.id).Link
	tokens := map[string]string{"raise-hand": w.session(c.id, webinar.Visitor{Name: "Mod", Invite: w.invited(c.id, "i_s", "moderator", "", "s")})}
	samples := map[string]string{
		"decide-registrants": `{"ids":["r_2"],"decision":"decline"}`, "cancel-registration": `{"secret":"r_2"}`,
		"create-account": `{"login":"new","name":"New","role":"member","password":"correct horse battery"}`,
	}
	before, index := w.store.state, w.store.index
	for _, r := range Routes() {
		if !r.Writes() || slices.Contains([]string{"sign-in", "sign-out", "make-pass"}, r.Name) {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			w.t, w.store.state, w.store.index = t, before, index
			path := strings.NewReplacer("{link}", link, "{account}", "a_xyz", "{token}", w.hostID, "{node}", "n1").Replace(c.path(r))
			if r.Name == "set-pin" || r.Name == "clear-pin" {
				w.command(editOf(c.id, &controlpb.Settings{}, "registration"))
			}
			if r.Name == "edit-participant" { // who is banned is nobody to edit
				path = strings.Replace(path, "p_bad", "p_7", 1)
			}
			if r.Name == "delete-webhook" {
				made := decode[client.Webhook](w.do(ask{method: "POST", path: "/api/v1/webhooks", token: w.admin, body: sample("create-webhook")}).must(201))
				path = strings.Replace(path, "{webhook}", made.ID, 1)
			}
			if r.Tag == mesh && strings.Contains(r.Path, "{node}") {
				w.mesh.status.Nodes = []NodeStatus{{Node: "n1", Role: "edge", Alive: true}}
			}
			a := ask{method: r.Method, path: path, token: w.admin, body: sample(r.Name), header: http.Header{"Idempotency-Key": {"k"}}}
			if s := samples[r.Name]; s != "" {
				a.body = s
			}
			if tokens[r.Name] != "" {
				a.token = tokens[r.Name]
			}
			first := w.do(a)
			once := w.store.State().Hash()
			second := w.do(a)
			if first.status >= 300 || second.status != first.status || string(first.body) != string(second.body) {
				t.Errorf("first %d %s, then %d %s", first.status, first.body, second.status, second.body)
			}
			if w.store.State().Hash() != once {
				t.Error("it acted twice")
			}
		})
	}
}

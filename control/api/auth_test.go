package api

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// concrete fills the path of a route with what a fixture has.
func concrete(r Route, webinar string) string {
	return strings.NewReplacer("{id}", webinar, "{participant}", "p_1", "{ban}", "b_1", "{code}", codeEnded, "{invite}", "i_1",
		"{registrant}", "r_1", "{seq}", "1", "{link}", "link", "{account}", "a_x", "{token}", "t_x", "{node}", "n9", "{webhook}", "h_x").Replace(r.Path)
}

// sample is a body that the route takes.
func sample(name string) string {
	return map[string]string{
		"create-webinar":      `{"title":"All hands"}`,
		"edit-webinar":        `{"locked":true}`,
		"set-pin":             `{"generate":true}`,
		"set-registration":    `{"window":"always"}`,
		"decide-registrants":  `{"ids":["r_1"],"decision":"approve"}`,
		"register":            `{"first_name":"Ada","last_name":"Lovelace","email":"ada@example.org"}`,
		"cancel-registration": `{"secret":"str_x"}`,
		"create-invite":       `{"name":"Ada","role":"presenter"}`,
		"create-invites":      `{"invites":[{"name":"Ada"},{"name":"Bob"}]}`,
		"edit-participant":    `{"stop_audio":true}`,
		"disconnect":          `{"ban":true}`,
		"admit":               `{"participants":["p_7"]}`,
		"raise-hand":          `{"raised":true}`,
		"write-caption":       `{"language":"de","text":"Guten Tag."}`,
		"sign-in":             `{"login":"nobody","password":"swordfish"}`,
		"create-account":      `{"login":"x.y","name":"X","role":"member","issuer":"https://id.example","subject":"7"}`,
		"edit-account":        `{"name":"Y"}`,
		"create-token":        `{"name":"x","scopes":["host"]}`,
		"create-join-token":   `{"role":"edge"}`,
		"create-webhook":      `{"url":"https://example.org/hook"}`,
	}[name]
}

// partSample is a body for the part of a route that needs another right.
func partSample(r Row) string {
	switch r.Part {
	case partPlan:
		return `{"title":"Another title"}`
	case partRole:
		return `{"role":"presenter"}`
	}
	return sample(r.Route.Name)
}

// written is the table written out once more, so that nobody opens a route by accident:
// right -> operations.
func written() map[string][]string {
	return map[string][]string{
		"everybody": {"get-public", "register", "cancel-registration", "list-sign-ins", "sign-in", "sign-out", "list-problems", "get-problem"},
		"administrators": {"list-all-audit", "get-audit-head", "create-account", "list-accounts", "get-account", "edit-account", "delete-account",
			"create-token", "list-tokens", "revoke-token", "create-join-token", "remove-node", "drain-node", "undrain-node", "rotate-gossip-key"},
		"makers":    {"create-webinar", "create-webhook", "list-webhooks", "delete-webhook", "get-status"},
		"listers":   {"list-webinars"},
		"signed in": {"get-me"},
		"accounts":  {"make-pass"},
		"stage":     {"get-webinar", "list-participants"},
		"hosts": {"edit-webinar", "end-webinar", "rotate-link", "set-pin", "clear-pin", "watch-events", "open-registration", "close-registration",
			"write-caption", "start-recording", "stop-recording", "list-recordings", "list-registrants", "get-registrant", "decide-registrants", "list-invites", "edit-participant", "disconnect", "reinvite",
			"list-unconnected", "list-lobby", "admit", "export-chat", "list-bans", "lift-ban", "list-attendance", "list-audit", "undo"},
		"planners": {"edit-webinar: what is planned", "edit-participant: role", "set-registration", "clear-registration", "export-registrants",
			"create-invite", "create-invites", "revoke-invite", "export-attendance", "get-recorded-file"},
		"inside": {"raise-hand"},
	}
}

// allowedActors are the actors of each right, once more.
func allowedActors() map[string][]string {
	return map[string][]string{
		"everybody":      nil,
		"administrators": {"administrator"},
		"makers":         {"administrator", "host"},
		"listers":        {"administrator", "host", "account"},
		"signed in":      {"administrator", "host", "account", "participant"},
		"accounts":       {"administrator", "host", "account"},
		"stage":          {"administrator", "owner", "moderator", "presenter"},
		"hosts":          {"administrator", "owner", "moderator"},
		"planners":       {"administrator", "owner"},
		"inside":         {"owner", "moderator", "presenter", "invited", "registrant", "account", "guest"},
	}
}

func TestTheAuthorizationTableIsWhatWasDecided(t *testing.T) {
	want := map[string]string{}
	for right, operations := range written() {
		for _, op := range operations {
			want[op] = right
		}
	}
	for _, r := range Rows() {
		name := r.Route.Name
		if r.Part != "" {
			name += ": " + r.Part
		}
		if want[name] != r.Right.Name {
			t.Errorf("%s is for %q, want %q", name, r.Right.Name, want[name])
		}
		var actors []string
		for _, a := range r.Right.Actors {
			actors = append(actors, string(a))
		}
		if !slices.Equal(actors, allowedActors()[r.Right.Name]) {
			t.Errorf("%s is for %v, want %v", name, actors, allowedActors()[r.Right.Name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is not in the table", name)
	}
}

// cast is a webinar in some state with somebody in each role, and what they show.
type cast struct {
	id     string
	path   func(Route) string
	who    []member
	banned string // the secret of an invite whose holder is banned
}

// member is one way of one actor.
type member struct {
	actor  webinar.Actor
	way    Way
	token  string
	cookie *http.Cookie
}

// newCast makes a webinar in that state. Its owner is an account, or an API token.
func newCast(w *world, state webinar.State, owner string) *cast {
	w.t.Helper()
	id := fmt.Sprintf("w_%s_%s", state, owner[:1])
	w.command(&controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{Id: id, Link: "link-" + id, Owner: owner,
		Settings: &controlpb.Settings{Title: "All hands", Mode: "role-based", Guests: &controlpb.Permissions{Audio: true}, Registration: &controlpb.Registration{Window: "always"}},
	}}})
	c := &cast{id: id}
	sessions := map[webinar.Actor]webinar.Visitor{webinar.ActorGuest: {Participant: "p_guest", Name: "Guest"}}
	for _, role := range []webinar.Role{webinar.Moderator, webinar.Presenter, webinar.Attendee} {
		secret := secretOf("invite " + id + string(role))
		hash := Hash(secret)
		c.who = append(c.who, member{actor: actorOfRole(role), way: ByInvite, token: secret})
		w.command(&controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
			Webinar: id, Id: "i_" + string(role), Name: string(role), Role: string(role), Hash: hash[:], Account: "a_" + string(role),
		}}})
		sessions[actorOfRole(role)] = webinar.Visitor{Name: string(role), Invite: hash}
	}
	c.fallen(w)
	hash := sha256.Sum256([]byte("registrant " + id))
	w.command(&controlpb.Command{Kind: &controlpb.Command_Register{Register: &controlpb.Register{Webinar: id, Id: "r_1", Hash: hash[:], EmailHash: hash[:], Account: "a_registrant"}}})
	w.command(editOf(id, &controlpb.Settings{}, "registration"))
	sessions[webinar.ActorRegistrant] = webinar.Visitor{Name: "Registrant", Registrant: hash}
	sessions[webinar.ActorAccount] = webinar.Visitor{Name: "Stranger", Account: "a_stranger"}
	if strings.HasPrefix(owner, "a_") {
		sessions[webinar.ActorOwner] = webinar.Visitor{Name: "Owner", Account: owner}
	}
	for actor, v := range sessions {
		token := w.session(id, v)
		c.who = append(c.who, member{actor: actor, way: BySession, token: token})
		b := w.sessions[token] // the same, as an edge says
		b.Trusted = false
		w.sessions[token+".edge"] = b
		c.who = append(c.who, member{actor: webinar.ActorGuest, way: ByEdge, token: token + ".edge"})
	}
	w.command(&controlpb.Command{Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{
		Webinar: id, Participant: "p_bad", Ban: &controlpb.NewBan{Id: "b_1"},
	}}})
	banned := w.store.State().AuditHead().GetSeq()
	switch state {
	case webinar.Live:
		w.command(&controlpb.Command{Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{Webinar: id, Name: "main", Node: "n1", NodeEpoch: 1, Participant: "p_9"}}})
	case webinar.Ended:
		w.command(&controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: id}}})
	}
	c.path = func(r Route) string {
		return strings.NewReplacer("{id}", id, "{participant}", "p_bad", "{ban}", "b_1", "{invite}", "i_attendee", "{registrant}", "r_1", "{seq}", fmt.Sprint(banned),
			"{recording}", "rec_1", "{node}", "n1", "{file}", "0001-main-video.webm").Replace(r.Path)
	}
	return c
}

// fallen adds a moderator who is one no more and one who is banned. Both have an account.
func (c *cast) fallen(w *world) {
	for _, who := range []string{"demoted", "banned"} {
		secret := secretOf("invite " + c.id + who)
		hash := Hash(secret)
		w.command(&controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
			Webinar: c.id, Id: "i_" + who, Name: who, Role: "moderator", Hash: hash[:], Account: "a_" + who,
		}}})
		if who == "banned" {
			w.command(&controlpb.Command{Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{
				Webinar: c.id, Participant: "p_i_banned", Keys: &controlpb.Keys{Keys: []string{"invite:i_banned"}}, Ban: &controlpb.NewBan{Id: "b_moderator"},
			}}})
			c.banned = secret
			continue
		}
		attendee := string(webinar.Attendee)
		w.command(&controlpb.Command{Kind: &controlpb.Command_SetParticipant{SetParticipant: &controlpb.SetParticipant{
			Webinar: c.id, Participant: "p_i_demoted", Role: &attendee,
		}}})
		c.who = append(c.who, member{actor: webinar.ActorInvited, way: ByInvite, token: secret})
	}
}

// secretOf is the secret of an invite.
func secretOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return invitePrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}

func actorOfRole(r webinar.Role) webinar.Actor {
	if r == webinar.Attendee {
		return webinar.ActorInvited
	}
	return webinar.Actor(r)
}

// TestS13S14S15S16S17S18S19S20EveryCellOfTheAuthorizationTable sends a request for each of
// them: owner, moderator, administrator, presenter, invited person, account, guest and
// registrant get exactly what their row says.
func TestS13S14S15S16S17S18S19S20EveryCellOfTheAuthorizationTable(t *testing.T) {
	w := newWorld(t)
	cookies := map[webinar.Actor]*http.Cookie{}
	for login, role := range map[string]string{
		"administrator": "administrator", "owner": "host", "moderator": "member", "presenter": "member", "attendee": "member",
		"registrant": "member", "stranger": "member", "host": "host", "demoted": "member", "banned": "member",
	} {
		_, cookies[webinar.Actor(login)] = w.account(login, role)
	}
	general := []member{
		{webinar.ActorAdministrator, ByToken, w.admin, nil}, {webinar.ActorAdministrator, ByAccount, "", cookies["administrator"]},
		{ActorHost, ByToken, w.host, nil}, {ActorHost, ByAccount, "", cookies["host"]},
		{webinar.ActorAccount, ByAccount, "", cookies["stranger"]}, {webinar.ActorNobody, "", "", nil},
	}
	casts := map[webinar.State][]*cast{}
	for _, state := range []webinar.State{webinar.Planned, webinar.Live, webinar.Ended} {
		casts[state] = []*cast{newCast(w, state, "a_owner"), newCast(w, state, w.hostID)}
	}
	inside := map[Way]string{}
	for _, m := range casts[webinar.Live][0].who {
		inside[m.way] = m.token
	}
	for _, way := range []Way{BySession, ByEdge, ByInvite} {
		general = append(general, member{ActorParticipant, way, inside[way], nil})
	}
	for _, r := range Rows() {
		t.Run(strings.TrimSuffix(r.Route.Name+" "+r.Part, " "), func(t *testing.T) {
			w.t = t
			defer func() { w.t = t }()
			if !r.Route.inWebinar() {
				for _, m := range general {
					w.cell(r, concrete(r.Route, ""), m, "")
				}
				return
			}
			for state, pair := range casts {
				byAccount, byToken := pair[0], pair[1]
				elsewhere := ""
				for _, m := range casts[webinar.Live][1].who {
					if m.way == BySession {
						elsewhere = m.token
					}
				}
				who := append(slices.Clone(byAccount.who),
					member{webinar.ActorAdministrator, ByToken, w.admin, nil}, member{webinar.ActorAdministrator, ByAccount, "", cookies["administrator"]},
					member{webinar.ActorOwner, ByAccount, "", cookies["owner"]}, member{webinar.ActorModerator, ByAccount, "", cookies["moderator"]},
					member{webinar.ActorPresenter, ByAccount, "", cookies["presenter"]}, member{webinar.ActorInvited, ByAccount, "", cookies["attendee"]},
					member{webinar.ActorRegistrant, ByAccount, "", cookies["registrant"]}, member{webinar.ActorAccount, ByAccount, "", cookies["stranger"]},
					member{webinar.ActorInvited, ByAccount, "", cookies["demoted"]}, member{webinar.ActorNobody, ByAccount, "", cookies["banned"]},
					member{webinar.ActorAccount, ByAccount, "", cookies["host"]}, member{webinar.ActorAccount, ByToken, w.other, nil},
					member{webinar.ActorNobody, "", "", nil})
				for _, m := range who {
					w.cell(r, byAccount.path(r.Route), m, state)
				}
				if !r.Right.open() && state != webinar.Ended {
					w.do(ask{method: r.Route.Method, path: byAccount.path(r.Route), token: byAccount.banned, body: partSample(r)}).refused(codeTokenUnknown)
				}
				w.cell(r, byToken.path(r.Route), member{webinar.ActorOwner, ByToken, w.host, nil}, state)
				if state != webinar.Ended { // a session token of another webinar
					w.cell(r, byAccount.path(r.Route), member{webinar.ActorNobody, BySession, elsewhere, nil}, state)
				}
			}
		})
	}
}

// cell holds one request against the table, and takes back what it did.
func (w *world) cell(r Row, path string, m member, state webinar.State) {
	w.t.Helper()
	before, index := w.store.state, w.store.index
	out := w.do(ask{method: r.Route.Method, path: path, token: m.token, cookie: m.cookie, body: partSample(r)})
	w.store.state, w.store.index = before, index
	want := r.Verdict(m.actor, m.way, state)
	var p client.Problem
	if out.status >= 400 {
		p = *out.refused(codeIn(out))
	}
	authorization := []string{codeTokenRequired, codeTokenUnknown, codeScopeMissing, codeNotAllowed, codeWebinarNotFound, codeEnded, codeCrossOrigin}
	switch {
	case want == "" && slices.Contains(authorization, p.Code):
		w.t.Errorf("%s by %s, %s: refused with %s, and is allowed", m.actor, m.way, state, p.Code)
	case want != "" && p.Code != want:
		w.t.Errorf("%s by %s, %s: answered %d %s, want %s", m.actor, m.way, state, out.status, p.Code, want)
	}
	if out.status == 401 && r.Route.Name != "sign-in" && out.header.Get("WWW-Authenticate") == "" {
		w.t.Errorf("%s is not told how to sign in", m.actor)
	}
}

// codeIn is the code of a refusal.
func codeIn(r reply) string {
	_, after, _ := strings.Cut(string(r.body), `"code":"`)
	code, _, _ := strings.Cut(after, `"`)
	return code
}

var update = flag.Bool("update", false, "write AUTHORIZATION.md anew")

func TestTheAuthorizationDocumentIsFresh(t *testing.T) {
	const file = "AUTHORIZATION.md"
	want := AuthorizationDocument()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the table says: go generate ./control/api (%v)", file, err)
	}
	for _, r := range Rows() {
		if !strings.Contains(want, "| "+r.Route.Name) {
			t.Errorf("%s is not in the document", r.Route.Name)
		}
	}
}

func TestTokensThatAreNone(t *testing.T) {
	w := newWorld(t)
	_, neither := w.token("neither", "reader")
	for _, r := range Rows() {
		for _, c := range []struct{ who, token, code string }{
			{"an unknown token", tokenPrefix + strings.Repeat("A", secretLength), codeTokenUnknown},
			{"an invite's secret", "sti_" + strings.Repeat("A", secretLength), codeTokenUnknown},
			{"a session token that is none", "sts1.x", codeTokenUnknown},
			{"a token without a scope of ours", neither, codeScopeMissing},
		} {
			out := w.do(ask{method: r.Route.Method, path: concrete(r.Route, "w_1"), token: c.token, body: sample(r.Route.Name)})
			switch code := codeIn(out); {
			case r.Right.open() && (code == codeTokenUnknown || code == codeScopeMissing):
				t.Errorf("%s keeps %s from what everybody may", r.Route.Name, c.who)
			case !r.Right.open() && code != c.code:
				t.Errorf("%s: %s is answered %d %s", r.Route.Name, c.who, out.status, code)
			}
		}
	}
}

func TestARefusedRequestChangesNothingAndReadsNoBody(t *testing.T) {
	w := newWorld(t)
	before := w.store.State().Hash()
	for _, r := range Routes() {
		if !r.Writes() || r.Right.open() {
			continue
		}
		body := &counted{}
		w.do(ask{method: r.Method, path: concrete(r, "w_1"), reader: body}).refused(codeTokenRequired)
		if body.n > 0 {
			t.Errorf("%s read %d bytes of a stranger", r.Name, body.n)
		}
	}
	if w.store.State().Hash() != before {
		t.Error("the state has changed")
	}
}

// counted is an endless body that counts what is read of it.
type counted struct{ n int }

func (c *counted) Read(b []byte) (int, error) {
	c.n += len(b)
	return copy(b, bytes.Repeat([]byte{' '}, len(b))), nil
}

func TestATokenThatExpired(t *testing.T) {
	w := newWorld(t)
	id, token, hash, err := NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.command(&controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{
		Id: id, Name: "for a minute", Hash: hash[:], Scopes: []string{"host"}, Expires: w.now.Add(time.Minute).UnixNano(),
	}}})
	look := ask{method: "GET", path: "/api/v1/webinars", token: token}
	w.do(look).must(200)
	w.now = w.now.Add(time.Minute)
	w.do(look).refused(codeTokenUnknown)
}

func TestATokenThatWasRevoked(t *testing.T) {
	w := newWorld(t)
	w.command(&controlpb.Command{Kind: &controlpb.Command_RevokeApiToken{RevokeApiToken: &controlpb.RevokeAPIToken{Id: w.hostID}}})
	w.do(ask{method: "GET", path: "/api/v1/webinars", token: w.host}).refused(codeTokenUnknown)
}

func TestUnknownAndForbiddenWebinarsAreTheSame(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	before := w.store.State().Hash()
	for _, r := range Routes() {
		if !r.inWebinar() {
			continue
		}
		for _, header := range []http.Header{nil, {"If-Match": {`"77"`}}, {"Idempotency-Key": {"k"}}} {
			forbidden := w.do(ask{method: r.Method, path: concrete(r, id), token: w.other, body: sample(r.Name), header: header})
			unknown := w.do(ask{method: r.Method, path: concrete(r, "w_aaaaaaaaaaaaaaaa"), token: w.other, body: sample(r.Name), header: header})
			unknown.must(404).refused(codeWebinarNotFound)
			if forbidden.status != unknown.status || !bytes.Equal(forbidden.body, unknown.body) {
				t.Errorf("%s: one can tell %s from %s", r.Name, forbidden.body, unknown.body)
			}
		}
	}
	if w.store.State().Hash() != before {
		t.Error("the state has changed")
	}
}

func TestAHostSeesItsOwnWebinarsAlone(t *testing.T) {
	w := newWorld(t)
	mine := w.webinar(`{"title":"Mine"}`).ID
	count := func(a ask) int {
		a.method, a.path = "GET", "/api/v1/webinars"
		return len(decode[client.Webinars](w.do(a).must(200)).Items)
	}
	if got := w.store.State().Webinar(mine).Owner; got != w.hostID {
		t.Errorf("the owner is %q", got)
	}
	if h, o, a := count(ask{token: w.host}), count(ask{token: w.other}), count(ask{token: w.admin}); h != 1 || o != 0 || a != 1 {
		t.Errorf("host %d, other %d, operator %d", h, o, a)
	}
	moderator, cookie := w.account("mod", "member")
	if got := count(ask{cookie: cookie}); got != 0 {
		t.Errorf("a member sees %d", got)
	}
	hash := sha256.Sum256([]byte("x"))
	w.command(&controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: mine, Id: "i_1", Name: "Mod", Role: "moderator", Hash: hash[:], Account: moderator,
	}}})
	if got := count(ask{cookie: cookie}); got != 1 {
		t.Errorf("a moderator sees %d", got)
	}
}

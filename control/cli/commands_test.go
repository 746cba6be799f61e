package cli

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestCommands holds, for each command, what it asks of the server and what it
// prints, for people and for machines. The names of the golden files are those of
// the commands.
func TestCommands(t *testing.T) {
	for _, c := range []struct {
		name, golden, args, stdin string
		asked                     []string
	}{
		{"S31 a webinar is made with a PIN that is drawn", "webinar-create", "webinar create All_hands --generate-pin", "",
			[]string{`POST /api/v1/webinars {"title":"All hands","mode":"role-based","generate_pin":true}`}},
		{"S32 a webinar is made with a PIN that was typed", "webinar-create-asked", "webinar create All_hands --ask-pin --mode all-on-screen", "open sesame\n",
			[]string{`POST /api/v1/webinars {"title":"All hands","mode":"all-on-screen","pin":"open sesame"}`}},
		{"S22 a webinar is planned with times and rules", "webinar-create-planned",
			"webinar create All_hands --start 2026-12-01_18:00 --zone Europe/Berlin --duration 1h30 --every weekly --deny all --allow messages --guest-limit 50 --lobby guests --lock --slow-mode 10s --auto-end --retention 90d --partition strict --ceiling attendee=720p --ceiling presenter=2160p@12000 --embed https://www.example.org --embed http://localhost:3000 --description What_we_do.", "",
			[]string{`POST /api/v1/webinars {"title":"All hands","description":"What we do.","mode":"role-based","schedule":{"start":"2026-12-01T18:00:00+01:00","duration_seconds":5400,"zone":"Europe/Berlin","rule":"FREQ=WEEKLY"},"guests":{"audio":false,"video":false,"messages":true,"files":false,"images":false},"guest_limit":50,"lobby":"guests","locked":true,"partition":"strict","retention_days":90,"slow_mode_seconds":10,"auto_end":true,"ceilings":[{"role":"attendee","height":720},{"role":"presenter","height":2160,"bitrate_kbps":12000}],"embed_origins":["https://www.example.org","http://localhost:3000"]}`}},
		{"webinars are listed", "webinar-list", "webinar list", "", []string{"GET /api/v1/webinars?limit=100"}},
		{"a list is cut", "webinar-list-cut", "webinar list --limit 1", "", []string{"GET /api/v1/webinars?limit=1"}},
		{"a recurring webinar with registration is shown", "webinar-show", "webinar show w-1", "", []string{"GET /api/v1/webinars/w-1"}},
		{"S7 a webinar that the link alone opens is shown with a warning", "webinar-show-open", "webinar show w-2", "", []string{"GET /api/v1/webinars/w-2"}},
		{"S43 permissions of guests are changed live", "webinar-edit", "webinar edit w-1 --deny audio,video --unlock --title Hands --guest-limit 0 --if-version 7", "",
			[]string{`PATCH /api/v1/webinars/w-1 {"title":"Hands","guests":{"audio":false,"video":false},"guest_limit":0,"locked":false}`}},
		{"S28 a time is changed, and the rest of the schedule stays", "webinar-edit-time", "webinar edit w-1 --start 2026-12-02_19:00", "",
			[]string{"GET /api/v1/webinars/w-1", `PATCH /api/v1/webinars/w-1 {"schedule":{"start":"2026-12-02T19:00:00+01:00","duration_seconds":5400,"zone":"Europe/Berlin","rule":"FREQ=WEEKLY"}}`}},
		{"a schedule is taken away", "webinar-edit-unplanned", "webinar edit w-1 --no-schedule --ceiling none --embed none --no-auto-end --slow-mode 0", "",
			[]string{`PATCH /api/v1/webinars/w-1 {"clear_schedule":true,"slow_mode_seconds":0,"auto_end":false,"ceilings":[],"embed_origins":[]}`}},
		{"a webinar is ended", "webinar-end", "webinar end w-1", "", []string{"POST /api/v1/webinars/w-1/end"}},
		{"S6 the join link is printed alone", "webinar-link", "webinar link w-1", "", []string{"GET /api/v1/webinars/w-1"}},
		{"S7 the join link is rotated", "webinar-link-rotate", "webinar link w-1 --rotate", "", []string{"POST /api/v1/webinars/w-1/link"}},

		{"S49 registration in an interval", "registration-set-interval", "registration set w-2 --opens 2026-12-01_9:00 --closes 2026-12-08_18:00 --zone Europe/Berlin --maximum 100 --approval --waitlist --field Company* --field Job=choice:Engineer|Manager", "",
			[]string{"GET /api/v1/webinars/w-2", `PUT /api/v1/webinars/w-2/registration {"window":"interval","opens_at":"2026-12-01T09:00:00+01:00","closes_at":"2026-12-08T18:00:00+01:00","maximum":100,"approval":true,"waitlist":true,"fields":[{"id":"company","label":"Company","type":"text","required":true},{"id":"job","label":"Job","type":"choice","options":["Engineer","Manager"]}]}`}},
		{"S47 registration until the start, and the rest stays", "registration-set-start", "registration set w-1 --window start --no-approval --accounts", "",
			[]string{"GET /api/v1/webinars/w-1", `PUT /api/v1/webinars/w-1/registration {"window":"start","maximum":100,"waitlist":true,"accounts":true,"fields":[{"id":"company","label":"Company\u001b","type":"text","required":true},{"id":"job","label":"Job","type":"choice","options":["Engineer","Manager"]}]}`}},
		{"S56 registration with the standard fields alone", "registration-set-plain", "registration set w-1 --no-fields", "",
			[]string{"GET /api/v1/webinars/w-1", `PUT /api/v1/webinars/w-1/registration {"window":"interval","opens_at":"2026-03-01T12:00:00Z","closes_at":"2026-04-01T12:00:00Z","maximum":100,"approval":true,"waitlist":true}`}},
		{"registration is shown", "registration-show", "registration show w-1", "", []string{"GET /api/v1/webinars/w-1"}},
		{"registration that is off is shown", "registration-show-off", "registration show w-2", "", []string{"GET /api/v1/webinars/w-2"}},
		{"S45 registration is switched off", "registration-off", "registration off w-1", "", []string{"DELETE /api/v1/webinars/w-1/registration"}},
		{"registration is opened", "registration-open", "registration open w-1", "", []string{"POST /api/v1/webinars/w-1/registration/open"}},
		{"registration is closed", "registration-close", "registration close w-1", "", []string{"POST /api/v1/webinars/w-1/registration/close"}},
		{"S58 the host reads who signed up", "registration-list", "registration list w-1 --status pending", "", []string{"GET /api/v1/webinars/w-1/registrants?limit=100&status=pending"}},
		{"registrants are approved", "registration-approve", "registration approve w-1 r-1", "", []string{`POST /api/v1/webinars/w-1/registrants/decide {"ids":["r-1"],"decision":"approve"}`}},
		{"everybody who waits is approved", "registration-approve-all", "registration approve w-1 --all", "",
			[]string{"GET /api/v1/webinars/w-1/registrants?limit=200&status=pending", `POST /api/v1/webinars/w-1/registrants/decide {"ids":["r-1"],"decision":"approve"}`}},
		{"registrants are declined", "registration-decline", "registration decline w-1 r-1 r-2", "", []string{`POST /api/v1/webinars/w-1/registrants/decide {"ids":["r-1","r-2"],"decision":"decline"}`}},
		{"registrations are cancelled", "registration-cancel", "registration cancel w-1 r-1", "", []string{`POST /api/v1/webinars/w-1/registrants/decide {"ids":["r-1"],"decision":"cancel"}`}},

		{"S32 a PIN is set by hand, and a weak one is called weak", "pin-set", "pin set w-1", "1234\r\n", []string{`PUT /api/v1/webinars/w-1/pin {"value":"1234"}`}},
		{"S31 a PIN is drawn", "pin-generate", "pin generate w-1", "", []string{`PUT /api/v1/webinars/w-1/pin {"generate":true}`}},
		{"a PIN is drawn and everyone asked again", "pin-generate-ask", "pin generate w-1 --ask-again", "", []string{`PUT /api/v1/webinars/w-1/pin {"generate":true,"ask_again":true}`}},
		{"S29 a PIN is removed", "pin-clear", "pin clear w-1", "", []string{"DELETE /api/v1/webinars/w-1/pin"}},

		{"an invite is made", "invite-create", "invite create w-1 Ada --role presenter --email ada@example.org --mail", "",
			[]string{`POST /api/v1/webinars/w-1/invites {"name":"Ada","role":"presenter","email":"ada@example.org","mail":true}`}},
		{"invites are made from a list", "invite-batch", "invite batch w-1", "name,email,role\n# the speakers\nAda Lovelace, ada@example.org, Presenter\n\n\"Bob, the builder\"\n",
			[]string{`POST /api/v1/webinars/w-1/invites/batch {"invites":[{"name":"Ada Lovelace","role":"presenter","email":"ada@example.org"},{"name":"Bob, the builder","role":"attendee"}]}`}},
		{"invites are listed", "invite-list", "invite list w-1", "", []string{"GET /api/v1/webinars/w-1/invites?limit=100"}},
		{"an invite is revoked", "invite-revoke", "invite revoke w-1 i-1", "", []string{"DELETE /api/v1/webinars/w-1/invites/i-1"}},

		{"S63 participants are listed", "participant-list", "participant list w-1", "", []string{"GET /api/v1/webinars/w-1/participants"}},
		{"nobody is inside", "participant-list-empty", "participant list w-2", "", []string{"GET /api/v1/webinars/w-2/participants"}},
		{"S62 a participant is disconnected", "participant-disconnect", "participant disconnect w-1 p-2", "", []string{"POST /api/v1/webinars/w-1/participants/p-2/disconnect {}"}},
		{"S64 a participant is banned", "participant-disconnect-ban", "participant disconnect w-1 p-1 --ban", "", []string{`POST /api/v1/webinars/w-1/participants/p-1/disconnect {"ban":true}`}},
		{"S64 a participant is banned with their network", "participant-disconnect-network", "participant disconnect w-1 p-1 --ban --network", "", []string{`POST /api/v1/webinars/w-1/participants/p-1/disconnect {"ban":true,"network":true}`}},
		{"someone who is not there is disconnected", "participant-disconnect-absent", "participant disconnect w-1 p-9", "", []string{"POST /api/v1/webinars/w-1/participants/p-9/disconnect {}"}},
		{"S66 who was disconnected is listed", "participant-unconnected", "participant unconnected w-1", "", []string{"GET /api/v1/webinars/w-1/unconnected?limit=100"}},
		{"S67 who was disconnected is invited again", "participant-reinvite", "participant reinvite w-1 p-1", "", []string{"POST /api/v1/webinars/w-1/participants/p-1/reinvite"}},
		{"S70 audio is stopped", "participant-stop-audio", "participant stop-audio w-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"stop_audio":true}`}},
		{"S72 audio is allowed again", "participant-allow-audio", "participant allow-audio w-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"stop_audio":false}`}},
		{"S71 video is stopped", "participant-stop-video", "participant stop-video w-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"stop_video":true}`}},
		{"S72 video is allowed again", "participant-allow-video", "participant allow-video w-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"stop_video":false}`}},
		{"messages are stopped", "participant-stop-messages", "participant stop-messages w-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"stop_messages":true}`}},
		{"messages are allowed again", "participant-allow-messages", "participant allow-messages w-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"stop_messages":false}`}},
		{"S5 two people are brought to the stage", "participant-stage", "participant stage w-1 p-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"stage":true}`, `PATCH /api/v1/webinars/w-1/participants/p-1 {"stage":true}`}},
		{"somebody is brought back", "participant-unstage", "participant unstage w-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"stage":false}`}},
		{"a hand is lowered", "participant-hand-down", "participant hand-down w-1 p-1", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"hand":false}`}},
		{"a role is given", "participant-role", "participant role w-1 p-1 moderator", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"role":"moderator"}`}},
		{"a role is taken back", "participant-role-admitted", "participant role w-1 p-1 admitted", "", []string{`PATCH /api/v1/webinars/w-1/participants/p-1 {"role":""}`}},

		{"who waits is listed", "lobby-list", "lobby list w-1", "", []string{"GET /api/v1/webinars/w-1/lobby"}},
		{"one who waits is admitted", "lobby-admit", "lobby admit w-1 p-3", "", []string{`POST /api/v1/webinars/w-1/lobby/admit {"participants":["p-3"]}`}},
		{"everybody who waits is admitted", "lobby-admit-all", "lobby admit w-1 --all", "", []string{`POST /api/v1/webinars/w-1/lobby/admit {"all":true}`}},
		{"bans are listed", "ban-list", "ban list w-1", "", []string{"GET /api/v1/webinars/w-1/bans?limit=100"}},
		{"a ban is lifted", "ban-lift", "ban lift w-1 b-1", "", []string{"DELETE /api/v1/webinars/w-1/bans/b-1"}},
		{"stays are listed", "attendance-list", "attendance list w-1", "", []string{"GET /api/v1/webinars/w-1/attendance?limit=100"}},
		{"the audit log is listed", "audit-list", "audit list", "", []string{"GET /api/v1/audit?limit=100"}},
		{"the audit log of a webinar is listed", "audit-list-webinar", "audit list w-1", "", []string{"GET /api/v1/webinars/w-1/audit?limit=100"}},
		{"M11 a ban is undone from the audit log", "audit-undo", "audit undo w-1 9", "", []string{"POST /api/v1/webinars/w-1/audit/9/undo"}},

		{"a webinar is recorded", "recording-start", "recording start w-1", "", []string{"POST /api/v1/webinars/w-1/recording/start"}},
		{"a recording ends", "recording-stop", "recording stop w-1", "", []string{"POST /api/v1/webinars/w-1/recording/stop"}},
		{"what was recorded is listed", "recording-list", "recording list w-1", "", []string{"GET /api/v1/webinars/w-1/recordings"}},
		{"an account is made", "account-create", "account create ada --name Ada_Lovelace --role host", "correct horse battery\n",
			[]string{`POST /api/v1/accounts {"login":"ada","name":"Ada Lovelace","role":"host","password":"correct horse battery"}`}},
		{"an account of an identity provider is made", "account-create-oidc", "account create ada --issuer https://id.example.org --subject 42", "",
			[]string{`POST /api/v1/accounts {"login":"ada","name":"ada","role":"member","issuer":"https://id.example.org","subject":"42"}`}},
		{"accounts are listed", "account-list", "account list", "", []string{"GET /api/v1/accounts?limit=100"}},
		{"an account is disabled and signed out", "account-edit", "account edit a-1 --disable --sign-out --role member", "", []string{`PATCH /api/v1/accounts/a-1 {"role":"member","disabled":true,"sign_out":true}`}},
		{"an account is enabled", "account-edit-enable", "account edit a-1 --enable", "", []string{`PATCH /api/v1/accounts/a-1 {"disabled":false}`}},
		{"a password is set", "account-password", "account password a-1", "correct horse battery\n", []string{`PATCH /api/v1/accounts/a-1 {"password":"correct horse battery"}`}},
		{"an account is deleted", "account-delete", "account delete a-1", "", []string{"DELETE /api/v1/accounts/a-1"}},
		{"a webhook is made", "webhook-create", "webhook create https://example.org/hook --event registrant.registered", "", []string{`POST /api/v1/webhooks {"url":"https://example.org/hook","events":["registrant.registered"]}`}},
		{"webhooks are listed", "webhook-list", "webhook list", "", []string{"GET /api/v1/webhooks?limit=100"}},
		{"a webhook is deleted", "webhook-delete", "webhook delete h-1", "", []string{"DELETE /api/v1/webhooks/h-1"}},
		{"a token is made", "token-create", "token create CI --scope host --scope admin --ttl 90d", "", []string{`POST /api/v1/tokens {"name":"CI","scopes":["host","admin"],"ttl_seconds":7776000}`}},
		{"tokens are listed", "token-list", "token list", "", []string{"GET /api/v1/tokens?limit=100"}},
		{"a token is revoked", "token-revoke", "token revoke t-1", "", []string{"DELETE /api/v1/tokens/t-1"}},
		{"a join token is made", "join-token-create", "join-token create --role edge --ttl 10m", "", []string{`POST /api/v1/join-tokens {"role":"edge","ttl_seconds":600}`}},
		{"a node is removed", "node-remove", "node remove n4 --yes", "", []string{"DELETE /api/v1/nodes/n4"}},
		{"the gossip key is changed", "node-rotate-key", "node rotate-key", "", []string{"POST /api/v1/gossip-key/rotate"}},
		{"a node drains", "drain", "drain n4", "", []string{"PUT /api/v1/nodes/n4/drain"}},
		{"a node carries again", "drain-undo", "drain n4 --undo", "", []string{"DELETE /api/v1/nodes/n4/drain"}},
		{"S11 the mesh is shown, with nodes that are outdated", "status", "status", "", []string{"GET /api/v1/status"}},
	} {
		for _, form := range []string{"", "--json", "--quiet"} {
			t.Run(strings.TrimSpace(c.name+" "+form), func(t *testing.T) {
				s := newServer(t, answers())
				args := strings.TrimSpace(c.args + " " + form)
				stdout, stderr, status := s.run(t, call{args: args, stdin: c.stdin})
				if status != 0 {
					t.Errorf("exit status %d", status)
				}
				if !slices.Equal(s.asked, c.asked) || s.bearer != "Bearer sta_test" {
					t.Errorf("asked %q as %q, want %q", s.asked, s.bearer, c.asked)
				}
				if form == "--json" {
					isDocumented(t, c.args, stdout)
				}
				if strings.ContainsAny(stdout+stderr, "\x1b\r\u202e\u009b") {
					t.Errorf("the terminal is steered by %q", stdout+stderr)
				}
				golden(t, c.golden+strings.TrimPrefix(form, "-"), "$ stentor "+args+"\n"+stdout+prefixed("! ", stderr))
			})
		}
	}
}

// isDocumented holds what a command printed against the type that JSON.md shows.
func isDocumented(t *testing.T, args, stdout string) {
	t.Helper()
	path := ""
	for p := range printed {
		if strings.HasPrefix(args+" ", p+" ") && len(p) > len(path) {
			path = p
		}
	}
	if printed[path] == nil {
		if stdout != "" {
			t.Errorf("%s prints %s, and nobody says so", path, stdout)
		}
		return
	}
	dec := json.NewDecoder(strings.NewReader(stdout))
	dec.DisallowUnknownFields()
	for n := 0; n == 0 || dec.More(); n++ {
		if err := dec.Decode(reflect.New(reflect.TypeOf(printed[path])).Interface()); err != nil {
			t.Errorf("%s does not print what JSON.md says: %v: %s", path, err, stdout)
			return
		}
	}
}

// prefixed marks the lines of standard error in a golden file.
func prefixed(mark, s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(mark + line)
	}
	return b.String()
}

func TestWhatWasReadIsWhatIsChanged(t *testing.T) {
	for args, want := range map[string]string{
		"webinar edit w-1 --start 2026-12-02_19:00":                `"7"`,
		"webinar edit w-1 --start 2026-12-02_19:00 --if-version 5": `"5"`,
		"webinar edit w-1 --if-version 5 --lock":                   `"5"`,
		"webinar edit w-1 --lock":                                  "",
		"registration set w-1 --maximum 5":                         `"7"`,
	} {
		s := newServer(t, answers())
		if _, stderr, status := s.run(t, call{args: args}); status != 0 || s.version != want {
			t.Errorf("%s: If-Match %s, want %s: %s", args, s.version, want, stderr)
		}
	}
}

func TestS10AnOldProgramIsPointedOut(t *testing.T) {
	for version, pointed := range map[string]bool{"v0.1.9": true, "0.1.0": true, "v0.2.0": false, "v0.3.0": false, "v0.2.0-rc.1": true, "": false, "devel": false} {
		s := newServer(t, answers())
		_, stderr, status := s.run(t, call{args: "status", version: version})
		if got := strings.Contains(stderr, "this program is"); got != pointed || status != 0 {
			t.Errorf("%q: %s", version, stderr)
		}
	}
}

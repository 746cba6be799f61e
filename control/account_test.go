package control

import (
	"strings"
	"testing"
	"time"

	"stentor/control/controlpb"
)

func TestAnAccountOutOfBounds(t *testing.T) {
	tests := []struct {
		name   string
		change func(*controlpb.CreateAccount)
		code   string
	}{
		{"an ID with a slash", func(c *controlpb.CreateAccount) { c.Id = "a/1" }, "invalid_id"},
		{"a login of two letters", func(c *controlpb.CreateAccount) { c.Login = "bo" }, "invalid_login"},
		{"a login of 129 bytes", func(c *controlpb.CreateAccount) { c.Login = strings.Repeat("x", 129) }, "invalid_login"},
		{"a login in upper case", func(c *controlpb.CreateAccount) { c.Login = "Ada" }, "invalid_login"},
		{"a login with a space", func(c *controlpb.CreateAccount) { c.Login = "ada lovelace" }, "invalid_login"},
		{"a login that turns the text around", func(c *controlpb.CreateAccount) { c.Login = "ada\u202ebob" }, "invalid_login"},
		{"no name", func(c *controlpb.CreateAccount) { c.Name = "" }, "invalid_name"},
		{"an unknown role", func(c *controlpb.CreateAccount) { c.Role = "king" }, "invalid_role"},
		{"a password in clear", func(c *controlpb.CreateAccount) { c.Password = "correct horse" }, "invalid_password"},
		{"neither password nor identity", func(c *controlpb.CreateAccount) { c.Password, c.Issuer, c.Subject = "", "", "" }, "invalid_password"},
		{"half an identity", func(c *controlpb.CreateAccount) { c.Subject = "" }, "invalid_identity"},
		{"an identity with a control character", func(c *controlpb.CreateAccount) { c.Subject = "a\x00b" }, "invalid_identity"},
		{"an ID twice", func(c *controlpb.CreateAccount) { c.Id = "a_1" }, "exists"},
		{"a login twice", func(c *controlpb.CreateAccount) { c.Login = "login-a_1" }, "login_taken"},
		{"an identity twice", func(c *controlpb.CreateAccount) { c.Subject = "sub-a_1" }, "identity_taken"},
		{"a password alone", func(c *controlpb.CreateAccount) { c.Issuer, c.Subject = "", "" }, ""},
		{"an identity alone", func(c *controlpb.CreateAccount) { c.Password = "" }, ""},
		{"a login in another script", func(c *controlpb.CreateAccount) { c.Login = "ада@example.org" }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog2(t)
			l.must(account("a_1", AccountAdministrator))
			c := account("a_2", AccountHost)
			tt.change(c.GetCreateAccount())
			if r := l.apply(c); codeOf(r.Err) != tt.code {
				t.Errorf("got %v, want %q", r.Err, tt.code)
			}
		})
	}
}

func TestS14ALifeOfAnAccount(t *testing.T) {
	l := newLog2(t)
	l.must(account("a_1", AccountAdministrator))
	l.must(account("a_2", AccountHost))
	if a := l.s.AccountByLogin("login-a_2"); a.GetId() != "a_2" || a.GetGeneration() != 1 {
		t.Fatalf("made %v", a)
	}
	password, empty, name := phc+"2", "", "Ada"
	edits := []struct {
		name       string
		change     func(*controlpb.EditAccount)
		generation uint64
	}{
		{"a name signs nobody out", func(c *controlpb.EditAccount) { c.Name = &name }, 1},
		{"a new password ends every sign-in", func(c *controlpb.EditAccount) { c.Password = &password }, 2},
		{"so does putting it out of use", func(c *controlpb.EditAccount) { c.Disabled = yes() }, 3},
		{"back in use, nobody is signed in", func(c *controlpb.EditAccount) { c.Disabled = no() }, 3},
		{"signed out everywhere", func(c *controlpb.EditAccount) { c.SignOut = true }, 4},
		{"both at once count once", func(c *controlpb.EditAccount) { c.SignOut, c.Disabled = true, yes() }, 5},
	}
	for _, e := range edits {
		l.must(editAccount("a_2", e.change))
		if got := l.s.Account("a_2").GetGeneration(); got != e.generation {
			t.Errorf("%s: generation %d, want %d", e.name, got, e.generation)
		}
	}
	l.must(editAccount("a_2", func(c *controlpb.EditAccount) { c.Issuer, c.Subject = &empty, &empty }))
	if l.s.AccountByIdentity("https://id.example", "sub-a_2") != nil {
		t.Error("an identity that was taken away still opens it")
	}
	hash := l.s.Hash()
	l.must(editAccount("a_2", func(c *controlpb.EditAccount) { c.Name = &name }))
	if l.s.Hash() != hash {
		t.Error("an edit without effect changed the state")
	}
	l.must(deleteAccount("a_2"))
	if l.s.Account("a_2") != nil || l.s.AccountByLogin("login-a_2") != nil {
		t.Error("deleted, and still there")
	}
	l.refused("account_not_found", deleteAccount("a_2"))
	l.refused("account_not_found", editAccount("a_2", func(c *controlpb.EditAccount) {}))
	l.must(account("a_2", AccountMember))
}

func TestS15SomebodyAdministersAlways(t *testing.T) {
	l := newLog2(t)
	l.must(account("a_1", AccountAdministrator))
	l.must(account("a_2", AccountHost))
	host := AccountHost
	demote := func(c *controlpb.EditAccount) { c.Role = &host }
	l.refused("last_administrator", deleteAccount("a_1"))
	l.refused("last_administrator", editAccount("a_1", demote))
	l.refused("last_administrator", editAccount("a_1", func(c *controlpb.EditAccount) { c.Disabled = yes() }))
	l.must(account("a_3", AccountAdministrator))
	l.must(editAccount("a_3", func(c *controlpb.EditAccount) { c.Disabled = yes() }))
	l.refused("last_administrator", editAccount("a_1", demote))
	l.must(editAccount("a_3", func(c *controlpb.EditAccount) { c.Disabled = no() }))
	l.must(editAccount("a_1", demote))
}

func TestWebhooksGoOnWhereTheyWere(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(webhook("h_1", "w_1"))
	if h := l.s.Webhook("h_1"); h.GetSeq() != 1 {
		t.Errorf("it begins at %d: what was before it is not told", h.GetSeq())
	}
	bad := func(change func(*controlpb.CreateWebhook)) *controlpb.Command {
		c := webhook("h_2", "")
		change(c.GetCreateWebhook())
		return c
	}
	l.refused("exists", webhook("h_1", "w_1"))
	l.refused("not_found", webhook("h_2", "w_none"))
	for _, u := range []string{"", "hooks.example", "ftp://hooks.example", "https://", "https://a:b@hooks.example/", "https://x/" + strings.Repeat("x", 2_000), "https://x/\n"} {
		l.refused("invalid_url", bad(func(c *controlpb.CreateWebhook) { c.Url = u }))
	}
	l.refused("invalid_owner", bad(func(c *controlpb.CreateWebhook) { c.Owner = "" }))
	l.refused("invalid_sealed", bad(func(c *controlpb.CreateWebhook) { c.Sealed = nil }))
	l.refused("invalid_events", bad(func(c *controlpb.CreateWebhook) { c.Events = []string{"all of them"} }))
	l.must(advance("h_1", 2, false))
	l.refused("invalid_seq", advance("h_1", 1, false))
	l.refused("invalid_seq", advance("h_1", 3, false))
	l.must(advance("h_1", 2, true))
	if h := l.s.Webhook("h_1"); !h.GetDisabled() || string(h.GetSealed()) != "SEALED hook" {
		t.Errorf("%v", h)
	}
	l.must(deleteWebhook("h_1"))
	l.refused("webhook_not_found", deleteWebhook("h_1"))
	l.refused("webhook_not_found", advance("h_1", 2, false))
	t.Run("an account's webhooks go with it", func(t *testing.T) {
		l.must(account("a_1", AccountHost))
		l.must(bad(func(c *controlpb.CreateWebhook) { c.Owner = "a_1" }))
		l.must(deleteAccount("a_1"))
		if l.s.Webhook("h_2") != nil {
			t.Error("it is still there")
		}
	})
}

func TestMailsAreSettled(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	for _, id := range []string{"g_1", "g_2", "g_3"} {
		l.must(register("w_1", id))
	}
	ids := map[string]string{}
	for m := range l.s.Mails() {
		ids[m.GetSubject()] = m.GetId()
	}
	later := start.Add(time.Hour).UnixNano()
	l.must(settleMail([]string{ids["g_1"], "m_none"}, &controlpb.MailFailure{Id: ids["g_2"], Next: later, Reason: "450 later"}, &controlpb.MailFailure{Id: ids["g_3"]}))
	if l.s.Mail(ids["g_1"]) != nil || l.s.Mail(ids["g_3"]) != nil {
		t.Error("what was sent or given up is still there")
	}
	if m := l.s.Mail(ids["g_2"]); m.GetAttempts() != 1 || m.GetDue() != later || m.GetReason() != "450 later" || m.GetKind() != "confirmation" {
		t.Errorf("to be tried again: %v", m)
	}
	l.refused("invalid_mails", settleMail(nil))
	l.refused("invalid_reason", settleMail(nil, &controlpb.MailFailure{Id: ids["g_2"], Next: 1, Reason: strings.Repeat("x", 201)}))
	silent := register("w_1", "g_4")
	silent.GetRegister().Mail = false
	l.must(silent)
	if got := mailKinds(l.s); len(got) != 1 {
		t.Errorf("who wants no mail gets one: %v", got)
	}
}

func TestARemovedNodeHasNothing(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{GuestLimit: 10}))
	l.must(registerNode("n1", 1))
	l.must(acquire("w_1", "n1", 1, 4))
	l.must(reportSeats("w_1", "n1", 2, []string{"p_1"}, nil))
	l.must(claim("w_1", "main", "n1", "p_host", 1, false))
	l.must(removeNode("n1"))
	w := l.s.Webinar("w_1")
	if w.StreamCount() != 0 || w.SeatsGranted() != 0 || w.SeatCount() != 0 {
		t.Errorf("it has %d streams, %d seats, %d of them named", w.StreamCount(), w.SeatsGranted(), w.SeatCount())
	}
	if n := l.s.Node("n1"); !n.GetRemoved() || n.GetRemovedAt() == 0 {
		t.Errorf("%v", n)
	}
	l.refused("node_removed", removeNode("n1"))
	l.refused("invalid_node", removeNode("n 1"))
	l.refused("stale_lease", registerNode("n1", 2))
	l.refused("stale_lease", acquire("w_1", "n1", 3, 1))
	l.must(removeNode("n_never_seen"))
	if !l.s.Edge(clusterKey, nil).Node("n_never_seen").GetRemoved() {
		t.Error("an edge does not know that a node was removed")
	}
}

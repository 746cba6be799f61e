package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ics "github.com/arran4/golang-ical"

	"stentor/control/controlpb"
	"stentor/control/personal"
)

// opened is a mail, taken apart by the standard library.
type opened struct {
	header            netmail.Header
	subject           string
	plain, rich, file string
	fileType          string
}

func open(t testing.TB, data []byte) opened {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	o := opened{header: m.Header}
	if o.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	o.part(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	return o
}

func (o *opened) part(t testing.TB, kind, encoding string, body io.Reader) {
	t.Helper()
	media, params, err := mime.ParseMediaType(kind)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(media, "multipart/") {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			o.part(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		}
	}
	switch encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	switch media {
	case "text/plain":
		o.plain = strings.ReplaceAll(string(b), "\r\n", "\n")
	case "text/html":
		o.rich = string(b)
	case "text/calendar":
		o.file, o.fileType = string(b), kind
	default:
		t.Errorf("a part is %s", kind)
	}
}

func settled() {
	time.Sleep(2 * look)
	synctest.Wait()
}

func TestS59TheConfirmationHasThePersonalLinkAndTheCalendarFile(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", nil)
		w.register("r_1", ada())
		settled()
		got := w.box.mails()
		if len(got) != 1 || len(w.waiting()) != 0 {
			t.Fatalf("%d sent, %d wait: %s", len(got), len(w.waiting()), w.logged())
		}
		if got[0].from != "webinars@stentor.example" || got[0].to != "ada@example.org" {
			t.Errorf("sent from %s to %s", got[0].from, got[0].to)
		}
		m := open(t, got[0].data)
		secret := w.keeper.Secret("w_1", "r_1")
		link := "https://stentor.example/w/aZ-_09#" + secret
		want := `Hello Ada Lovelace,

You have registered for “All hands”. We look forward to seeing you.

When: 2 January 2000, 01:00 (Europe/Berlin)

Enter the webinar:
` + link + `

This link is yours alone: whoever has it enters in your name. Please do not pass it on.

The attached file puts the webinar into your calendar.

-- 
You get this mail because somebody registered with your address. If it was not you, you can ignore it.
`
		if strings.TrimRight(m.plain, "\n") != strings.TrimRight(want, "\n") {
			t.Errorf("says\n%s\nwant\n%s", m.plain, want)
		}
		if m.subject != "You are registered: All hands" || !strings.Contains(m.rich, `<a href="`+link+`"`) || !strings.Contains(m.rich, `<html lang="en" dir="ltr">`) {
			t.Errorf("%s\n%s", m.subject, m.rich)
		}
		for name, want := range map[string]string{
			"From": `"Stentor" <webinars@stentor.example>`, "To": `"Ada Lovelace" <ada@example.org>`,
			"Message-Id": "<m_3_1.w_1@stentor.example>", "Auto-Submitted": "auto-generated", "User-Agent": "Stentor", "X-Mailer": "Stentor",
			"Date": "Sat, 01 Jan 2000 00:00:01 +0000",
		} {
			if got := m.header.Get(name); got != want {
				t.Errorf("%s is %q, not %q", name, got, want)
			}
		}
		c, err := ics.ParseCalendar(strings.NewReader(m.file))
		if err != nil || len(c.Events()) != 1 || c.Events()[0].Id() != "w_1@stentor" || !strings.Contains(m.fileType, "method=PUBLISH") {
			t.Errorf("the file is %s (%v)\n%s", m.fileType, err, m.file)
		}
		// The link works: the state knows its secret.
		if r, ok := w.store.State().Webinar("w_1").RegistrantBySecret(sha256.Sum256([]byte(secret))); !ok || r.ID != "r_1" {
			t.Error("the link is nobody's")
		}
	})
}

func TestNamesThatAreMessagesAreLeftOut(t *testing.T) {
	for name, want := range map[string]string{
		"Ada Lovelace": "Ada Lovelace", "J. R. R. Tolkien": "J. R. R. Tolkien", "Зоя Ивановна": "Зоя Ивановна", "O'Neill-Smith, Jr.": "O'Neill-Smith, Jr.",
		"Win at https://evil.example": "", "www.evil": "", "evil.example": "", "visit evil．example now": "", "a@evil": "", "evil/path": "", "пример.рф": "",
		strings.Repeat("a", maxName): strings.Repeat("a", maxName), strings.Repeat("ä", maxName+1): "",
	} {
		if got := presentable(name); got != want {
			t.Errorf("%q is %q", name, got)
		}
	}
	for lang, want := range map[string]string{"en": "Hello,", "de": "Guten Tag,", "es": "Hola:", "fr": "Bonjour,", "ru": "Здравствуйте!", "ar": "مرحبًا،"} {
		if got := textsOf(lang).greeting(""); got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
	run(t, nil, func(w *world) {
		w.plan("All hands", nil)
		spam := ada()
		spam.FirstName = "Win at evil.example"
		w.register("r_1", spam)
		settled()
		got := w.box.mails()
		if len(got) != 1 || strings.Contains(string(got[0].data), "evil") || !strings.HasPrefix(open(t, got[0].data).plain, "Hello,\n") {
			t.Errorf("sent %+v", got)
		}
	})
}

func TestSecretsAreInTheFragmentAlone(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", nil)
		w.register("r_1", ada())
		w.invite("i_1", "Bob", "sti_"+strings.Repeat("x", 43), "bob@example.org", "de")
		settled()
		secrets := []string{w.keeper.Secret("w_1", "r_1"), "sti_" + strings.Repeat("x", 43)}
		got := w.box.mails()
		if len(got) != len(secrets) {
			t.Fatalf("%d sent: %s", len(got), w.logged())
		}
		for i, g := range got {
			m := open(t, g.data)
			for _, text := range []string{m.plain, m.rich} {
				before, _, found := strings.Cut(text, secrets[i])
				if !found || strings.Count(text, secrets[i]) != 1 {
					t.Errorf("the secret is there %d times in\n%s", strings.Count(text, secrets[i]), text)
				}
				address := before[strings.LastIndex(before, "https://"):]
				if !strings.Contains(address, "#") || strings.ContainsAny(address, "?\n <>") {
					t.Errorf("the secret is not in the fragment: %s", address)
				}
			}
			for name, values := range m.header {
				if strings.Contains(strings.Join(values, ""), secrets[i]) {
					t.Errorf("the secret is in %s", name)
				}
			}
			if strings.Contains(m.file, secrets[i]) || strings.Contains(m.file, "str_") || strings.Contains(m.file, "example.org") {
				t.Errorf("the calendar file tells\n%s", m.file)
			}
		}
		for _, word := range []string{secrets[0], secrets[1], "Ada", "example.org"} {
			if strings.Contains(w.logged(), word) {
				t.Errorf("logged %s", w.logged())
			}
		}
	})
}

// invite makes an invite and asks for a mail.
func (w *world) invite(id, name, secret, email, locale string) {
	w.t.Helper()
	sealed, err := w.keeper.Seal("w_1", id, personal.Invited{Email: email, Secret: secret, Locale: locale})
	if err != nil {
		w.t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(secret))
	w.do(&controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: "w_1", Id: id, Name: name, Role: "presenter", Hash: hash[:], Sealed: sealed, Mail: true,
	}}})
}

func TestS17AnInviteIsMailed(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("Große Runde", nil)
		w.invite("i_1", "Bob", "sti_secret", "bob@example.org", "de-AT")
		w.invite("i_2", "Eve", "sti_other", "eve@example.org", "de")
		w.do(&controlpb.Command{Kind: &controlpb.Command_RevokeInvite{RevokeInvite: &controlpb.RevokeInvite{Webinar: "w_1", Id: "i_2"}}})
		settled()
		got := w.box.mails()
		if len(got) != 1 || got[0].to != "bob@example.org" || len(w.waiting()) != 0 {
			t.Fatalf("%d sent, %v wait", len(got), w.waiting())
		}
		m := open(t, got[0].data)
		if m.subject != "Sie sind eingeladen: Große Runde" || !strings.Contains(m.plain, "Guten Tag Bob,\n\nSie sind zu „Große Runde“ eingeladen.") ||
			!strings.Contains(m.plain, "\nhttps://stentor.example/w/aZ-_09#invite=sti_secret\n") || !strings.Contains(m.plain, "2. Januar 2000, 01:00 Uhr (Europe/Berlin)") || m.file == "" {
			t.Errorf("%s\n%s", m.subject, m.plain)
		}
	})
}

func TestM14WhatRegistrantsHearOfTheirPlace(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", func(s *controlpb.Settings) {
			s.Registration.Approval, s.Registration.Waitlist, s.Registration.Maximum = true, true, 1
		})
		subjects := func() []string {
			settled()
			var all []string
			for _, g := range w.box.mails() {
				m := open(t, g.data)
				all = append(all, g.to+" "+m.subject)
				if hasFile := m.file != ""; hasFile != strings.Contains(m.subject, "You have a place") {
					t.Errorf("%s: a calendar file: %v", m.subject, hasFile)
				}
				if hasLink := strings.Contains(m.plain, "#str_"); hasLink == strings.Contains(m.subject, "Your registration") {
					t.Errorf("%s: a link: %v", m.subject, hasLink)
				}
			}
			w.box.answer(func() { w.box.took = nil })
			return all
		}
		w.register("r_1", who("Ada", "ada@x.org", "en"))
		w.register("r_2", who("Bob", "bob@x.org", "en"))
		if got := subjects(); !slices.Equal(got, []string{"ada@x.org We have your registration: All hands", "bob@x.org We have your registration: All hands"}) {
			t.Errorf("signed up: %q", got)
		}
		w.decide("approve", "r_1")
		w.decide("approve", "r_2")
		if got := subjects(); !slices.Equal(got, []string{"ada@x.org You have a place: All hands", "bob@x.org You are on the waiting list: All hands"}) {
			t.Errorf("approved: %q", got)
		}
		w.decide("decline", "r_1")
		if got := subjects(); !slices.Equal(got, []string{"ada@x.org Your registration: All hands", "bob@x.org You have a place: All hands"}) {
			t.Errorf("declined: %q", got)
		}
	})
}

func TestMailsThatNobodyNeedsAnyMore(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *world)
	}{
		{"the registrant has cancelled", func(w *world) { w.decide("cancel", "r_1") }},
		{"the webinar has ended", func(w *world) {
			w.do(&controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: "w_1"}}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, nil, func(w *world) {
				w.lead(false)
				w.plan("All hands", nil)
				w.register("r_1", ada())
				c.do(w)
				w.lead(true)
				settled()
				if len(w.box.mails()) != 0 || len(w.waiting()) != 0 {
					t.Errorf("%d sent, %v wait", len(w.box.mails()), w.waiting())
				}
			})
		})
	}
}

func TestNamesCannotAddHeaders(t *testing.T) {
	evil := "Ada\r\nBcc: victim@example.net\r\n\r\n<script>alert(1)</script>"
	for _, c := range []struct{ name, first, title, email string }{
		{"a name", evil, "All hands", "ada@example.org"},
		{"a title", "Ada", evil, "ada@example.org"},
		{"a name with lone line feeds", "Ada\nBcc: victim@example.net", "All hands", "ada@example.org"},
		{"a name with lone carriage returns", "Ada\rBcc: victim@example.net", "All hands", "ada@example.org"},
		{"a name with line separators", "Ada\u2028Bcc: victim@example.net\u0085Bcc: victim@example.net", "All hands", "ada@example.org"},
		{"a name with NUL", "Ada\x00\x1b[2J", "All hands", "ada@example.org"},
		{"a name that is an encoded word", "=?utf-8?q?Ada=0D=0ABcc:_victim@example.net?=", "All hands", "ada@example.org"},
		{"a name that is an address", `Ada" <victim@example.net>, "`, "All hands", "ada@example.org"},
		{"a long name", strings.Repeat("Ä\r\n", 2000), "All hands", "ada@example.org"},
		{"a name with a template", "{{.Link}}{title}{name}", "{name}{{.Foot}}", "ada@example.org"},
		{"an address with a header", "Ada", "All hands", "ada@example.org\r\nBcc: victim@example.net"},
		{"two addresses", "Ada", "All hands", "ada@example.org, victim@example.net"},
		{"an address with a name", "Ada", "All hands", "Victim <victim@example.net>"},
		{"an address with a command", "Ada", "All hands", "ada@example.org>\r\nRCPT TO:<victim@example.net"},
		{"no address", "Ada", "All hands", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, nil, func(w *world) {
				w.plan("All hands", nil)
				// The door refuses such titles and addresses; here one got through.
				wb := *w.store.State().Webinar("w_1")
				wb.Title = c.title
				w.register("r_1", who(c.first, "ada@example.org", "en"))
				sealed, err := w.keeper.Seal("w_1", "r_1", who(c.first, c.email, "en"))
				if err != nil {
					t.Fatal(err)
				}
				r, _ := w.store.State().Webinar("w_1").Registrant("r_1")
				r.Sealed = sealed
				msg, err := w.mailer.message(wb.WithRegistrant(r), &controlpb.MailRecord{Id: "m_1_1", Kind: confirmation, Webinar: "w_1", Subject: "r_1"})
				if c.email != "ada@example.org" {
					if err != errAddress {
						t.Errorf("a mail to %q: %v", c.email, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				var raw bytes.Buffer
				if _, err := msg.WriteTo(&raw); err != nil {
					t.Fatal(err)
				}
				m := open(t, raw.Bytes())
				known := []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Auto-Submitted", "User-Agent", "X-Mailer", "Content-Type"}
				for name, values := range m.header {
					if !slices.Contains(known, name) || len(values) != 1 {
						t.Errorf("a header %s: %q", name, values)
					}
				}
				to, err := m.header.AddressList("To")
				if err != nil || len(to) != 1 || to[0].Address != "ada@example.org" || strings.ContainsAny(to[0].Name, "\r\n\u2028\x00") {
					t.Errorf("to %v, %v", to, err)
				}
				if rcpt, err := msg.GetRecipients(); err != nil || !slices.Equal(rcpt, []string{"<ada@example.org>"}) {
					t.Errorf("sent to %q, %v", rcpt, err)
				}
				if strings.ContainsAny(m.subject, "\r\n") || strings.Contains(m.rich, "<script>") {
					t.Errorf("%q\n%s", m.subject, m.rich)
				}
				for _, line := range strings.Split(raw.String(), "\r\n") {
					if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") {
						t.Errorf("a line of %d bytes: %.100q", len(line), line)
					}
				}
			})
		})
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"ada@example.org", "a@b\r\nBcc: c@d", "<a@b>", `"a b"@c.d`, "a@[127.0.0.1]", "а@б.рф", "a@b,c@d", "(x)a@b"} {
		f.Add("Ada", s)
	}
	f.Fuzz(func(t *testing.T, name, email string) {
		a, err := address(name, email)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.String(), "\r\n\x00") || strings.Count(a.Address, "@") == 0 || a.Address != strings.TrimSpace(email) {
			t.Errorf("%q, %q became %q", name, email, a.String())
		}
	})
}

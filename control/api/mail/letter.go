package mail

import (
	"bytes"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"stentor/control/api/mail/calendar"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

// The kinds of mails in the queue.
const (
	confirmation = "confirmation"
	waitlisted   = "waitlisted"
	approved     = "approved"
	declined     = "declined"
	reminder     = "reminder"
	invite       = "invite"
	pending      = "pending" // a confirmation of somebody about whom the host decides
)

// statuses are those of registrants to whom a kind of mail still says something true.
var statuses = map[string][]webinar.Status{
	confirmation: {webinar.Approved, webinar.Pending},
	waitlisted:   {webinar.Waitlisted},
	approved:     {webinar.Approved},
	declined:     {webinar.Declined},
	reminder:     {webinar.Approved},
}

// known reports whether records of that kind are mails.
func known(kind string) bool { return kind == invite || statuses[kind] != nil }

// errGone is why a mail is not sent that nobody needs any more.
var errGone = errors.New("gone")

// letter is a mail that is ready to be sent.
type letter struct {
	record  *controlpb.MailRecord
	message *gomail.Msg
}

// draft is what a mail says.
type draft struct {
	kind, locale string // of the texts
	name, email  string // to whom
	link         string // personal, with its secret in the fragment
	webinar      *webinar.Webinar
}

// letter writes the mail of a record. The error says without names why there is none.
func (m *Mailer) letter(r *controlpb.MailRecord) (letter, error) {
	w := m.Store.State().Webinar(r.GetWebinar())
	if w == nil || w.State == webinar.Ended {
		return letter{}, errGone
	}
	msg, err := m.message(w, r)
	return letter{record: r, message: msg}, err
}

func (m *Mailer) message(w *webinar.Webinar, r *controlpb.MailRecord) (*gomail.Msg, error) {
	d := draft{kind: r.GetKind(), webinar: w}
	fill := m.toRegistrant
	if r.GetKind() == invite {
		fill = m.toInvited
	}
	if err := fill(&d, r.GetSubject()); err != nil {
		return nil, err
	}
	to, err := address(d.name, d.email)
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg()
	msg.FromMailAddress(m.from)
	msg.ToMailAddress(to)
	// The queue's IDs count from one; a webinar's is drawn.
	msg.SetMessageIDWithValue(fmt.Sprintf("%s.%s@%s", r.GetId(), w.ID, m.host))
	msg.SetDateWithValue(m.Now())
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's absence note answers
	msg.SetUserAgent("Stentor")
	return msg, m.write(msg, d)
}

func (m *Mailer) toRegistrant(d *draft, id string) error {
	r, ok := d.webinar.Registrant(id)
	if !ok || !slices.Contains(statuses[d.kind], r.Status) {
		return errGone
	}
	var who personal.Registrant
	if err := m.Keeper.Open(d.webinar.ID, id, r.Sealed, &who); err != nil {
		return errGone // expired, or of another cluster
	}
	if d.kind == confirmation && r.Status == webinar.Pending {
		d.kind = pending
	}
	d.name, d.email, d.locale = presentable(who.FirstName+" "+who.LastName), who.Email, who.Locale
	if d.kind != declined {
		d.link = calendar.Link(d.webinar, m.Base) + "#" + m.Keeper.Secret(d.webinar.ID, id)
	}
	return nil
}

func (m *Mailer) toInvited(d *draft, id string) error {
	i, ok := d.webinar.Invite(id)
	if !ok {
		return errGone
	}
	var who personal.Invited
	if err := m.Keeper.Open(d.webinar.ID, id, i.Sealed, &who); err != nil {
		return errGone
	}
	d.name, d.email, d.locale = presentable(i.Name), who.Email, who.Locale
	d.link = calendar.Link(d.webinar, m.Base) + "#invite=" + who.Secret
	return nil
}

// write fills a message: text, HTML, and the calendar file of what has a time.
func (m *Mailer) write(msg *gomail.Msg, d draft) error {
	t := textsOf(d.locale)
	v, err := t.view(d, m.Now())
	if err != nil {
		return err
	}
	file := d.file(m.Base)
	if file != nil {
		v.Calendar = t.Calendar
	}
	var plain, rich bytes.Buffer
	if err := errors.Join(plainText.Execute(&plain, v), richText.Execute(&rich, v)); err != nil {
		return fmt.Errorf("mail: text: %w", err)
	}
	msg.Subject(oneLine(v.Subject))
	msg.SetBodyString(gomail.TypeTextPlain, plain.String())
	msg.AddAlternativeString(gomail.TypeTextHTML, rich.String())
	if file != nil {
		return msg.AttachReader("webinar.ics", bytes.NewReader(file), gomail.WithFileContentType(calendar.Type))
	}
	return nil
}

// file returns the calendar file of what somebody can come to.
func (d draft) file(base string) []byte {
	if d.kind == declined || d.kind == waitlisted || d.kind == pending {
		return nil
	}
	return calendar.Of(d.webinar, base, UID(d.webinar))
}

// errAddress is why a mail to no mailbox is not sent.
var errAddress = errors.New("invalid address")

// address is where a mail goes. It is exactly one mailbox, whatever was typed: no list, no
// name in front, nothing that ends a line.
func address(name, email string) (*mail.Address, error) {
	email = strings.TrimSpace(email)
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || parsed.Name != "" || oneLine(email) != email {
		return nil, errAddress
	}
	return &mail.Address{Name: oneLine(name), Address: parsed.Address}, nil
}

// maxLine bounds what comes from outside into a header.
const maxLine = 400

// oneLine makes one line of a text: what controls, breaks lines or turns the direction of
// writing becomes a space.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxLine {
		s = string(runes[:maxLine])
	}
	return s
}

// maxName is how many characters of a name a mail repeats.
const maxName = 60

// linking is what mail programs make a link or an address of.
var linking = regexp.MustCompile(`(?i)://|[/\\@<>]|www[.]|[\pL\pN_-][.\x{3002}\x{ff0e}\x{ff61}][\pL]{2,}`)

// presentable is a name as a mail may have it; empty: better none. Who signs somebody else's
// address up chooses the name, and must not have us deliver a message in it.
func presentable(name string) string {
	name = oneLine(name)
	if utf8.RuneCountInString(name) > maxName || linking.MatchString(name) {
		return ""
	}
	return name
}

// next is when the webinar begins next, in its own zone.
func (d draft) next(now time.Time) (time.Time, bool) {
	if d.webinar.Schedule == nil {
		return time.Time{}, false
	}
	zone, err := calendar.Zone(d.webinar.Schedule.Zone)
	if err != nil {
		zone = time.UTC
	}
	start, _, ok := d.webinar.Occurrence(now)
	return start.In(zone), ok
}

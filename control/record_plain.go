package control

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"stentor/control/controlpb"
	"stentor/control/internal/table"
)

// plain holds the records that no rule of package webinar looks at, by kind, as they are
// written: attendance, accounts, nodes, the audit log, webhooks, mails and what gossip is
// sealed with. They are never changed once they are in it.
type plain [KindSealedKeys - KindAttendance + 1]table.Table[*controlpb.Record]

// plain reports whether records of that kind are kept as they are written.
func (k Kind) plain() bool { return k >= KindAttendance && k <= KindSealedKeys }

// single reports whether there is one record of that kind, without an ID.
func (k Kind) single() bool { return k == KindAuditHead || k == KindGossipKeys || k == KindSealedKeys }

// plainKey is where a record lies in its table: those of one webinar together.
func plainKey(k Key) string { return k.Webinar + "\x00" + k.ID }

func (p *plain) at(k Key) *controlpb.Record {
	r, _ := p[k.Kind-KindAttendance].At(plainKey(k))
	return r
}

// records yields those that belong to no webinar; attendance comes after its webinar.
func (p *plain) records(yield func(*controlpb.Record) bool) bool {
	for _, t := range p[KindAccount-KindAttendance:] {
		for r := range t.Values() {
			if !yield(r) {
				return false
			}
		}
	}
	return true
}

// of yields the records of a kind that belong to one webinar, from an ID on; all those of
// the cluster if webinar is empty.
func (p *plain) of(kind Kind, webinar, from string) iter.Seq[*controlpb.Record] {
	prefix := webinar + "\x00"
	return func(yield func(*controlpb.Record) bool) {
		for key, r := range p[kind-KindAttendance].From(prefix + from) {
			if !strings.HasPrefix(key, prefix) || !yield(r) {
				return
			}
		}
	}
}

func (s *State) putPlain(k Key, r *controlpb.Record) error {
	if k.ID == "" && !k.Kind.single() {
		return fmt.Errorf("%w: without ID", errRecord)
	}
	if k.Kind == KindAttendance {
		if _, err := s.parent(k.Webinar); err != nil {
			return err
		}
	}
	old := s.plain.at(k)
	if old != nil {
		s.unindexAccount(old.GetAccount())
	} else if k.Kind == KindAttendance {
		s.countStay(k.Webinar, 1)
	}
	t := &s.plain[k.Kind-KindAttendance]
	*t = t.With(plainKey(k), r)
	s.reindex(k, mailDue(old.GetMail()), mailDue(r.GetMail()))
	return s.indexAccount(r.GetAccount())
}

func (s *State) removePlain(k Key, old *controlpb.Record) {
	s.unindexAccount(old.GetAccount())
	if k.Kind == KindAttendance {
		s.countStay(k.Webinar, -1)
	}
	t := &s.plain[k.Kind-KindAttendance]
	*t = t.Without(plainKey(k))
	s.reindex(k, mailDue(old.GetMail()), time.Time{})
}

func (s *State) countStay(webinar string, n int) {
	stays, _ := s.stays.At(webinar)
	if stays += n; stays == 0 {
		s.stays = s.stays.Without(webinar)
	} else {
		s.stays = s.stays.With(webinar, stays)
	}
}

// identityKey is what an OIDC identity is found by.
func identityKey(issuer, subject string) string { return issuer + "\x00" + subject }

func (s *State) indexAccount(a *controlpb.AccountRecord) error {
	if a == nil {
		return nil
	}
	if id, taken := s.logins.At(a.GetLogin()); taken && id != a.GetId() {
		return fmt.Errorf("%w: two accounts with login %q", errRecord, a.GetLogin())
	}
	s.logins = s.logins.With(a.GetLogin(), a.GetId())
	if a.GetSubject() != "" {
		s.identities = s.identities.With(identityKey(a.GetIssuer(), a.GetSubject()), a.GetId())
	}
	return nil
}

func (s *State) unindexAccount(a *controlpb.AccountRecord) {
	if a == nil {
		return
	}
	s.logins = s.logins.Without(a.GetLogin())
	s.identities = s.identities.Without(identityKey(a.GetIssuer(), a.GetSubject()))
}

// Account returns the account of that ID, or nil.
func (s *State) Account(id string) *controlpb.AccountRecord {
	return s.plain.at(Key{Kind: KindAccount, ID: id}).GetAccount()
}

// AccountByLogin returns the account with that login, or nil.
func (s *State) AccountByLogin(login string) *controlpb.AccountRecord {
	id, ok := s.logins.At(login)
	if !ok {
		return nil
	}
	return s.Account(id)
}

// AccountByIdentity returns the account of an OIDC identity, or nil.
func (s *State) AccountByIdentity(issuer, subject string) *controlpb.AccountRecord {
	id, ok := s.identities.At(identityKey(issuer, subject))
	if !ok {
		return nil
	}
	return s.Account(id)
}

// Accounts yields the accounts in the order of their IDs.
func (s *State) Accounts() iter.Seq[*controlpb.AccountRecord] {
	return each(s.plain.of(KindAccount, "", ""), (*controlpb.Record).GetAccount)
}

// Node returns what is known of a node, or nil.
func (s *State) Node(name string) *controlpb.NodeRecord {
	return s.plain.at(Key{Kind: KindNode, ID: name}).GetNode()
}

// Nodes yields the nodes that were ever seen, in the order of their names.
func (s *State) Nodes() iter.Seq[*controlpb.NodeRecord] {
	return each(s.plain.of(KindNode, "", ""), (*controlpb.Record).GetNode)
}

// Audit yields the audit log from an entry on.
func (s *State) Audit(from uint64) iter.Seq[*controlpb.AuditRecord] {
	return each(s.plain.of(KindAudit, "", auditID(from)), (*controlpb.Record).GetAudit)
}

// AuditHead returns the end of the audit log; nil before the first entry.
func (s *State) AuditHead() *controlpb.AuditHeadRecord {
	return s.plain.at(Key{Kind: KindAuditHead}).GetAuditHead()
}

// Attendance yields the stays in a webinar, in the order of their IDs.
func (s *State) Attendance(webinar string) iter.Seq[*controlpb.AttendanceRecord] {
	return each(s.plain.of(KindAttendance, webinar, ""), (*controlpb.Record).GetAttendance)
}

// Webhooks yields the webhooks in the order of their IDs.
func (s *State) Webhooks() iter.Seq[*controlpb.WebhookRecord] {
	return each(s.plain.of(KindWebhook, "", ""), (*controlpb.Record).GetWebhook)
}

// Mails yields the mails that are to be sent, in the order of their IDs.
func (s *State) Mails() iter.Seq[*controlpb.MailRecord] {
	return func(yield func(*controlpb.MailRecord) bool) {
		for m := range each(s.plain.of(KindMail, "", ""), (*controlpb.Record).GetMail) {
			if m.GetKind() != mailReminders && !yield(m) {
				return
			}
		}
	}
}

// Mail returns the mail of that ID, or nil.
func (s *State) Mail(id string) *controlpb.MailRecord {
	return s.plain.at(Key{Kind: KindMail, ID: id}).GetMail()
}

// Webhook returns the webhook of that ID, or nil.
func (s *State) Webhook(id string) *controlpb.WebhookRecord {
	return s.plain.at(Key{Kind: KindWebhook, ID: id}).GetWebhook()
}

// Stays is the number of attendance records of a webinar.
func (s *State) Stays(webinar string) int {
	n, _ := s.stays.At(webinar)
	return n
}

func each[T any](records iter.Seq[*controlpb.Record], get func(*controlpb.Record) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for r := range records {
			if !yield(get(r)) {
				return
			}
		}
	}
}

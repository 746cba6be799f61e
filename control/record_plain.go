package control

import (
	"fmt"
	"iter"
	"strings"

	"stentor/control/controlpb"
	"stentor/control/internal/table"
)

// plain holds the records that no rule of package webinar looks at, by kind, as they are
// written: attendance, accounts, nodes, the audit log, webhooks and mails. They are never
// changed once they are in it.
type plain [KindMail - KindAttendance + 1]table.Table[*controlpb.Record]

// plain reports whether records of that kind are kept as they are written.
func (k Kind) plain() bool { return k >= KindAttendance && k <= KindMail }

// plainKey is where a record lies in its table: those of one webinar together.
func plainKey(k Key) string { return k.Webinar + "\x00" + k.ID }

func (p *plain) at(k Key) *controlpb.Record {
	r, _ := p[k.Kind-KindAttendance].At(plainKey(k))
	return r
}

func (p *plain) records(yield func(*controlpb.Record) bool) bool {
	for _, t := range p {
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
	if k.ID == "" && k.Kind != KindAuditHead {
		return fmt.Errorf("%w: without ID", errRecord)
	}
	if k.Kind == KindAttendance {
		if _, err := s.parent(k.Webinar); err != nil {
			return err
		}
	}
	if old := s.plain.at(k); old != nil {
		s.unindexAccount(old.GetAccount())
	}
	t := &s.plain[k.Kind-KindAttendance]
	*t = t.With(plainKey(k), r)
	return s.indexAccount(r.GetAccount())
}

func (s *State) removePlain(k Key, old *controlpb.Record) {
	s.unindexAccount(old.GetAccount())
	t := &s.plain[k.Kind-KindAttendance]
	*t = t.Without(plainKey(k))
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
	return each(s.plain.of(KindMail, "", ""), (*controlpb.Record).GetMail)
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

package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) audit() {
	add(a, "list-audit", a.listAudit)
	add(a, "list-all-audit", a.listAllAudit)
	add(a, "get-audit-head", a.getAuditHead)
	add(a, "undo", a.undo)
}

func viewEntry(s *control.State, r *controlpb.AuditRecord) client.AuditEntry {
	v := client.AuditEntry{
		Seq: r.GetSeq(), At: time.Unix(0, r.GetAt()).UTC(), By: r.GetPrincipal(), Action: r.GetAction(), Webinar: r.GetWebinar(),
		Subject: r.GetSubject(), Index: r.GetIndex(), Hash: hex.EncodeToString(r.GetHash()),
	}
	if json.Valid(r.GetData()) {
		v.Data = r.GetData()
	}
	if w := s.Webinar(r.GetWebinar()); w != nil {
		_, err := undoing(w, r)
		v.Undoable = err == nil
	}
	return v
}

type auditAnswer struct{ Body client.Audit }

func (a *API) listAudit(ctx context.Context, in *listInput) (*auditAnswer, error) {
	s := a.Store.State()
	w, err := a.find(s, principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return a.entries(s, in.Paged, w.ID)
}

func (a *API) listAllAudit(_ context.Context, in *Paged) (*auditAnswer, error) {
	return a.entries(a.Store.State(), *in, "")
}

// maxLooked is how many entries one page looks at: those of one webinar may be rare.
const maxLooked = 20_000

// entries is one page of the log, the latest first: of one webinar, or of all.
func (a *API) entries(s *control.State, in Paged, id string) (*auditAnswer, error) {
	after, err := in.after("audit " + id)
	if err != nil {
		return nil, err
	}
	seq := s.AuditHead().GetSeq()
	if after != "" {
		var place uint64
		if _, err := fmt.Sscanf(after, "%d", &place); err != nil || place == 0 || place > seq+1 {
			return nil, refuse(codeInvalidCursor, "")
		}
		seq = place - 1
	}
	out := client.Audit{Items: []client.AuditEntry{}}
	for looked := 0; seq > 0; seq, looked = seq-1, looked+1 {
		r := entryAt(s, seq)
		if r == nil { // older ones are not kept
			return &auditAnswer{out}, nil
		}
		if len(out.Items) == in.Limit || looked == maxLooked {
			out.Next = cursor("audit "+id, fmt.Sprint(seq+1))
			return &auditAnswer{out}, nil
		}
		if id == "" || r.GetWebinar() == id {
			out.Items = append(out.Items, viewEntry(s, r))
		}
	}
	return &auditAnswer{out}, nil
}

// entryAt returns one entry of the log; nil if there is none.
func entryAt(s *control.State, seq uint64) *controlpb.AuditRecord {
	for r := range s.Audit(seq) {
		if r.GetSeq() == seq {
			return r
		}
		return nil
	}
	return nil
}

type auditHeadAnswer struct{ Body client.AuditHead }

func (a *API) getAuditHead(context.Context, *struct{}) (*auditHeadAnswer, error) {
	h := a.Store.State().AuditHead()
	out := client.AuditHead{
		Seq: h.GetSeq(), Hash: hex.EncodeToString(h.GetHash()), First: h.GetFirst(), Before: hex.EncodeToString(h.GetBefore()),
	}
	if s := h.GetSigned(); s != nil {
		out.Signed = &client.AuditSignature{
			Seq: s.GetSeq(), Hash: hex.EncodeToString(s.GetHash()),
			Signature: base64.StdEncoding.EncodeToString(s.GetSignature()), Certificate: base64.StdEncoding.EncodeToString(s.GetCertificate()),
		}
	}
	return &auditHeadAnswer{out}, nil
}

type undoInput struct {
	InWebinar
	Keyed
	Seq uint64 `path:"seq" minimum:"1" maximum:"9007199254740991" doc:"Number of the entry."`
}

type undoAnswer struct{ Body client.Undone }

// undo takes back what an entry of the log did: it lifts the ban, or asks the participant
// back.
func (a *API) undo(ctx context.Context, in *undoInput) (*undoAnswer, error) {
	s := a.Store.State()
	w, err := a.find(s, principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	r, err := a.newRequest(principal(ctx), "undo", in.IdempotencyKey, in.ID, in.Seq)
	if err != nil {
		return nil, err
	}
	entry := entryAt(s, in.Seq)
	if entry == nil || entry.GetWebinar() != w.ID {
		return nil, refuse(codeEntryNotFound, "")
	}
	c, err := undoing(w, entry)
	if err != nil && (c == nil || !answered(s, r)) {
		return nil, err
	}
	result, _, err := a.propose(ctx, r, 0, c)
	if err != nil {
		return nil, err
	}
	out := client.Undone{Seq: in.Seq, Action: "ban.lifted", Index: result.Index}
	if c.GetReinvite() != nil {
		out.Action = "participant.reinvited"
	}
	return &undoAnswer{out}, nil
}

// undoing is the command that undoes an entry. The error says that nothing of it holds
// any more; the command is there all the same if it can have been undone by it.
func undoing(w *webinar.Webinar, r *controlpb.AuditRecord) (*controlpb.Command, error) {
	switch r.GetAction() {
	case "participant.banned":
		var data struct{ Ban string }
		if err := json.Unmarshal(r.GetData(), &data); err != nil {
			return nil, refuse(codeNotUndoable, "")
		}
		c := &controlpb.Command{Kind: &controlpb.Command_LiftBan{LiftBan: &controlpb.LiftBan{Webinar: w.ID, Id: data.Ban, Undoes: r.GetSeq()}}}
		if _, ok := w.Ban(data.Ban); !ok {
			return c, refuse(codeNotUndoable, "This ban was lifted already.")
		}
		return c, nil
	case "participant.disconnected":
		c := reinvitation(w.ID, r.GetSubject())
		if m, ok := w.Removal(r.GetSubject()); !ok || m.Index != r.GetIndex() {
			return c, refuse(codeNotUndoable, "This participant was asked back already, or disconnected again.")
		}
		if w.State == webinar.Ended {
			return c, refuse(codeNotUndoable, "The webinar has ended.")
		}
		return c, nil
	}
	return nil, refuse(codeNotUndoable, "")
}

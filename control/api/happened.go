package api

import (
	"encoding/json"
	"sort"
	"strings"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// since returns the entries of the audit log about a webinar that came after the command
// at index. lost says that some are not kept any more, that there are too many, or that
// index is not one of this log.
func since(s *control.State, index uint64, id string) (entries []*controlpb.AuditRecord, lost bool) {
	head := s.AuditHead()
	first, last := max(head.GetFirst(), 1), head.GetSeq()
	if index > s.Index() {
		return nil, true
	}
	n := sort.Search(int(last+1-first), func(i int) bool { return entryAt(s, first+uint64(i)).GetIndex() > index })
	if n == 0 && first > 1 { // the entry before may be one that was dropped
		return nil, true
	}
	for r := range s.Audit(first + uint64(n)) {
		if r.GetWebinar() != id {
			continue
		}
		if len(entries) == maxBehind {
			return nil, true
		}
		entries = append(entries, r)
	}
	return entries, false
}

func entry(s *control.State, r *controlpb.AuditRecord) *client.AuditEntry {
	v := viewEntry(s, r)
	return &v
}

// about is what an entry of the audit log changed, as it is now.
func (f *follower) about(s *control.State, w *webinar.Webinar, r *controlpb.AuditRecord) []client.Event {
	e := client.Event{Index: r.GetIndex(), ID: r.GetSubject()}
	kind, what, _ := strings.Cut(r.GetAction(), ".")
	switch kind {
	case "webinar", "pin", "registration":
		v := viewWebinar(w, f.api.Now())
		e.Type, e.ID, e.Webinar = "webinar", w.ID, &v
	case "registrant":
		e.Type = "registrant"
		if g, ok := w.Registrant(e.ID); ok {
			e.Registrant = &client.DecidedRegistrant{ID: g.ID, Status: string(g.Status)}
		}
		e.Removed = e.Registrant == nil
	case "invite":
		e.Type = "invite"
		if i, ok := w.Invite(e.ID); ok {
			v := f.api.viewInvite(w, i)
			e.Invite = &v
		}
		e.Removed = e.Invite == nil
	case "ban":
		return []client.Event{banEvent(w, r.GetIndex(), e.ID)}
	case "participant":
		return participantEvents(w, r, what)
	default:
		return nil
	}
	return []client.Event{e}
}

func banEvent(w *webinar.Webinar, index uint64, id string) client.Event {
	e := client.Event{Type: "ban", Index: index, ID: id}
	if b, ok := w.Ban(id); ok {
		v := viewBan(b)
		e.Ban = &v
	}
	e.Removed = e.Ban == nil
	return e
}

func participantEvents(w *webinar.Webinar, r *controlpb.AuditRecord, what string) []client.Event {
	id := r.GetSubject()
	d, _ := w.Participant(id)
	d.ID = id
	v := viewEdited(d, r.GetIndex())
	events := []client.Event{{Type: "participant", Index: r.GetIndex(), ID: id, Participant: &v}}
	var data struct {
		Ban  string
		Bans []string
	}
	switch what {
	case "disconnected", "banned", "reinvited":
	default:
		return events
	}
	if json.Unmarshal(r.GetData(), &data) == nil && data.Ban != "" {
		data.Bans = append(data.Bans, data.Ban)
	}
	for _, ban := range data.Bans {
		events = append(events, banEvent(w, r.GetIndex(), ban))
	}
	e := client.Event{Type: "unconnected", Index: r.GetIndex(), ID: id}
	if m, ok := w.Removal(id); ok {
		u := viewUnconnected(m, bansOf(w)[id])
		e.Unconnected = &u
	}
	e.Removed = e.Unconnected == nil
	return append(events, e)
}

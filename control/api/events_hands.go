package api

import (
	"cmp"
	"slices"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// hands are the participants who changed without an entry of the audit log: a hand is raised
// as often as somebody likes, and would push the log's oldest entries out. before is the
// webinar as the client was last told of it; nil when a stream goes on where another one
// ended. Then it is everyone who was changed since; a hand that came down
// meanwhile, of somebody about whom nothing else was decided, has left no trace in the state,
// so whoever goes on lists the participants.
func hands(before, w *webinar.Webinar, after uint64, entries []*controlpb.AuditRecord) []webinar.Participant {
	if w.SameParticipants(before) {
		return nil
	}
	told := map[string]bool{}
	for _, r := range entries {
		told[r.GetSubject()] = true
	}
	var changed []webinar.Participant
	for p := range w.Participants() {
		if p.Index > after && !told[p.ID] {
			changed = append(changed, p)
		}
	}
	if before != nil {
		for p := range before.Participants() {
			if _, known := w.Participant(p.ID); !known && !p.Hand.IsZero() && !told[p.ID] {
				changed = append(changed, webinar.Participant{ID: p.ID, Name: p.Name})
			}
		}
	}
	slices.SortStableFunc(changed, func(x, y webinar.Participant) int { return cmp.Compare(x.Index, y.Index) })
	return changed
}

// tellHands tells of raised and lowered hands. The id is on the last of them only: who breaks
// off in the middle is told all of them again.
func (f *follower) tellHands(index uint64, changed []webinar.Participant) error {
	for i, p := range changed {
		id := uint64(0)
		if i == len(changed)-1 {
			id = index
		}
		v := viewEdited(p, index)
		if err := f.send(id, client.Event{Type: "participant", Index: index, ID: p.ID, Participant: &v}); err != nil {
			return err
		}
	}
	return nil
}

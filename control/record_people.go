package control

import (
	"fmt"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// personRecord returns the record under k of those that say who may be inside w.
func personRecord(w *webinar.Webinar, k Key) *controlpb.Record {
	switch k.Kind {
	case KindRegistrant:
		if r, ok := w.Registrant(k.ID); ok {
			return registrantRecord(w.ID, r)
		}
	case KindParticipant:
		if p, ok := w.Participant(k.ID); ok {
			return participantRecord(w.ID, p)
		}
	case KindLease:
		if l, ok := w.Lease(k.ID); ok {
			return leaseRecord(w.ID, l)
		}
	case KindSeat:
		if s, ok := w.Seat(k.ID); ok {
			return seatRecord(w.ID, s)
		}
	case KindBudget:
		if b := w.Budget(); b != (webinar.Budget{}) {
			return budgetRecord(w.ID, b)
		}
	}
	return nil
}

func personRecords(w *webinar.Webinar, yield func(*controlpb.Record) bool) bool {
	for r := range w.Registrants() {
		if !yield(registrantRecord(w.ID, r)) {
			return false
		}
	}
	for p := range w.Participants() {
		if !yield(participantRecord(w.ID, p)) {
			return false
		}
	}
	for l := range w.Leases() {
		if !yield(leaseRecord(w.ID, l)) {
			return false
		}
	}
	for s := range w.Seats() {
		if !yield(seatRecord(w.ID, s)) {
			return false
		}
	}
	if r := personRecord(w, Key{Kind: KindBudget}); r != nil {
		return yield(r)
	}
	return true
}

func registrantRecord(id string, r webinar.Registrant) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Registrant{Registrant: &controlpb.RegistrantRecord{
		Webinar: id, Id: r.ID, Hash: r.Hash[:], Status: string(r.Status), Created: nanos(r.Created), EmailHash: r.EmailHash,
		Sealed: r.Sealed, Account: r.Account, Index: r.Index, Decided: nanos(r.Decided),
	}}}
}

func (s *State) putRegistrant(r *controlpb.RegistrantRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	hash, ok := hash32(r.GetHash())
	if other, taken := w.RegistrantBySecret(hash); !ok || r.GetId() == "" || taken && other.ID != r.GetId() {
		return fmt.Errorf("%w: registrant %q", errRecord, r.GetId())
	}
	s.setWebinar(w.WithRegistrant(webinar.Registrant{
		ID: r.GetId(), Hash: hash, Status: webinar.Status(r.GetStatus()), Created: moment(r.GetCreated()), EmailHash: r.GetEmailHash(),
		Sealed: r.GetSealed(), Account: r.GetAccount(), Index: r.GetIndex(), Decided: moment(r.GetDecided()),
	}))
	return nil
}

func participantRecord(id string, p webinar.Participant) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Participant{Participant: &controlpb.ParticipantRecord{
		Webinar: id, Participant: p.ID, Name: p.Name, StopAudio: p.StopAudio, StopVideo: p.StopVideo, StopMessages: p.StopMessages,
		Stage: p.Stage, Hand: nanos(p.Hand), Role: string(p.Role), Admitted: p.Admitted, Index: p.Index,
	}}}
}

func (s *State) putParticipant(r *controlpb.ParticipantRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	if r.GetParticipant() == "" {
		return fmt.Errorf("%w: participant without ID", errRecord)
	}
	s.webinars = s.webinars.With(w.ID, w.WithParticipant(webinar.Participant{
		ID: r.GetParticipant(), Name: r.GetName(), StopAudio: r.GetStopAudio(), StopVideo: r.GetStopVideo(), StopMessages: r.GetStopMessages(),
		Stage: r.GetStage(), Hand: moment(r.GetHand()), Role: webinar.Role(r.GetRole()), Admitted: r.GetAdmitted(), Index: r.GetIndex(),
	}))
	return nil
}

func leaseRecord(id string, l webinar.SeatLease) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Lease{Lease: &controlpb.LeaseRecord{
		Webinar: id, Node: l.Node, Epoch: l.Epoch, Granted: uint32(l.Granted), Seq: l.Seq,
	}}}
}

func (s *State) putLease(r *controlpb.LeaseRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	if r.GetNode() == "" {
		return fmt.Errorf("%w: lease without node", errRecord)
	}
	s.webinars = s.webinars.With(w.ID, w.WithLease(webinar.SeatLease{
		Node: r.GetNode(), Epoch: r.GetEpoch(), Granted: int(r.GetGranted()), Seq: r.GetSeq(),
	}))
	return nil
}

func seatRecord(id string, t webinar.Seat) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Seat{Seat: &controlpb.SeatRecord{
		Webinar: id, Participant: t.Participant, Node: t.Node, Echoes: t.Echoes,
	}}}
}

func (s *State) putSeat(r *controlpb.SeatRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	if r.GetParticipant() == "" || r.GetNode() == "" {
		return fmt.Errorf("%w: seat of nobody or nowhere", errRecord)
	}
	s.webinars = s.webinars.With(w.ID, w.WithSeat(webinar.Seat{Participant: r.GetParticipant(), Node: r.GetNode(), Echoes: r.GetEchoes()}))
	return nil
}

func budgetRecord(id string, b webinar.Budget) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Budget{Budget: &controlpb.BudgetRecord{Webinar: id, Left: b.Left, At: nanos(b.At)}}}
}

func (s *State) putBudget(r *controlpb.BudgetRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	s.webinars = s.webinars.With(w.ID, w.WithBudget(webinar.Budget{Left: r.GetLeft(), At: moment(r.GetAt())}))
	return nil
}

package control

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// errRecord is what a record that no version of Apply wrote is answered with.
var errRecord = errors.New("control: invalid record")

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Record returns the record under k, or nil.
func (s *State) Record(k Key) *controlpb.Record {
	switch k.Kind {
	case KindAPIToken, KindJoinToken, KindCluster, KindRequest:
		return s.clusterRecord(k)
	}
	if k.Kind.plain() {
		return s.plain.at(k)
	}
	w := s.Webinar(k.Webinar)
	if w == nil {
		return nil
	}
	switch k.Kind {
	case KindWebinar:
		return webinarRecord(w)
	case KindInvite:
		if i, ok := w.Invite(k.ID); ok {
			return inviteRecord(w.ID, i)
		}
	case KindBan:
		if b, ok := w.Ban(k.ID); ok {
			return banRecord(w.ID, b)
		}
	case KindRemoval:
		if r, ok := w.Removal(k.ID); ok {
			return removalRecord(w.ID, r)
		}
	case KindStream:
		if st, ok := w.Stream(k.ID); ok {
			return streamRecord(w.ID, st)
		}
	}
	return personRecord(w, k)
}

func (s *State) clusterRecord(k Key) *controlpb.Record {
	switch k.Kind {
	case KindAPIToken:
		if t, ok := s.apiTokens.At(k.ID); ok {
			return apiTokenRecord(t)
		}
	case KindJoinToken:
		if t, ok := s.joinTokens.At(k.ID); ok {
			return joinTokenRecord(t)
		}
	case KindCluster:
		if s.cluster.ID != "" || s.cluster.FeatureLevel != 1 {
			return clusterRecord(s.cluster)
		}
	case KindRequest:
		if r, ok := s.requests.At(k.ID); ok {
			return requestRecord(r)
		}
	}
	return nil
}

// Records yields every record, a webinar's own one before what belongs to it.
func (s *State) Records() iter.Seq[*controlpb.Record] {
	return func(yield func(*controlpb.Record) bool) {
		if r := s.Record(Key{Kind: KindCluster}); r != nil && !yield(r) {
			return
		}
		for t := range s.apiTokens.Values() {
			if !yield(apiTokenRecord(t)) {
				return
			}
		}
		for t := range s.joinTokens.Values() {
			if !yield(joinTokenRecord(t)) {
				return
			}
		}
		for r := range s.requests.Values() {
			if !yield(requestRecord(r)) {
				return
			}
		}
		if !s.plain.records(yield) {
			return
		}
		for w := range s.webinars.Values() {
			if !s.webinarRecords(w, yield) {
				return
			}
		}
	}
}

func (s *State) webinarRecords(w *webinar.Webinar, yield func(*controlpb.Record) bool) bool {
	if !yield(webinarRecord(w)) {
		return false
	}
	for i := range w.Invites() {
		if !yield(inviteRecord(w.ID, i)) {
			return false
		}
	}
	for b := range w.Bans() {
		if !yield(banRecord(w.ID, b)) {
			return false
		}
	}
	for r := range w.Removals() {
		if !yield(removalRecord(w.ID, r)) {
			return false
		}
	}
	for st := range w.Streams() {
		if !yield(streamRecord(w.ID, st)) {
			return false
		}
	}
	if !personRecords(w, yield) {
		return false
	}
	for r := range s.plain.of(KindAttendance, w.ID, "") {
		if !yield(r) {
			return false
		}
	}
	return true
}

// put stores record in s, which nobody else has yet.
func (s *State) put(record *controlpb.Record) error {
	key := KeyOf(record)
	if old := s.Record(key); old != nil {
		s.sum.sub(old)
	}
	var err error
	switch r := record.GetKind().(type) {
	case *controlpb.Record_Webinar:
		err = s.putWebinar(r.Webinar)
	case *controlpb.Record_Invite:
		err = s.putInvite(r.Invite)
	case *controlpb.Record_Ban:
		err = s.putBan(r.Ban)
	case *controlpb.Record_Removal:
		err = s.putRemoval(r.Removal)
	case *controlpb.Record_Stream:
		err = s.putStream(r.Stream)
	case *controlpb.Record_ApiToken:
		err = s.putAPIToken(r.ApiToken)
	case *controlpb.Record_JoinToken:
		err = s.putJoinToken(r.JoinToken)
	case *controlpb.Record_Cluster:
		err = s.putCluster(r.Cluster)
	case *controlpb.Record_Request:
		s.putRequest(r.Request)
	case *controlpb.Record_Registrant:
		err = s.putRegistrant(r.Registrant)
	case *controlpb.Record_Participant:
		err = s.putParticipant(r.Participant)
	case *controlpb.Record_Lease:
		err = s.putLease(r.Lease)
	case *controlpb.Record_Seat:
		err = s.putSeat(r.Seat)
	case *controlpb.Record_Budget:
		err = s.putBudget(r.Budget)
	case *controlpb.Record_Account, *controlpb.Record_Attendance, *controlpb.Record_Node, *controlpb.Record_Audit,
		*controlpb.Record_AuditHead, *controlpb.Record_Webhook, *controlpb.Record_Mail, *controlpb.Record_GossipKeys, *controlpb.Record_SealedKeys:
		err = s.putPlain(key, record)
	default:
		err = fmt.Errorf("%w: of a kind that this version does not know", errRecord)
	}
	if err != nil {
		return err
	}
	if stored := s.Record(key); stored != nil {
		s.sum.add(stored)
	}
	return nil
}

// remove deletes the record under k from s, which nobody else has yet.
func (s *State) remove(k Key) error {
	old := s.Record(k)
	if old == nil {
		return nil
	}
	s.sum.sub(old)
	w := s.Webinar(k.Webinar)
	switch k.Kind {
	case KindWebinar:
		if w.InviteCount()+w.BanCount()+w.RemovalCount()+w.StreamCount()+
			w.RegistrantCount()+w.ParticipantCount()+w.LeaseCount()+w.SeatCount()+s.Stays(w.ID) > 0 {
			return fmt.Errorf("%w: webinar %q still has records", errRecord, k.Webinar)
		}
		s.links, s.webinars = s.links.Without(w.Link), s.webinars.Without(w.ID)
		s.reindex(k, due(w), time.Time{})
	case KindInvite:
		s.webinars = s.webinars.With(w.ID, w.WithoutInvite(k.ID))
	case KindBan:
		s.webinars = s.webinars.With(w.ID, w.WithoutBan(k.ID))
	case KindRemoval:
		s.webinars = s.webinars.With(w.ID, w.WithoutRemoval(k.ID))
	case KindStream:
		s.webinars = s.webinars.With(w.ID, w.WithoutStream(k.ID))
	case KindAPIToken:
		t, _ := s.apiTokens.At(k.ID)
		s.apiTokens, s.apiHashes = s.apiTokens.Without(k.ID), s.apiHashes.Without(string(t.Hash[:]))
	case KindJoinToken:
		s.joinTokens = s.joinTokens.Without(k.ID)
	case KindCluster:
		s.cluster = Cluster{FeatureLevel: 1}
	case KindRequest:
		r, _ := s.requests.At(k.ID)
		s.requests, s.byAge = s.requests.Without(k.ID), s.byAge.Without(ageKey(r.GetIndex()))
	case KindRegistrant:
		s.setWebinar(w.WithoutRegistrant(k.ID))
	case KindParticipant:
		s.webinars = s.webinars.With(w.ID, w.WithoutParticipant(k.ID))
	case KindLease:
		s.webinars = s.webinars.With(w.ID, w.WithoutLease(k.ID))
	case KindSeat:
		s.webinars = s.webinars.With(w.ID, w.WithoutSeat(k.ID))
	case KindBudget:
		s.webinars = s.webinars.With(w.ID, w.WithBudget(webinar.Budget{}))
	default:
		s.removePlain(k, old)
	}
	return nil
}

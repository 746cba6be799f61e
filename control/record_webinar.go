package control

import (
	"fmt"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func webinarRecord(w *webinar.Webinar) *controlpb.Record {
	r := &controlpb.WebinarRecord{
		Id: w.ID, Link: w.Link, Title: w.Title, Mode: string(w.Mode), Owner: w.Owner, State: string(w.State),
		Guests:  permissionsRecord(w.Guests),
		Created: nanos(w.Created), Started: nanos(w.Started), Ended: nanos(w.Ended), Version: w.Version,
		Description: w.Description, Schedule: scheduleRecord(w.Schedule), GuestLimit: uint32(w.GuestLimit),
		Lobby: string(w.Lobby), Locked: w.Locked, Partition: string(w.Partition),
		RetentionDays: uint32(w.Retention / day), SlowMode: uint32(w.SlowMode / time.Second), AutoEnd: w.AutoEnd,
		AskedAgain: w.AskedAgain, Recall: w.Recall, Expired: w.Expired, Settles: nanos(w.Settles), Registration: registrationRecord(w.Registration),
		EmbedOrigins: w.EmbedOrigins,
	}
	for _, c := range w.Ceilings {
		r.Ceilings = append(r.Ceilings, &controlpb.Ceiling{Role: string(c.Role), Height: uint32(c.Height), Bitrate: uint32(c.Bitrate)})
	}
	if w.Recording.ID != "" {
		r.Recording = &controlpb.Recording{Id: w.Recording.ID, Since: nanos(w.Recording.Since)}
	}
	if w.PIN != nil {
		r.Pin = &controlpb.PIN{Verifier: w.PIN.Verifier, Weak: w.PIN.Weak, Set: nanos(w.PIN.Set), EdgeKey: w.PIN.EdgeKey}
	}
	return &controlpb.Record{Kind: &controlpb.Record_Webinar{Webinar: r}}
}

func (s *State) putWebinar(r *controlpb.WebinarRecord) error {
	if r.GetId() == "" || r.GetLink() == "" {
		return fmt.Errorf("%w: webinar without ID or link", errRecord)
	}
	if id, ok := s.links.At(r.GetLink()); ok && id != r.GetId() {
		return fmt.Errorf("%w: two webinars with link %q", errRecord, r.GetLink())
	}
	w := &webinar.Webinar{}
	if old := s.Webinar(r.GetId()); old != nil {
		copied := *old
		w = &copied
		s.links = s.links.Without(old.Link)
	}
	w.ID, w.Link, w.Title, w.Owner = r.GetId(), r.GetLink(), r.GetTitle(), r.GetOwner()
	w.Mode, w.State = webinar.Mode(r.GetMode()), webinar.State(r.GetState())
	w.Guests = permissions(r.GetGuests())
	w.Registration, w.Schedule = registration(r.GetRegistration()), schedule(r.GetSchedule())
	w.Description, w.GuestLimit, w.Lobby = r.GetDescription(), int(r.GetGuestLimit()), webinar.LobbyMode(r.GetLobby())
	w.Locked, w.Partition, w.AutoEnd = r.GetLocked(), webinar.Partition(r.GetPartition()), r.GetAutoEnd()
	w.Retention, w.SlowMode = time.Duration(r.GetRetentionDays())*day, time.Duration(r.GetSlowMode())*time.Second
	w.AskedAgain, w.Recall, w.Expired = r.GetAskedAgain(), r.GetRecall(), r.GetExpired()
	w.Ceilings = nil
	for _, c := range r.GetCeilings() {
		w.Ceilings = append(w.Ceilings, webinar.Ceiling{Role: webinar.Role(c.GetRole()), Height: int(c.GetHeight()), Bitrate: int(c.GetBitrate())})
	}
	w.Created, w.Started, w.Ended = moment(r.GetCreated()), moment(r.GetStarted()), moment(r.GetEnded())
	w.Version, w.Settles = r.GetVersion(), moment(r.GetSettles())
	w.EmbedOrigins = r.GetEmbedOrigins()
	w.Recording = webinar.Recording{ID: r.GetRecording().GetId(), Since: moment(r.GetRecording().GetSince())}
	w.PIN = nil
	if p := r.GetPin(); p != nil {
		w.PIN = &webinar.PIN{Verifier: p.GetVerifier(), Weak: p.GetWeak(), Set: moment(p.GetSet()), EdgeKey: p.GetEdgeKey()}
	}
	s.setWebinar(w)
	s.links = s.links.With(w.Link, w.ID)
	return nil
}

// day is what retention is counted in.
const day = 24 * time.Hour

func registrationRecord(g *webinar.Registration) *controlpb.Registration {
	if g == nil {
		return nil
	}
	r := &controlpb.Registration{
		Window: string(g.Window), Opens: nanos(g.Opens), Closes: nanos(g.Closes), Maximum: uint32(g.Maximum),
		Approval: g.Approval, Waitlist: g.Waitlist, Accounts: g.Accounts, Closed: g.Closed,
	}
	for _, f := range g.Fields {
		r.Fields = append(r.Fields, &controlpb.Field{Id: f.ID, Label: f.Label, Type: string(f.Type), Required: f.Required, Options: f.Options})
	}
	return r
}

func registration(r *controlpb.Registration) *webinar.Registration {
	if r == nil {
		return nil
	}
	g := &webinar.Registration{
		Window: webinar.Window(r.GetWindow()), Opens: moment(r.GetOpens()), Closes: moment(r.GetCloses()), Maximum: int(r.GetMaximum()),
		Approval: r.GetApproval(), Waitlist: r.GetWaitlist(), Accounts: r.GetAccounts(), Closed: r.GetClosed(),
	}
	for _, f := range r.GetFields() {
		g.Fields = append(g.Fields, webinar.Field{ID: f.GetId(), Label: f.GetLabel(), Type: webinar.FieldType(f.GetType()), Required: f.GetRequired(), Options: f.GetOptions()})
	}
	return g
}

func scheduleRecord(p *webinar.Schedule) *controlpb.Schedule {
	if p == nil {
		return nil
	}
	r := &controlpb.Schedule{Start: nanos(p.Start), Duration: int64(p.Duration), Zone: p.Zone, Rule: p.Rule, Complete: p.Complete}
	for _, t := range p.Occurrences {
		r.Occurrences = append(r.Occurrences, nanos(t))
	}
	return r
}

func schedule(r *controlpb.Schedule) *webinar.Schedule {
	if r == nil {
		return nil
	}
	p := &webinar.Schedule{Start: moment(r.GetStart()), Duration: time.Duration(r.GetDuration()), Zone: r.GetZone(), Rule: r.GetRule(), Complete: r.GetComplete()}
	for _, n := range r.GetOccurrences() {
		p.Occurrences = append(p.Occurrences, moment(n))
	}
	return p
}

func permissionsRecord(p webinar.Permissions) *controlpb.Permissions {
	return &controlpb.Permissions{Audio: p.Audio, Video: p.Video, Messages: p.Messages, Files: p.Files, Images: p.Images}
}

func permissions(p *controlpb.Permissions) webinar.Permissions {
	return webinar.Permissions{
		Audio: p.GetAudio(), Video: p.GetVideo(), Messages: p.GetMessages(), Files: p.GetFiles(), Images: p.GetImages(),
	}
}

// parent returns the webinar that a record belongs to.
func (s *State) parent(id string) (*webinar.Webinar, error) {
	if w := s.Webinar(id); w != nil {
		return w, nil
	}
	return nil, fmt.Errorf("%w: it belongs to webinar %q, which is not there", errRecord, id)
}

func inviteRecord(id string, i webinar.Invite) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Invite{Invite: &controlpb.InviteRecord{
		Webinar: id, Id: i.ID, Name: i.Name, Role: string(i.Role), Hash: i.Hash[:], Created: nanos(i.Created),
		Account: i.Account, Sealed: i.Sealed,
	}}}
}

func (s *State) putInvite(r *controlpb.InviteRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	hash, ok := hash32(r.GetHash())
	if other, taken := w.InviteBySecret(hash); !ok || r.GetId() == "" || taken && other.ID != r.GetId() {
		return fmt.Errorf("%w: invite %q", errRecord, r.GetId())
	}
	s.webinars = s.webinars.With(w.ID, w.WithInvite(webinar.Invite{
		ID: r.GetId(), Name: r.GetName(), Role: webinar.Role(r.GetRole()), Hash: hash, Created: moment(r.GetCreated()),
		Account: r.GetAccount(), Sealed: r.GetSealed(),
	}))
	return nil
}

func hash32(b []byte) (hash [32]byte, ok bool) {
	return hash, copy(hash[:], b) == len(hash) && len(b) == len(hash)
}

func banRecord(id string, b webinar.Ban) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Ban{Ban: &controlpb.BanRecord{
		Webinar: id, Id: b.ID, Participant: b.Participant, Name: b.Name, Keys: b.Keys.Strings(),
		Strength: string(b.Strength), By: b.By, At: nanos(b.At), Until: nanos(b.Until),
	}}}
}

func (s *State) putBan(r *controlpb.BanRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	keys, ok := webinar.ParseKeys(r.GetKeys())
	if !ok || r.GetId() == "" {
		return fmt.Errorf("%w: ban %q", errRecord, r.GetId())
	}
	s.webinars = s.webinars.With(w.ID, w.WithBan(webinar.Ban{
		ID: r.GetId(), Participant: r.GetParticipant(), Name: r.GetName(), Keys: keys,
		Strength: webinar.Strength(r.GetStrength()), By: r.GetBy(), At: moment(r.GetAt()), Until: moment(r.GetUntil()),
	}))
	return nil
}

func removalRecord(id string, m webinar.Removal) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Removal{Removal: &controlpb.RemovalRecord{
		Webinar: id, Participant: m.Participant, Name: m.Name, Keys: m.Keys.Strings(),
		By: m.By, At: nanos(m.At), Index: m.Index,
	}}}
}

func (s *State) putRemoval(r *controlpb.RemovalRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	keys, ok := webinar.ParseKeys(r.GetKeys())
	if !ok || r.GetParticipant() == "" {
		return fmt.Errorf("%w: removal of %q", errRecord, r.GetParticipant())
	}
	s.webinars = s.webinars.With(w.ID, w.WithRemoval(webinar.Removal{
		Participant: r.GetParticipant(), Name: r.GetName(), Keys: keys,
		By: r.GetBy(), At: moment(r.GetAt()), Index: r.GetIndex(),
	}))
	return nil
}

func streamRecord(id string, t webinar.Stream) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Stream{Stream: &controlpb.StreamRecord{
		Webinar: id, Name: t.Name, Origin: t.Origin, Epoch: t.Epoch, NodeEpoch: t.NodeEpoch,
		Participant: t.Participant, Since: nanos(t.Since),
	}}}
}

func (s *State) putStream(r *controlpb.StreamRecord) error {
	w, err := s.parent(r.GetWebinar())
	if err != nil {
		return err
	}
	if r.GetName() == "" {
		return fmt.Errorf("%w: stream without a name", errRecord)
	}
	s.webinars = s.webinars.With(w.ID, w.WithStream(webinar.Stream{
		Name: r.GetName(), Origin: r.GetOrigin(), Epoch: r.GetEpoch(), NodeEpoch: r.GetNodeEpoch(),
		Participant: r.GetParticipant(), Since: moment(r.GetSince()),
	}))
	return nil
}

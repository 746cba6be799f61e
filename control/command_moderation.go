package control

import (
	"encoding/json"
	"slices"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// disconnect notes the removal, which ends the participant's sessions wherever it is
// applied, ends their streams, and bans them if that was asked. Its subject is the ban.
func (d *draft) disconnect(c *controlpb.Disconnect) (string, error) {
	w, err := d.webinar(c.GetWebinar())
	keys, badKeys := checkKeys(c.GetKeys())
	err = first(err, checkID("participant", c.GetParticipant()), checkText("name", c.GetName(), false), badKeys)
	if err != nil {
		return "", err
	}
	if err := d.spareOwner(w, c); err != nil {
		return "", err
	}
	if c.GetCompletes() != 0 {
		return d.completeRemoval(w, c, keys)
	}
	if w.Expired { // what it knew of people is gone, and stays so
		c = &controlpb.Disconnect{Webinar: c.GetWebinar(), Participant: c.GetParticipant()}
		keys = nil
	}
	subject := ""
	if c.GetBan() != nil { // before the removal: a name that was banned once is known by it
		if subject, err = d.ban(w, c, keys); err != nil {
			return "", err
		}
	}
	for _, s := range slices.Collect(w.Streams()) {
		if s.Participant != c.GetParticipant() {
			continue
		}
		if err := d.remove(Key{KindStream, w.ID, s.Name}); err != nil {
			return "", err
		}
	}
	if _, again := w.Removal(c.GetParticipant()); !again && w.RemovalCount() >= maxRemovals {
		if err := d.remove(Key{KindRemoval, w.ID, oldestRemoval(w)}); err != nil {
			return "", err
		}
	}
	return subject, first(
		d.put(removalRecord(w.ID, webinar.Removal{
			Participant: c.GetParticipant(), Name: c.GetName(), Keys: keys,
			By: d.c.GetPrincipal(), At: d.at, Index: d.change.Index,
		})),
		d.leaveStage(w, c.GetParticipant()),
		d.auditRemoval(w.ID, c.GetParticipant(), subject),
	)
}

// completeRemoval adds what was not known of a participant when they were removed: to the
// removal, and to its ban. It puts nobody out again who came back meanwhile, and undoes no
// re-invite and no lift. It is in the audit log where it says more than the removal.
func (d *draft) completeRemoval(w *webinar.Webinar, c *controlpb.Disconnect, keys webinar.Keys) (string, error) {
	m, ok := w.Removal(c.GetParticipant())
	old, banned := banOf(w, c.GetParticipant())
	if !ok || m.Index != c.GetCompletes() || c.GetBan() != nil && !banned {
		return "", ErrNotCompleted
	}
	if w.Expired {
		return old.ID, nil
	}
	subject, more := "", m.Name != c.GetName()
	if c.GetBan() != nil {
		var err error
		if subject, err = d.ban(w, c, keys); err != nil {
			return "", err
		}
		now, _ := d.next.Webinar(w.ID).Ban(subject)
		more = more || now.Strength != old.Strength
	}
	m.Name, m.Keys = c.GetName(), keys
	err := d.put(removalRecord(w.ID, m))
	if more {
		err = first(err, d.auditRemoval(w.ID, c.GetParticipant(), subject))
	}
	return subject, err
}

// banOf returns the ban of a participant.
func banOf(w *webinar.Webinar, participant string) (webinar.Ban, bool) {
	for b := range w.Bans() {
		if b.Participant == participant {
			return b, true
		}
	}
	return webinar.Ban{}, false
}

// spareOwner refuses what would take a webinar from its owner: a removal of an owner, by
// account or by invite, that neither an owner nor an administrator asks for, and any ban
// of the owner's account. A node of level 1 would not have looked.
func (d *draft) spareOwner(w *webinar.Webinar, c *controlpb.Disconnect) error {
	switch {
	case d.next.cluster.FeatureLevel < 2 || w.RoleByID(c.GetParticipant()) != webinar.Owner:
		return nil
	case c.GetBan() != nil && c.GetParticipant() == w.OwnerID():
		return ErrOwnerStays
	case d.rules(w, d.c.GetPrincipal()):
		return nil
	}
	return ErrOwnerStays
}

// rules reports whether a principal, which is an account, an API token or a participant,
// is an owner of w or an administrator.
func (d *draft) rules(w *webinar.Webinar, principal string) bool {
	token, _ := d.next.apiTokens.At(principal)
	admin := slices.Contains(token.Scopes, scopeAdmin) || d.next.Account(principal).GetRole() == AccountAdministrator
	switch w.ActorOf(principal, nil, admin) {
	case webinar.ActorAdministrator, webinar.ActorOwner:
		return true
	}
	return w.RoleByID(principal) == webinar.Owner
}

// scopeAdmin is the scope of the API tokens that reach every webinar.
const scopeAdmin = "admin"

func (d *draft) auditRemoval(id, participant, ban string) error {
	if ban == "" {
		return d.audit("participant.disconnected", id, participant, nil)
	}
	b, _ := d.next.Webinar(id).Ban(ban)
	return d.audit("participant.banned", id, participant, facts{"ban": ban, "strength": string(b.Strength)})
}

func (d *draft) ban(w *webinar.Webinar, c *controlpb.Disconnect, keys webinar.Keys) (string, error) {
	id := c.GetBan().GetId()
	if err := checkID("id", id); err != nil {
		return "", err
	}
	if len(c.GetBan().GetSeen()) > maxSeen {
		return "", invalid("seen", "A ban looks at up to 1000 sessions.")
	}
	var seen []webinar.Keys
	for _, k := range c.GetBan().GetSeen() {
		one, err := checkKeys(k)
		if err != nil {
			return "", err
		}
		seen = append(seen, one)
	}
	for b := range w.Bans() { // banned again: the same ban grows, so that lifting it lifts all of it
		if b.Participant == c.GetParticipant() {
			id = b.ID
		} else if b.ID == id {
			return "", ErrExists
		}
	}
	if _, again := w.Ban(id); !again && w.BanCount() >= maxBans {
		return "", tooMany("bans", maxBans)
	}
	b := w.NewBan(id, c.GetParticipant(), keys, seen, c.GetBan().GetPrefix(), d.c.GetPrincipal(), d.at)
	if d.next.cluster.FeatureLevel >= 2 {
		b = w.SpareOwner(b)
	}
	b.Name = c.GetName()
	return id, d.put(banRecord(w.ID, b))
}

func oldestRemoval(w *webinar.Webinar) string {
	var oldest webinar.Removal
	for r := range w.Removals() {
		if oldest.Participant == "" || r.Index < oldest.Index {
			oldest = r
		}
	}
	return oldest.Participant
}

// liftBan lets those in again whom a ban held. If it undoes an entry of the audit log,
// that has to be the one which made the ban.
func (d *draft) liftBan(c *controlpb.LiftBan) (string, error) {
	w, err := d.webinar(c.GetWebinar())
	if err != nil {
		return "", err
	}
	b, ok := w.Ban(c.GetId())
	if !ok {
		return "", ErrNoSuchBan
	}
	data := facts{"participant": b.Participant}
	if c.GetUndoes() != 0 {
		if !d.banned(c.GetUndoes(), w.ID, b.ID) {
			return "", ErrNotUndoable
		}
		data["undoes"] = c.GetUndoes()
	}
	return b.ID, first(d.remove(Key{KindBan, w.ID, b.ID}), d.audit("ban.lifted", w.ID, b.ID, data))
}

// banned reports whether the entry of the audit log made that ban.
func (d *draft) banned(seq uint64, id, ban string) bool {
	entry := d.next.Record(Key{Kind: KindAudit, ID: auditID(seq)}).GetAudit()
	var data struct{ Ban string }
	return entry.GetAction() == "participant.banned" && entry.GetWebinar() == id &&
		json.Unmarshal(entry.GetData(), &data) == nil && data.Ban == ban
}

// claimStream gives a name to one publisher. The epoch is the command's index, which
// grows and is never used again, also when the name was free in between.
func (d *draft) claimStream(c *controlpb.ClaimStream) (string, error) {
	w, err := d.open(c.GetWebinar())
	err = first(err, checkID("name", c.GetName()), checkID("node", c.GetNode()), checkID("participant", c.GetParticipant()))
	if err != nil {
		return "", err
	}
	if w.Banned(c.GetParticipant(), nil, d.at) { // the ban came first in the log
		return "", webinar.ErrBanned
	}
	held, taken := w.Stream(c.GetName())
	deadHolder := held.Origin == c.GetNode() && held.NodeEpoch < c.GetNodeEpoch()
	switch {
	case taken && !c.GetTakeover() && !deadHolder:
		return "", webinar.ErrStreamTaken
	case !taken && w.StreamCount() >= maxStreams:
		return "", tooMany("streams", maxStreams)
	}
	talk := c.GetName() == webinar.TalkStream && d.next.cluster.FeatureLevel >= 3 // nobody is on air by talking
	if w.State == webinar.Planned && !talk {
		r := webinarRecord(w)
		r.GetWebinar().State, r.GetWebinar().Started = string(webinar.Live), nanos(d.at)
		if err := first(d.put(r), d.audit("webinar.started", w.ID, w.ID, nil)); err != nil {
			return "", err
		}
	}
	return c.GetName(), d.put(streamRecord(w.ID, webinar.Stream{
		Name: c.GetName(), Origin: c.GetNode(), Epoch: d.change.Index, NodeEpoch: c.GetNodeEpoch(),
		Participant: c.GetParticipant(), Since: d.at,
	}))
}

func (d *draft) releaseStream(c *controlpb.ReleaseStream) (string, error) {
	w, err := d.webinar(c.GetWebinar())
	if err != nil {
		return "", err
	}
	held, taken := w.Stream(c.GetName())
	switch {
	case !taken:
		return "", ErrNoSuchStream
	case held.Epoch != c.GetEpoch():
		return "", ErrStaleEpoch
	}
	return c.GetName(), d.remove(Key{KindStream, w.ID, c.GetName()})
}

package webinar

import (
	"iter"
	"slices"
	"time"
)

// prefixBan is how long a ban holds a network prefix, when the host chose that. An
// address soon belongs to someone else, who did nothing.
const prefixBan = 2 * time.Hour

// Strength is how hard it is to come back under another identity.
type Strength string

// The strengths, as the dialog calls them.
const (
	StrongBan Strength = "strong" // an account is banned
	MediumBan Strength = "medium" // a registration or an invite is
	WeakBan   Strength = "weak"   // nobody knows who it was: a new browser on a new network is a new person
)

// Ban is "do not allow to rejoin": a set of identity keys kept out of one webinar.
type Ban struct {
	ID          string
	Participant string
	Name        string
	Keys        Keys
	Strength    Strength
	By          string
	At          time.Time
	Until       time.Time // when its prefixes are free again; the other keys stay until it is lifted
}

// NewBan makes a ban of the participant known by keys, with everything that was seen
// together with them in w: in the sessions in seen, in earlier removals and in earlier
// bans. It holds the participant's network prefixes only if prefix is set, and those
// for two hours.
func (w *Webinar) NewBan(id, participant string, keys Keys, seen []Keys, prefix bool, by string, at time.Time) Ban {
	seed := slices.Clone(keys)
	if participant != "" {
		seed = append(seed, Key{KindParticipant, participant})
	}
	if !prefix {
		seed = slices.DeleteFunc(seed, func(k Key) bool { return k.Kind == KindPrefix })
	}
	seen = slices.Clone(seen)
	for r := range w.Removals() {
		seen = append(seen, append(slices.Clone(r.Keys), Key{KindParticipant, r.Participant}))
	}
	for b := range w.Bans() {
		seen = append(seen, b.Keys)
	}
	b := Ban{ID: id, Participant: participant, Keys: strongest(normal(w.linked(Closure(seed, seen)))), By: by, At: at}
	b.Strength = b.Keys.strength()
	if slices.ContainsFunc(b.Keys, func(k Key) bool { return k.Kind == KindPrefix }) {
		b.Until = at.Add(prefixBan)
	}
	return b
}

// SpareOwner returns b without what would hold the owner of w.
func (w *Webinar) SpareOwner(b Ban) Ban {
	b.Keys = slices.DeleteFunc(slices.Clone(b.Keys), func(k Key) bool {
		return k.Value != "" && (k == Key{KindAccount, w.Owner} || k == Key{KindParticipant, w.OwnerID()})
	})
	b.Strength = b.Keys.strength()
	return b
}

// maxBanKeys bounds a ban. Whoever made more devices than that is held by the rest.
const maxBanKeys = 256

// strongest returns the maxBanKeys keys that are the hardest to come by again.
func strongest(keys Keys) Keys {
	if len(keys) <= maxBanKeys {
		return keys
	}
	order := []Kind{KindAccount, KindRegistration, KindInvite, KindPrefix, KindDevice, KindParticipant}
	slices.SortStableFunc(keys, func(a, b Key) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	return normal(keys[:maxBanKeys])
}

func (k Keys) strength() Strength {
	s := WeakBan
	for _, key := range k {
		switch key.Kind {
		case KindAccount:
			return StrongBan
		case KindRegistration, KindInvite:
			s = MediumBan
		}
	}
	return s
}

// holds reports whether b keeps k out at now.
func (b Ban) holds(k Key, now time.Time) bool {
	return slices.Contains(b.Keys, k) && (k.Kind != KindPrefix || now.Before(b.Until))
}

// WithBan returns w with b, in place of an older one of the same ID.
func (w *Webinar) WithBan(b Ban) *Webinar {
	c := *w.WithoutBan(b.ID)
	c.bans = c.bans.With(b.ID, b)
	for _, k := range b.Keys {
		ids, _ := c.banned.At(k.String())
		c.banned = c.banned.With(k.String(), append(slices.Clip(ids), b.ID))
	}
	return &c
}

// WithoutBan returns w without the ban; other bans go on to hold the keys they share
// with it.
func (w *Webinar) WithoutBan(id string) *Webinar {
	c := *w
	b, ok := w.bans.At(id)
	if !ok {
		return &c
	}
	c.bans = c.bans.Without(id)
	for _, k := range b.Keys {
		ids, _ := c.banned.At(k.String())
		rest := slices.DeleteFunc(slices.Clone(ids), func(other string) bool { return other == id })
		if len(rest) == 0 {
			c.banned = c.banned.Without(k.String())
		} else {
			c.banned = c.banned.With(k.String(), rest)
		}
	}
	return &c
}

// Ban returns the ban of that ID.
func (w *Webinar) Ban(id string) (Ban, bool) { return w.bans.At(id) }

// Bans yields the bans in the order of their IDs.
func (w *Webinar) Bans() iter.Seq[Ban] { return w.bans.Values() }

// BanCount is the number of bans.
func (w *Webinar) BanCount() int { return w.bans.Len() }

// Banned reports whether some ban holds the participant or one of keys at now.
func (w *Webinar) Banned(participant string, keys Keys, now time.Time) bool {
	if participant != "" && w.bannedBy(Key{KindParticipant, participant}, now) {
		return true
	}
	return slices.ContainsFunc(keys, func(k Key) bool { return w.bannedBy(k, now) })
}

func (w *Webinar) bannedBy(k Key, now time.Time) bool {
	ids, _ := w.banned.At(k.String())
	return slices.ContainsFunc(ids, func(id string) bool {
		b, ok := w.bans.At(id)
		return ok && b.holds(k, now)
	})
}

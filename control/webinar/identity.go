package webinar

import (
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
)

// Kind is what an identity key is made of.
type Kind string

// The kinds of identity keys, from the strongest to the weakest.
const (
	KindAccount      Kind = "account"
	KindRegistration Kind = "registration"
	KindInvite       Kind = "invite"
	KindDevice       Kind = "device"
	KindPrefix       Kind = "prefix"      // IPv4 /32 or IPv6 /64; many people can share one
	KindParticipant  Kind = "participant" // the ID that the door gave; says nothing of who they are
)

func (k Kind) known() bool {
	switch k {
	case KindAccount, KindRegistration, KindInvite, KindDevice, KindPrefix, KindParticipant:
		return true
	}
	return false
}

// Key is one thing that a person is known by in a webinar.
type Key struct {
	Kind  Kind
	Value string
}

// String writes k as "kind:value", which [ParseKey] reads.
func (k Key) String() string { return string(k.Kind) + ":" + k.Value }

// ParseKey reads what String wrote. It reports false for an unknown kind, and for a
// value that is empty or longer than MaxText bytes.
func ParseKey(s string) (Key, bool) {
	kind, value, ok := strings.Cut(s, ":")
	k := Key{Kind(kind), value}
	return k, ok && k.Kind.known() && value != "" && len(value) <= MaxText
}

// Keys are the keys of one person.
type Keys []Key

// Strings writes each key as [Key.String] does.
func (k Keys) Strings() []string {
	s := make([]string, len(k))
	for i, key := range k {
		s[i] = key.String()
	}
	return s
}

// ParseKeys reads what Strings wrote, and reports false if one key is invalid.
func ParseKeys(s []string) (Keys, bool) {
	keys := make(Keys, 0, len(s))
	for _, one := range s {
		k, ok := ParseKey(one)
		if !ok {
			return nil, false
		}
		keys = append(keys, k)
	}
	return keys, true
}

// DeviceKey is the key of a device whose random key has that SHA-256.
func DeviceKey(hash [32]byte) Key {
	return Key{KindDevice, base64.RawURLEncoding.EncodeToString(hash[:])}
}

// Prefix is the network that a ban of an address holds: /32 of IPv4 and /64 of IPv6,
// which is what one household gets. It is the zero Prefix for an invalid address.
func Prefix(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// Keys returns what v is known by in w, sorted.
func (w *Webinar) Keys(v Visitor) Keys {
	var keys Keys
	add := func(kind Kind, value string) {
		if value != "" {
			keys = append(keys, Key{kind, value})
		}
	}
	add(KindAccount, v.Account)
	if r, ok := w.RegistrantBySecret(v.Registrant); ok {
		add(KindRegistration, r.ID)
	}
	if i, ok := w.InviteBySecret(v.Invite); ok {
		add(KindInvite, i.ID)
	}
	if v.Device != [32]byte{} {
		keys = append(keys, DeviceKey(v.Device))
	}
	if v.Prefix.IsValid() {
		add(KindPrefix, v.Prefix.String())
	}
	return normal(w.linked(keys))
}

// linked returns keys and what w knows to be the same person: the account that an invite
// or a registration was made for, and the invite and registration of an account. So a
// ban of the account holds whoever comes by its link without signing in.
func (w *Webinar) linked(keys Keys) Keys {
	out := slices.Clip(keys)
	add := func(kind Kind, value string) {
		if k := (Key{kind, value}); value != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	for i := 0; i < len(out); i++ { // what is added is looked at too
		switch k := out[i]; k.Kind {
		case KindAccount:
			invite, _ := w.InviteByAccount(k.Value)
			add(KindInvite, invite.ID)
			r, _ := w.RegistrantByAccount(k.Value)
			add(KindRegistration, r.ID)
		case KindInvite:
			invite, _ := w.Invite(k.Value)
			add(KindAccount, invite.Account)
		case KindRegistration:
			r, _ := w.Registrant(k.Value)
			add(KindAccount, r.Account)
		}
	}
	return out
}

// Closure returns seed and every key that was seen together with one of its keys,
// directly or through others, sorted. Each element of seen is what one session was
// known by. A prefix links nobody, since an office shares it; prefixes come only from
// seed.
func Closure(seed Keys, seen []Keys) Keys {
	with := make(map[Key][]int) // key -> sessions that had it
	for i, keys := range seen {
		for _, k := range keys {
			if k.Kind != KindPrefix {
				with[k] = append(with[k], i)
			}
		}
	}
	in := make(map[Key]bool, len(seed))
	looked := make([]bool, len(seen))
	todo := slices.Clone(seed)
	for len(todo) > 0 {
		k := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if in[k] {
			continue
		}
		in[k] = true
		for _, i := range with[k] {
			if looked[i] {
				continue
			}
			looked[i] = true
			for _, other := range seen[i] {
				if other.Kind != KindPrefix && !in[other] {
					todo = append(todo, other)
				}
			}
		}
	}
	out := make(Keys, 0, len(in))
	for k := range in {
		out = append(out, k)
	}
	return normal(out)
}

func normal(keys Keys) Keys {
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(keys)
}

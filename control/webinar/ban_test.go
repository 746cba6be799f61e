package webinar

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestS64BanStrength(t *testing.T) {
	dev := DeviceKey(device)
	tests := []struct {
		name string
		keys Keys
		seen []Keys
		want Strength
	}{
		{"a device alone is weak", Keys{dev}, nil, WeakBan},
		{"nothing at all is weak", nil, nil, WeakBan},
		{"an invite is medium", Keys{dev, {KindInvite, "i"}}, nil, MediumBan},
		{"a registration is medium", Keys{{KindRegistration, "r"}}, nil, MediumBan},
		{"an account is strong", Keys{{KindInvite, "i"}, {KindAccount, "a"}}, nil, StrongBan},
		{"an account seen with the same device makes it strong", Keys{dev}, []Keys{{dev, {KindAccount, "a"}}}, StrongBan},
		{"an account behind the same network does not", Keys{{KindPrefix, "192.0.2.1/32"}}, []Keys{{{KindPrefix, "192.0.2.1/32"}, {KindAccount, "a"}}}, WeakBan},
	}
	for _, tt := range tests {
		t.Run("S64 "+tt.name, func(t *testing.T) {
			b := planned().NewBan("b", "p", tt.keys, tt.seen, true, "host", now)
			if b.Strength != tt.want {
				t.Errorf("got %s of %v", b.Strength, b.Keys)
			}
		})
	}
}

func TestS64ABanHoldsEverythingSeenTogether(t *testing.T) {
	k := func(kind Kind, v string) Key { return Key{kind, v} }
	w := planned().WithRemoval(Removal{Participant: "p_old", Keys: Keys{k(KindDevice, "phone"), k(KindInvite, "i_attendee")}, Index: 1})
	w = w.WithBan(Ban{ID: "before", Keys: Keys{k(KindDevice, "tablet"), k(KindRegistration, "r")}})
	seen := []Keys{
		{k(KindDevice, "laptop"), k(KindAccount, "ada")},
		{k(KindAccount, "ada"), k(KindDevice, "phone"), k(KindPrefix, "192.0.2.9/32")},
		{k(KindDevice, "stranger"), k(KindPrefix, "192.0.2.1/32")},
		{k(KindRegistration, "r"), k(KindAccount, "ada")},
	}
	b := w.NewBan("b", "p_new", Keys{k(KindDevice, "laptop"), k(KindPrefix, "192.0.2.1/32")}, seen, true, "host", now)
	want := Keys{k(KindAccount, "ada"), k(KindDevice, "laptop"), k(KindDevice, "phone"), k(KindDevice, "tablet"),
		k(KindInvite, "i_attendee"), k(KindParticipant, "p_new"), k(KindParticipant, "p_old"),
		k(KindPrefix, "192.0.2.1/32"), k(KindRegistration, "r")}
	if !slices.Equal(b.Keys, want) {
		t.Errorf("got  %v\nwant %v", b.Keys, want)
	}
}

func TestS64ANetworkIsBannedOnlyByChoiceAndForTwoHours(t *testing.T) {
	home := Prefix(netip.MustParseAddr("2001:db8::1:2:3:4"))
	keys := Keys{DeviceKey(device), {KindPrefix, home.String()}}
	newDevice := Visitor{PIN: "48151623", Prefix: home}

	without := planned()
	without = without.WithBan(without.NewBan("b", "p", keys, nil, false, "host", now))
	if _, err := without.Admit(newDevice, pinKey, now); err != nil {
		t.Errorf("the network was not chosen, but: %v", err)
	}
	with := planned()
	with = with.WithBan(with.NewBan("b", "p", keys, nil, true, "host", now))
	for _, at := range []struct {
		after  time.Duration
		banned bool
	}{{0, true}, {2*time.Hour - 1, true}, {2 * time.Hour, false}} {
		if _, err := with.Admit(newDevice, pinKey, now.Add(at.after)); (err != nil) != at.banned {
			t.Errorf("after %v: %v", at.after, err)
		}
	}
	if !with.Banned("", Keys{DeviceKey(device)}, now.Add(1000*time.Hour)) {
		t.Error("the device is free again")
	}
}

func TestPrefix(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7":              "192.0.2.7/32",
		"::ffff:192.0.2.7":       "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::/64",
		"fe80::1%eth0":           "fe80::/64",
		"2001:db8:1:2:ffff::1:2": "2001:db8:1:2::/64",
	} {
		if got := Prefix(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("Prefix(%s) = %s, want %s", addr, got, want)
		}
	}
	if Prefix(netip.Addr{}).IsValid() {
		t.Error("an invalid address has a prefix")
	}
}

// Lifting one ban leaves what others hold, whatever they share.
func TestBansByModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := planned()
		model := map[string]Keys{}
		key := rapid.Custom(func(t *rapid.T) Key {
			return Key{rapid.SampledFrom([]Kind{KindAccount, KindDevice, KindInvite}).Draw(t, "kind"), fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "value"))}
		})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			id := fmt.Sprint("b", rapid.IntRange(0, 5).Draw(t, "id"))
			if rapid.Bool().Draw(t, "lift") {
				w = w.WithoutBan(id)
				delete(model, id)
				continue
			}
			keys := normal(rapid.SliceOfN(key, 0, 4).Draw(t, "keys"))
			w = w.WithBan(Ban{ID: id, Keys: keys})
			model[id] = keys
		}
		probe := key.Draw(t, "probe")
		want := false
		for _, keys := range model {
			want = want || slices.Contains(keys, probe)
		}
		if got := w.Banned("", Keys{probe}, now); got != want {
			t.Fatalf("%v: banned %t, want %t by %v", probe, got, want, model)
		}
		if w.BanCount() != len(model) {
			t.Fatalf("%d bans, want %d", w.BanCount(), len(model))
		}
	})
}

// A closure is the same whatever the order of what was seen, and closing it again adds
// nothing.
func TestClosureIsAClosure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Custom(func(t *rapid.T) Key {
			return Key{rapid.SampledFrom([]Kind{KindAccount, KindDevice, KindPrefix}).Draw(t, "kind"), fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "value"))}
		})
		seen := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Keys { return rapid.SliceOfN(key, 0, 3).Draw(t, "session") }), 0, 8).Draw(t, "seen")
		seed := Keys(rapid.SliceOfN(key, 1, 2).Draw(t, "seed"))
		once := Closure(seed, seen)
		backwards := slices.Clone(seen)
		slices.Reverse(backwards)
		if !slices.Equal(once, Closure(seed, backwards)) {
			t.Fatal("the order matters")
		}
		if !slices.Equal(once, Closure(once, seen)) {
			t.Fatal("closing again adds something")
		}
		for _, k := range once {
			if k.Kind == KindPrefix && !slices.Contains(seed, k) {
				t.Fatalf("%v was not asked for", k)
			}
		}
	})
}

func TestABanIsBounded(t *testing.T) {
	keys := Keys{{KindAccount, "ada"}}
	for i := range 1000 {
		keys = append(keys, Key{KindDevice, fmt.Sprint(i)})
	}
	b := planned().NewBan("b", "p", keys, nil, false, "host", now)
	if len(b.Keys) != maxBanKeys || !slices.Contains(b.Keys, Key{KindAccount, "ada"}) || b.Strength != StrongBan {
		t.Errorf("%d keys, %s", len(b.Keys), b.Strength)
	}
}

func TestAWebinarIsNeverChanged(t *testing.T) {
	w := planned()
	w.WithBan(Ban{ID: "b", Keys: Keys{DeviceKey(device)}})
	w.WithStream(Stream{Name: "main"})
	w.WithRemoval(Removal{Participant: "p", Index: 1})
	w.WithoutInvite("i_presenter")
	if w.BanCount()+w.StreamCount()+w.RemovalCount() != 0 || w.InviteCount() != 8 {
		t.Error("a copy's change is seen in the original")
	}
	if _, ok := w.InviteBySecret(secret); !ok {
		t.Error("the invite is gone")
	}
	if w.Banned("", Keys{DeviceKey(device)}, now) {
		t.Error("the ban holds in the original")
	}
}

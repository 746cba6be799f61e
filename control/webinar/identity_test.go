package webinar

import (
	"crypto/sha256"
	"slices"
	"testing"
)

func TestS17AnInviteIsFoundByItsAccount(t *testing.T) {
	one := bare().WithInvite(Invite{ID: "i_1", Account: "account:bo", Role: Moderator, Hash: [32]byte{1}})
	moved := one.WithInvite(Invite{ID: "i_1", Account: "account:cy", Role: Presenter, Hash: [32]byte{2}})
	both := one.WithInvite(Invite{ID: "i_2", Account: "account:bo", Role: Attendee, Hash: [32]byte{3}})
	tests := []struct {
		name    string
		w       *Webinar
		account string
		want    string // ID of the invite; empty: none
	}{
		{"S17 by its account", one, "account:bo", "i_1"},
		{"S17 not by another", one, "account:cy", ""},
		{"S17 nobody is no account", one, "", ""},
		{"S17 when it was given to another, by that one", moved, "account:cy", "i_1"},
		{"S17 and not by the old one", moved, "account:bo", ""},
		{"S17 of two the newer counts", both, "account:bo", "i_2"},
		{"S17 the older one's end does not touch it", both.WithoutInvite("i_1"), "account:bo", "i_2"},
		{"S17 revoked it is gone", one.WithoutInvite("i_1"), "account:bo", ""},
		{"S17 another's end changes nothing", one.WithoutInvite("i_9"), "account:bo", "i_1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i, ok := tt.w.InviteByAccount(tt.account)
			if i.ID != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %t", i.ID, ok)
			}
		})
	}
	if _, ok := moved.InviteBySecret([32]byte{1}); ok {
		t.Error("S17 an old secret opens still")
	}
	if _, ok := moved.InviteBySecret([32]byte{}); ok {
		t.Error("S17 no secret opens")
	}
	if n := len(slices.Collect(both.Invites())); n != both.InviteCount() || n != 2 {
		t.Errorf("S17 there are %d invites", n)
	}
}

// What a ban of one identity holds, and how strong the dialog calls it, where the
// webinar knows that others belong to the same person.
func TestS64ABanHoldsWhatBelongsTogether(t *testing.T) {
	w := withRegistration().WithInvite(Invite{ID: "i_both", Role: Attendee, Account: "account:approved", Hash: sha256.Sum256([]byte("sti_both"))})
	whole := Keys{{KindAccount, "account:approved"}, {KindInvite, "i_both"}, {KindRegistration, "r_account_approved"}}
	tests := []struct {
		name     string
		keys     Keys
		held     Keys
		strength Strength
	}{
		{"S64 by the account", whole[:1], whole, StrongBan},
		{"S64 by the invite", whole[1:2], whole, StrongBan},
		{"S64 by the registration", whole[2:], whole, StrongBan},
		{"S64 a registration without an account", Keys{{KindRegistration, "r_approved"}}, Keys{{KindRegistration, "r_approved"}}, MediumBan},
		{"S64 an invite without an account", Keys{{KindInvite, "i_attendee"}}, Keys{{KindInvite, "i_attendee"}}, MediumBan},
		{"S64 a device alone", Keys{DeviceKey(device)}, Keys{DeviceKey(device)}, WeakBan},
		{"S64 what is known of nobody", Keys{{KindInvite, "i_gone"}}, Keys{{KindInvite, "i_gone"}}, MediumBan},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := w.NewBan("b_1", "p_1", tt.keys, nil, false, "account:ada", now)
			want := normal(append(slices.Clone(tt.held), Key{KindParticipant, "p_1"}))
			if !slices.Equal(b.Keys, want) || b.Strength != tt.strength {
				t.Errorf("holds %v and is %s; want %v, %s", b.Keys, b.Strength, want, tt.strength)
			}
		})
	}
}

func TestS66WhatHostsDecidedIsKept(t *testing.T) {
	w := bare().WithParticipant(Participant{ID: "p_2", StopAudio: true}).WithParticipant(Participant{ID: "p_1", Hand: now}).
		WithRemoval(Removal{Participant: "p_9", Index: 3}).WithRemoval(Removal{Participant: "p_8", Index: 2})
	var ids []string
	for p := range w.Participants() {
		ids = append(ids, p.ID)
	}
	if !slices.Equal(ids, []string{"p_1", "p_2"}) || w.ParticipantCount() != 2 {
		t.Errorf("participants %v", ids)
	}
	ids = nil
	for r := range w.Removals() {
		ids = append(ids, r.Participant)
	}
	if !slices.Equal(ids, []string{"p_8", "p_9"}) || w.RemovalCount() != 2 {
		t.Errorf("S66 unconnected %v", ids)
	}
	if audio, _ := w.WithoutParticipant("p_2").Stopped("p_2"); audio {
		t.Error("S72 stopped for ever")
	}
	if w.seen != 3 || w.WithoutRemoval("p_9").seen != 3 {
		t.Error("S66 an older removal came later, or a re-invite made admissions younger")
	}
	if _, ok := w.WithoutRemoval("p_9").Removal("p_9"); ok {
		t.Error("S67 re-invited, and unconnected still")
	}
}

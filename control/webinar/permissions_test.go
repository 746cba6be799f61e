package webinar

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

var everything = []What{Audio, Video, Messages, Files, Images}

// may is the list of what s may send in w.
func may(w *Webinar, s Standing) []What {
	var list []What
	for _, what := range everything {
		if w.May(s, what) {
			list = append(list, what)
		}
	}
	return list
}

func TestS36WhatGuestsMaySend(t *testing.T) {
	guest := Standing{Participant: "p", Guest: true}
	but := func(p Permissions, off func(*Permissions)) Permissions { off(&p); return p }
	chat := []What{Messages, Files, Images}
	tests := []struct {
		name   string
		mode   Mode
		guests Permissions
		s      Standing
		may    []What
	}{
		{"S36-S40 a guest may send what is on", AllOnScreen, AllPermissions, guest, everything},
		{"S36 audio can be off for guests", AllOnScreen, but(AllPermissions, func(p *Permissions) { p.Audio = false }), guest, []What{Video, Messages, Files, Images}},
		{"S37 video can be off for guests", AllOnScreen, but(AllPermissions, func(p *Permissions) { p.Video = false }), guest, []What{Audio, Messages, Files, Images}},
		{"S38 messages can be off for guests", AllOnScreen, but(AllPermissions, func(p *Permissions) { p.Messages = false }), guest, []What{Audio, Video, Files, Images}},
		{"S39 files can be off for guests", AllOnScreen, but(AllPermissions, func(p *Permissions) { p.Files = false }), guest, []What{Audio, Video, Messages, Images}},
		{"S40 images and GIFs can be off for guests", AllOnScreen, but(AllPermissions, func(p *Permissions) { p.Images = false }), guest, []What{Audio, Video, Messages, Files}},
		{"S41 with all off a guest is a passive listener", AllOnScreen, Permissions{}, guest, nil},
		{"S41 so is a registrant without account, who is a guest", AllOnScreen, Permissions{}, Standing{Registration: "r", Guest: true}, nil},
		{"S41 the invited are not guests", AllOnScreen, Permissions{}, Standing{InviteID: "i_attendee"}, everything},
		{"S41 accounts are not guests", AllOnScreen, Permissions{}, Standing{Account: "account:bo"}, everything},
		{"S5 in a role-based webinar the audience does not send", RoleBased, AllPermissions, guest, chat},
		{"S5 nor do the invited in it", RoleBased, Permissions{}, Standing{InviteID: "i_attendee"}, chat},
		{"S5 nor do accounts in it", RoleBased, Permissions{}, Standing{Account: "account:bo"}, chat},
		{"S5 in an all-on-screen webinar everyone may be on stage", AllOnScreen, AllPermissions, guest, everything},
		{"S16 presenters send in both modes", RoleBased, Permissions{}, Standing{InviteID: "i_presenter"}, everything},
		{"S14 so do moderators", RoleBased, Permissions{}, Standing{InviteID: "i_moderator"}, everything},
		{"S13 so do owners", RoleBased, Permissions{}, Standing{Account: "account:ada"}, everything},
		{"S73 with messages off guests write none, live", RoleBased, but(AllPermissions, func(p *Permissions) { p.Messages = false }), guest, []What{Files, Images}},
		{"S73 that is about guests alone", RoleBased, but(AllPermissions, func(p *Permissions) { p.Messages = false }), Standing{InviteID: "i_attendee"}, chat},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := planned()
			w.Mode, w.Guests = tt.mode, tt.guests
			if got := may(w, tt.s); !slices.Equal(got, tt.may) {
				t.Errorf("may send %v, want %v", got, tt.may)
			}
			if !w.May(tt.s, Watch) || w.May(tt.s, "unheard of") {
				t.Error("may not watch, or may do something that is not there")
			}
		})
	}
	if planned().May(Standing{InviteID: "i_gone"}, Watch) {
		t.Error("who came by an invite that is not there may watch")
	}
}

// A permission is asked for each time, so a change holds from the moment at which the
// edge knows it, for those who are inside.
func TestS43PermissionsChangeLive(t *testing.T) {
	guest := Standing{Participant: "p", Guest: true}
	w := but(bare(), func(w *Webinar) { w.Mode = AllOnScreen })
	for i, what := range everything {
		off := but(w, func(w *Webinar) {
			w.Guests = Permissions{Audio: i != 0, Video: i != 1, Messages: i != 2, Files: i != 3, Images: i != 4}
		})
		if !w.May(guest, what) || off.May(guest, what) || len(may(off, guest)) != len(everything)-1 {
			t.Errorf("S42 %s: before %t, after %t", what, w.May(guest, what), off.May(guest, what))
		}
		if back := but(off, func(w *Webinar) { w.Guests = AllPermissions }); !back.May(guest, what) {
			t.Errorf("S43 %s does not come back", what)
		}
	}
}

func TestS5TheStageLetsTheAudienceSend(t *testing.T) {
	guest, invited := Standing{Participant: "p", Guest: true}, Standing{Participant: "p", InviteID: "i_attendee"}
	staged := planned().WithParticipant(Participant{ID: "p", Stage: true})
	tests := []struct {
		name string
		w    *Webinar
		s    Standing
		may  []What
	}{
		{"S5 a guest whom a host brought to the stage", staged, guest, everything},
		{"S5 an invited person on the stage", staged, invited, everything},
		{"S5 back from the stage", staged.WithParticipant(Participant{ID: "p"}), guest, []What{Messages, Files, Images}},
		{"S5 the stage is theirs alone", staged, Standing{Participant: "p_other", Guest: true}, []What{Messages, Files, Images}},
		{"S36 on the stage too the permissions of guests hold", but(staged, func(w *Webinar) { w.Guests.Audio = false }), guest, []What{Video, Messages, Files, Images}},
		{"S37 for guests alone", but(staged, func(w *Webinar) { w.Guests = Permissions{} }), invited, everything},
		{"S16 a guest who is made a presenter sends in spite of them",
			but(staged, func(w *Webinar) { w.Guests = Permissions{} }).WithParticipant(Participant{ID: "p", Role: Presenter}), guest, everything},
		{"S5 nobody sends from the lobby, also if they were on the stage", but(staged, func(w *Webinar) { w.Lobby = LobbyGuests }),
			Standing{Participant: "p", Guest: true, Waiting: true}, nil},
		{"S73 who was told to send no messages sends no files and images either", planned().WithParticipant(Participant{ID: "p", StopMessages: true}), invited, nil},
		{"S73 nor as a presenter", planned().WithParticipant(Participant{ID: "p", StopMessages: true}), Standing{Participant: "p", InviteID: "i_presenter"}, []What{Audio, Video}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := may(tt.w, tt.s); !slices.Equal(got, tt.may) {
				t.Errorf("may send %v, want %v", got, tt.may)
			}
		})
	}
}

func TestS70StoppedMediaIsNotReceived(t *testing.T) {
	presenter := Standing{Participant: "p", InviteID: "i_presenter"}
	audience := Standing{Participant: "p", Guest: true}
	of := func(audio, video bool) *Webinar {
		return planned().WithParticipant(Participant{ID: "p", StopAudio: audio, StopVideo: video})
	}
	tests := []struct {
		name         string
		w            *Webinar
		s            Standing
		audio, video bool
	}{
		{"S44 what nobody stopped is received", planned(), presenter, true, true},
		{"S44 what they may not send is not received", planned(), audience, false, false},
		{"S44 a guest without audio permission gets none through", but(planned(), func(w *Webinar) { w.Mode, w.Guests.Audio = AllOnScreen, false }), audience, false, true},
		{"S70 stopped audio is not received", of(true, false), presenter, false, true},
		{"S71 stopped video is not received", of(false, true), presenter, true, false},
		{"S72 both can be stopped", of(true, true), presenter, false, false},
		{"S72 and allowed again", of(false, false), presenter, true, true},
		{"S70 of any participant, also the owner", of(true, false), Standing{Participant: "p", Account: "account:ada"}, false, true},
		{"S70 of nobody else", of(true, true), Standing{Participant: "p_other", InviteID: "i_presenter"}, true, true},
		{"S72 to allow again gives nobody more than they had", of(false, false), audience, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			audio, video := tt.w.Receives(tt.s)
			if audio != tt.audio || video != tt.video {
				t.Errorf("audio %t, video %t", audio, video)
			}
			noAudio, noVideo := tt.w.Stopped(tt.s.Participant)
			if noAudio && audio || noVideo && video {
				t.Error("what is stopped is received")
			}
		})
	}
}

func TestM12CeilingsAreOfARole(t *testing.T) {
	w := but(bare(), func(w *Webinar) { w.Ceilings = []Ceiling{{Role: Attendee, Height: 720, Bitrate: 1500}} })
	if got := w.Ceiling(Attendee); got != (Ceiling{Attendee, 720, 1500}) {
		t.Errorf("M12 attendees: %+v", got)
	}
	if got := w.Ceiling(Presenter); got != (Ceiling{Role: Presenter}) {
		t.Errorf("M12 presenters, of whom nobody said anything: %+v", got)
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"": true, "Ada Lovelace": true, "Ада": true, strings.Repeat("ü", 200): true, strings.Repeat("a", 201): false,
		strings.Repeat("𝔸", 200): true, strings.Repeat("𝔸", 201): false,
		"a\nb": false, "a\x00b": false, "\xff": false, "evil\u202etxt": false, "a\u2028b": false, "\u2066a": false, "<b>bold</b>": true,
	} {
		if got := CheckName(name) == nil; got != ok {
			t.Errorf("CheckName(%q): %t", name, got)
		}
	}
}

func TestADenialIsKnownByItsCode(t *testing.T) {
	if !errors.Is(&Denial{Code: "banned"}, ErrBanned) || errors.Is(ErrBanned, ErrEnded) {
		t.Error("not by its code")
	}
}

// Each denial has a code of its own, but for the two questions for the PIN, and is a
// sentence.
func TestDenialsAreSentences(t *testing.T) {
	codes := map[string]bool{}
	for _, d := range []*Denial{
		ErrBanned, ErrEnded, ErrPINRequired, ErrWrongPIN, ErrTooManyGuesses, ErrInvalidInvite, ErrLocked, ErrInLobby, ErrFull, ErrStageFull,
		ErrAlreadyInside, ErrDisconnected, ErrNotAllowed, ErrNotFound, ErrNotLive, ErrStreamTaken, ErrSuperseded, ErrUnavailable, ErrInvalidName,
		ErrRegistrationRequired, ErrInvalidRegistration, ErrRegistrationPending, ErrRegistrationWaitlisted, ErrRegistrationDeclined,
		ErrRegistrationCancelled, ErrRegistrationOff, ErrRegistrationClosed, ErrRegistrationNotOpen, ErrRegistrationFull, ErrAlreadyRegistered,
	} {
		if codes[d.Code] || !strings.HasSuffix(d.Error(), ".") {
			t.Errorf("%s is there twice, or %q is no sentence", d.Code, d.Detail)
		}
		codes[d.Code] = true
	}
	if !errors.Is(ErrPINAgain, ErrPINRequired) {
		t.Error("whoever is asked for the PIN again is not asked for the PIN")
	}
}

package webinar

import (
	"errors"
	"strings"
	"testing"
)

func TestMay(t *testing.T) {
	everything := []What{Audio, Video, Messages, Files, Images}
	tests := []struct {
		name   string
		mode   Mode
		guests Permissions
		role   Role
		guest  bool
		may    []What
	}{
		{"S36-S40 a guest may send what is on", AllOnScreen, AllPermissions, Attendee, true, everything},
		{"S36 audio can be off for guests", AllOnScreen, Permissions{Video: true, Messages: true}, Attendee, true, []What{Video, Messages}},
		{"S37 video can be off for guests", AllOnScreen, Permissions{Audio: true}, Attendee, true, []What{Audio}},
		{"S38 messages can be off for guests", RoleBased, Permissions{Files: true, Images: true}, Attendee, true, []What{Files, Images}},
		{"S39 files can be off for guests", RoleBased, Permissions{Messages: true}, Attendee, true, []What{Messages}},
		{"S41 with all off a guest is a passive listener", AllOnScreen, Permissions{}, Attendee, true, nil},
		{"S41 the invited are not guests", AllOnScreen, Permissions{}, Attendee, false, everything},
		{"S5 in a role-based webinar the audience does not send", RoleBased, AllPermissions, Attendee, true, []What{Messages, Files, Images}},
		{"S5 nor do the invited in it", RoleBased, AllPermissions, Attendee, false, []What{Messages, Files, Images}},
		{"S16 presenters send in both modes", RoleBased, Permissions{}, Presenter, false, everything},
		{"S21 moderators have control", RoleBased, Permissions{}, Moderator, false, append([]What{Control}, everything...)},
		{"S21 owners have control", AllOnScreen, Permissions{}, Owner, false, append([]What{Control}, everything...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := (&Webinar{Mode: tt.mode, Guests: tt.guests}).WithInvite(Invite{ID: "i", Role: tt.role})
			s := Standing{Participant: "p", Guest: tt.guest, InviteID: "i"}
			may := map[What]bool{Watch: true}
			for _, what := range tt.may {
				may[what] = true
			}
			for _, what := range append([]What{Watch, Control, "unheard of"}, everything...) {
				if got := w.May(s, what); got != may[what] {
					t.Errorf("%s: %t", what, got)
				}
			}
		})
	}
	w := &Webinar{Mode: AllOnScreen, Guests: AllPermissions}
	if w.May(Standing{InviteID: "revoked"}, Watch) {
		t.Error("who came by an invite that is not there may watch")
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"": true, "Ada Lovelace": true, "Ада": true, strings.Repeat("ü", 200): true, strings.Repeat("a", 201): false,
		"a\nb": false, "a\x00b": false, "\xff": false, "evil\u202etxt": false, "<b>bold</b>": true,
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

package webinar

// What is something that a participant may send or do in a webinar.
type What string

// What participants send and do.
const (
	Audio    What = "audio"
	Video    What = "video"
	Messages What = "messages"
	Files    What = "files"
	Images   What = "images"
	Watch    What = "watch"
	Control  What = "control" // disconnect, ban, stop media, change the rules, end
)

// Permissions are what guests may send (S36-S40). With all of them off they are
// passive listeners (S41).
type Permissions struct {
	Audio, Video, Messages, Files, Images bool
}

// AllPermissions is what a webinar has unless its host says otherwise.
var AllPermissions = Permissions{Audio: true, Video: true, Messages: true, Files: true, Images: true}

// May reports whether s may do what in w now. Nobody may do anything in the lobby.
//
// Hosts and presenters may send everything. In a role-based webinar the audience sends
// neither audio nor video, invited or not, unless a host brought them to the stage; and
// on top of that the permissions of guests hold for guests, on the stage too: a host who
// wants a guest to speak in spite of them makes them a presenter. Who was told to send
// no messages sends no files and images either.
func (w *Webinar) May(s Standing, what What) bool {
	role := w.RoleOf(s)
	if !role.Known() || w.InLobby(s) {
		return false
	}
	p, _ := w.Participant(s.Participant)
	switch what {
	case Watch:
		return true
	case Control:
		return role.Hosts()
	case Audio, Video:
		if role == Attendee && w.Mode != AllOnScreen && !p.Stage {
			return false
		}
	case Messages, Files, Images:
		if p.StopMessages {
			return false
		}
	default:
		return false
	}
	return role != Attendee || !s.Guest || w.Guests.may(what)
}

// Stopped reports whether the participant's audio and video are not received, whatever
// they may send (S70-S72).
func (w *Webinar) Stopped(participant string) (audio, video bool) {
	p, _ := w.Participant(participant)
	return p.StopAudio, p.StopVideo
}

// Receives reports whether the ingest edge takes audio and video from s: what they may
// send and nobody stopped (S44, S70-S72).
func (w *Webinar) Receives(s Standing) (audio, video bool) {
	noAudio, noVideo := w.Stopped(s.Participant)
	return w.May(s, Audio) && !noAudio, w.May(s, Video) && !noVideo
}

func (p Permissions) may(what What) bool {
	switch what {
	case Audio:
		return p.Audio
	case Video:
		return p.Video
	case Messages:
		return p.Messages
	case Files:
		return p.Files
	case Images:
		return p.Images
	}
	return false
}

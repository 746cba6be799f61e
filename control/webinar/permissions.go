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

// May reports whether a participant of that role may do what in w. guest is
// [Admission.Guest].
//
// In a role-based webinar the audience sends neither audio nor video, invited or not;
// otherwise the permissions of guests hold for guests alone.
func (w *Webinar) May(role Role, guest bool, what What) bool {
	if !role.Known() {
		return false
	}
	switch what {
	case Watch:
		return true
	case Control:
		return role.Hosts()
	case Audio, Video:
		if role == Attendee && w.Mode != AllOnScreen {
			return false
		}
	}
	return !guest || w.Guests.may(what)
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

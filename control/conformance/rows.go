package conformance

import "fmt"

// Row is one promise of the specification.
type Row struct {
	ID   string
	Says string // in our own words, in short
	Open string // what has to come before it can have a test here; empty: it must have one
}

// pages is why most of the open rows are open.
const pages = "the pages"

// Rows are all promises, seed rows first, in order of their numbers.
func Rows() []Row {
	rows := make([]Row, 0, len(seed)+len(moonshots))
	for i, r := range seed {
		rows = append(rows, Row{fmt.Sprintf("S%d", i+1), r.says, r.open})
	}
	for i, r := range moonshots {
		rows = append(rows, Row{fmt.Sprintf("M%d", i+1), r.says, r.open})
	}
	return rows
}

type promise struct{ says, open string }

var seed = [...]promise{
	{"4K UltraHD from presenter to audience, as measured in the receiver", "the picture in a browser: see e2e_test.go"},
	{"Windows, Linux, macOS, Android and iOS; installable as an app", pages},
	{"a browser is enough", pages},
	{"guest page, host console, operator console, command line and control API", pages},
	{"two modes: role-based, and all-on-screen with a maximum", ""},
	{"every webinar has a join link", ""},
	{"a leaked link opens nothing that the host closed; it can be rotated, and an open door is known as one", ""},
	{"the console shows every node's version after sign-in", pages},
	{"the guest page shows the server's version, unless an operator says no", ""},
	{"clients show their version, and say when the node has a newer one", ""},
	{"operators see which nodes run an older version", ""},
	{"a preflight page for hosts", pages},
	{"the owner is distinct", ""},
	{"the moderator is distinct", ""},
	{"the administrator is distinct", ""},
	{"the presenter is distinct", ""},
	{"the invited person is distinct", ""},
	{"the authenticated person who is on no list is distinct", ""},
	{"the guest is distinct", ""},
	{"the registrant is distinct", ""},
	{"owner and moderators have full live control", ""},
	{"an administrator plans a webinar", ""},
	{"its host plans a webinar", ""},
	{"general settings", ""},
	{"registration settings", ""},
	{"advanced settings", ""},
	{"once or recurring by RRULE, with the time zone kept", ""},
	{"editable before and during", ""},
	{"the PIN is optional", ""},
	{"a PIN only while registration is off, and each refusal names the other", ""},
	{"a PIN is generated on request: eight digits from a CSPRNG", ""},
	{"a PIN is set by hand: 4 to 32 characters, and a weak one is called weak", ""},
	{"nobody who needs the PIN enters without it, on any path", ""},
	{"owner, moderators, presenters and invited people need no PIN", ""},
	{"an administrator sets the PIN and passes it on", ""},
	{"audio can be off for guests", ""},
	{"video can be off for guests", ""},
	{"messages can be off for guests", ""},
	{"files can be off for guests", ""},
	{"images and GIFs can be off for guests", ""},
	{"with all of them off guests are passive listeners", ""},
	{"permissions are preset by administrator or host", ""},
	{"permissions change live", ""},
	{"permissions are enforced by the server at the guest's edge", ""},
	{"registration is on or off", ""},
	{"only those who signed up in the open period get in", ""},
	{"registration is open until the start", ""},
	{"registration is open until the end", ""},
	{"registration is open in a custom interval", ""},
	{"registration is open without limitation for a recurring webinar", ""},
	{"registration closes by itself at the maximum, exactly", ""},
	{"the maximum depends on the mode", ""},
	{"authenticated users enter although they are not on the list, if the host says so", ""},
	{"custom fields of eight types", ""},
	{"each field is required or not", ""},
	{"first name, last name and e-mail are in every form", ""},
	{"what a registrant gave is kept, and no anonymous person is inside", ""},
	{"the host reads it and exports CSV", ""},
	{"a public registration page, a personal link by e-mail with an ICS file, and at once", ""},
	{"the number of guests can be limited", ""},
	{"the limit counts guests only", ""},
	{"a host disconnects a participant from the video tile", ""},
	{"a host disconnects a participant from the list", ""},
	{"a disconnect can be a ban", ""},
	{"that works in both modes", ""},
	{"disconnected people stay in a list of the unconnected", ""},
	{"they are re-invited by a button", ""},
	{"they are re-invited by a menu", ""},
	{"a re-invite lifts the ban", ""},
	{"a participant's audio is not received any more, by nobody", ""},
	{"a participant's video is not received any more, by nobody", ""},
	{"what was stopped is allowed again", ""},
	{"messages are off for guests, live", ""},
}

var moonshots = [...]promise{
	{"no seat is sold twice, whatever breaks", ""},
	{"a ban holds everywhere, soon", ""},
	{"the door works without a quorum", ""},
	{"the whole fleet is replaced during an event", "draining and upgrades"},
	{"a dead node is a blink", "the cascade, whose figures bench measures"},
	{"the picture is there at once", "the cascade, whose figures bench measures"},
	{"one link is one person, checked offline", ""},
	{"a PIN cannot be guessed, whatever the number of edges", ""},
	{"ten thousand people are let in within two seconds", "the load of whole fleets"},
	{"one binary, and nothing beside it", ""},
	{"a signed, append-only log of moderation and attendance, with undo", ""},
	{"ceilings of quality for each role", ""},
	{"the specification is a test suite", ""},
	{"a waitlist, atomic release of seats, personal data that expires by itself", ""},
	{"one copy per layer per link", "the cascade, whose figures bench measures"},
}

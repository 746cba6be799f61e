package webhook

import (
	"slices"
	"strings"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
)

// reach is how much of the audit log the owner of a webhook may see now.
type reach int

const (
	nothing    reach = iota
	own              // of the webinars that they own
	everything       // of the whole cluster
)

// concerns reports whether a webhook is to hear of an entry: it asked for it, and its
// owner may see it now. Whoever lost an account or a token hears no more.
func concerns(s *control.State, h *controlpb.WebhookRecord, e *controlpb.AuditRecord) bool {
	if h.GetWebinar() != "" && e.GetWebinar() != h.GetWebinar() || !asked(h.GetEvents(), e.GetAction()) {
		return false
	}
	switch reachOf(s, h.GetOwner()) {
	case everything:
		return true
	case own:
		w := s.Webinar(e.GetWebinar())
		return w != nil && w.Owner == h.GetOwner()
	}
	return false
}

// asked reports whether an action is among events: itself, or by what comes before its
// dot ("registrant" is every registrant.*). None are all.
func asked(events []string, action string) bool {
	group, _, _ := strings.Cut(action, ".")
	return len(events) == 0 || slices.Contains(events, action) || slices.Contains(events, group)
}

// reachOf is how much an account or an API token may see, by the time of the newest
// command.
func reachOf(s *control.State, owner string) reach {
	if a := s.Account(owner); a != nil {
		switch {
		case a.GetDisabled():
			return nothing
		case a.GetRole() == "administrator":
			return everything
		}
		return own
	}
	t := s.Record(control.Key{Kind: control.KindAPIToken, ID: owner}).GetApiToken()
	switch {
	case t == nil, t.GetExpires() != 0 && !s.Time().Before(time.Unix(0, t.GetExpires())):
		return nothing
	case slices.Contains(t.GetScopes(), "admin"):
		return everything
	}
	return own
}

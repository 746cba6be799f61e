package api

import (
	"time"

	"stentor/control/client"
	"stentor/control/webinar"
)

// viewWebinar shows a webinar to those who run it.
func viewWebinar(w *webinar.Webinar, now time.Time) client.Webinar {
	var recording *client.Recording
	if w.Recording.ID != "" {
		recording = &client.Recording{ID: w.Recording.ID, Since: w.Recording.Since}
	}
	return client.Webinar{
		Recording: recording,
		ID:        w.ID, Title: w.Title, Description: w.Description, Owner: w.Owner, Mode: string(w.Mode),
		Link: w.Link, JoinPath: joinPath(w), State: string(w.State),
		Schedule: viewSchedule(w, now), Registration: viewRegistration(w, now),
		HasPIN: w.PIN != nil, WeakPIN: w.PIN != nil && w.PIN.Weak,
		Guests: viewPermissions(w.Guests), GuestLimit: w.GuestLimit, Lobby: string(lobby(w)), Locked: w.Locked,
		OpenDoor: w.OpenDoor(), Partition: string(partition(w)), RetentionDays: retentionDays(w),
		SlowModeSeconds: int(w.SlowMode / time.Second), AutoEnd: w.AutoEnd, Ceilings: viewCeilings(w.Ceilings),
		EmbedOrigins: append([]string{}, w.EmbedOrigins...),
		CreatedAt:    w.Created, StartedAt: happened(w.Started), EndedAt: happened(w.Ended), Version: w.Version,
	}
}

// joinPath is where a webinar is joined, on any node.
func joinPath(w *webinar.Webinar) string { return "/w/" + w.Link }

func lobby(w *webinar.Webinar) webinar.LobbyMode {
	if w.Lobby == "" {
		return webinar.LobbyOff
	}
	return w.Lobby
}

func partition(w *webinar.Webinar) webinar.Partition {
	if w.Partition == "" {
		return webinar.Keep
	}
	return w.Partition
}

// defaultRetention is how many days personal data is kept unless the host says
// otherwise.
const defaultRetention = 30

func retentionDays(w *webinar.Webinar) int {
	if w.Retention == 0 {
		return defaultRetention
	}
	return int(w.Retention / (24 * time.Hour))
}

// nextShown is how many occurrences a webinar is shown with.
const nextShown = 10

func viewSchedule(w *webinar.Webinar, now time.Time) *client.Schedule {
	p := w.Schedule
	if p == nil {
		return nil
	}
	v := &client.Schedule{
		Start: p.Start, Duration: int64(p.Duration / time.Second), Zone: p.Zone, Rule: p.Rule, Next: []time.Time{}, EndsAt: happened(w.Ends()),
	}
	for _, t := range p.Occurrences {
		if t.Add(p.Duration).After(now) && len(v.Next) < nextShown {
			v.Next = append(v.Next, t)
		}
	}
	return v
}

func viewPermissions(p webinar.Permissions) client.Permissions {
	return client.Permissions{Audio: p.Audio, Video: p.Video, Messages: p.Messages, Files: p.Files, Images: p.Images}
}

func viewCeilings(all []webinar.Ceiling) []client.Ceiling {
	out := make([]client.Ceiling, len(all))
	for i, c := range all {
		out[i] = client.Ceiling{Role: string(c.Role), Height: c.Height, Bitrate: c.Bitrate}
	}
	return out
}

// happened is a time that may be none.
func happened(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

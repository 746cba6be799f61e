package webinar

// Ceiling bounds the video that a role sends or receives (M12).
type Ceiling struct {
	Role    Role
	Height  int // lines; 0: any
	Bitrate int // kbit/s; 0: any
}

// Ceiling is what bounds the video of a role in w: nothing, where no host said so.
func (w *Webinar) Ceiling(r Role) Ceiling {
	for _, c := range w.Ceilings {
		if c.Role == r {
			return c
		}
	}
	return Ceiling{Role: r}
}

// OpenDoor reports whether the join link alone lets everybody in: neither PIN nor
// registration, lobby nor lock stands behind it. The page warns a host who is about to
// publish such a link (S7).
func (w *Webinar) OpenDoor() bool {
	return w.PIN == nil && w.Registration == nil && !w.Locked && w.Lobby != LobbyGuests && w.Lobby != LobbyEveryone &&
		w.State != Ended
}

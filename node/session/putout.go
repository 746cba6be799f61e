package session

import (
	"errors"
	"slices"
	"time"

	"stentor/control/webinar"
)

const (
	// putOutFor is how long a door remembers whom it put out: a voter that proposed a ban
	// asks all doors who that was as soon as it is committed, and gives up on one that
	// does not answer within three seconds.
	putOutFor = 5 * time.Second
	// maxPutOut bounds how many: all that one participant may have here, for so many
	// participants within that time.
	maxPutOut = 16 * maxPerParticipant
)

// outside is a session that ended because the host removed who was in it.
type outside struct {
	Info
	at time.Time
}

// PutOut returns the sessions of a webinar that hosts have ended here within the last
// seconds: a ban binds to all that its participant was known by, and it holds here before
// anybody could ask for that.
func (d *Door) PutOut(id string) []Info {
	d.live.mu.Lock()
	defer d.live.mu.Unlock()
	var out []Info
	for _, s := range d.live.put {
		if s.Webinar == id && d.cfg.Now().Sub(s.at) <= putOutFor {
			out = append(out, s.Info)
		}
	}
	return out
}

// putOut remembers s, if reason is that a host removed its participant.
func (d *Door) putOut(s *Session, reason error) {
	if !errors.Is(reason, webinar.ErrDisconnected) && !errors.Is(reason, webinar.ErrBanned) {
		return
	}
	now := d.cfg.Now()
	info := s.info()
	d.live.mu.Lock()
	defer d.live.mu.Unlock()
	d.live.put = slices.DeleteFunc(d.live.put, func(s outside) bool { return now.Sub(s.at) > putOutFor })
	if len(d.live.put) < maxPutOut {
		d.live.put = append(d.live.put, outside{info, now})
	}
}

package relay

import (
	"time"

	"stentor/relay/wire"
)

// watchMedia changes parents when the current one is alive and does not send the track, while the standby does. It looks at
// the track as a whole: layers stand still for good reasons. Messages of data have no rhythm, so it leaves them alone.
func (p *pull) watchMedia(now time.Time) {
	c, s := p.current, p.standby
	if c == nil || s == nil || !s.ready() || c.silent() || p.next != nil || p.track.info.Kind == wire.Data || !p.wanted() {
		p.media.asked = time.Time{}
		return
	}
	var do verdict
	mine, theirs := c.up.newest(), s.up.newest()
	if p.track.info.Kind == wire.Audio {
		do = p.media.doubled(now, mine, theirs)
		p.at(now.Add(mediaPatience))
	} else {
		newest := p.track.newest()
		do = p.media.judge(now, newest, mine, theirs)
		if p.media.asked.IsZero() {
			p.at(later(now, newest.Add(p.media.patience)))
		} else {
			p.at(now.Add(mediaLook))
		}
	}
	var err error
	switch do {
	case ask:
		err = p.resume(s, now)
	case calm:
		err = p.pause(s, now)
	case turn:
		p.relay.log.Info("relay: parent is alive and sends nothing", "track", p.entry.id.String(), "parent", c.node, "standby", s.node)
		c.unfit = true
		p.shunned[c.node] = now.Add(shunFor)
		if err = p.follow(s, true, now); err == nil {
			p.regain(now)
		}
	}
	if err != nil {
		p.ceased(s, err, now)
	}
}

// newest returns when the last packet of the track came into its rings.
func (t *Track) newest() (at time.Time) {
	for _, l := range t.layers {
		if n := time.Unix(0, l.newestAt.Load()); n.After(at) {
			at = n
		}
	}
	return at
}

// Newest returns when the last packet of the track came to this node; long ago where none has.
func (t *Track) Newest() time.Time { return t.newest() }

// newest returns when the last packet of the subscription came that was of use.
func (u *upstream) newest() (at time.Time) {
	for i := range u.used {
		if n := time.Unix(0, u.used[i].Load()); n.After(at) {
			at = n
		}
	}
	return at
}

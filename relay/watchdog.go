package relay

import "time"

const (
	// suspectAfter is how long a neighbour may be silent until a standby takes its place: three heartbeats, and as much
	// media. The change costs a few packets that come twice, so a wrong suspicion is cheap.
	suspectAfter = 3 * heartbeatEvery
	// suspectOld is the same for neighbours of version 1, which beat every 50 ms.
	suspectOld = 200 * time.Millisecond
	// suspectIdle is the same for a neighbour of which nothing is wanted at the moment, such as one that stands by, and which
	// beats seldom: three heartbeats too.
	suspectIdle = 3 * restEvery
	// stallAfter is how late this node's own heartbeat may be until what it did not hear meanwhile says nothing of
	// others: it was not listening. With one heartbeat more it is as long as suspectAfter.
	stallAfter = suspectAfter - heartbeatEvery
)

// A watch tells for how long a neighbour has been silent, as far as this node was there to hear it.
type watch struct {
	last  time.Time // when this node looked
	awake time.Time // when it came back from being away
}

// quiet returns how long nothing was heard, at a time to look; heard is when something was, last.
func (w *watch) quiet(now, heard time.Time) time.Duration {
	if !w.last.IsZero() && now.Sub(w.last) > stallAfter {
		w.awake = now
	}
	w.last = now
	if w.awake.After(heard) {
		heard = w.awake
	}
	return now.Sub(heard)
}

const (
	// mediaPatience is how long a track may stand still, on a link that is alive, until the standby is asked whether
	// it has more: longer than a parent takes to find that its own parent is dead and to go on with its standby, so
	// that a death is mended where it happened and not by all who are below.
	mediaPatience = 300 * time.Millisecond
	// mediaPatienceMost bounds what it grows to for tracks that stand still by themselves: shared screens.
	mediaPatienceMost = 10 * time.Second
	// mediaAhead is how long only the standby must send until the parent is at fault: their ways differ by less.
	mediaAhead = 200 * time.Millisecond
	// mediaAsk is how long the standby is asked. If it sends nothing either, there is nothing.
	mediaAsk = time.Second
	// mediaLook is how often the two are compared meanwhile.
	mediaLook = 20 * time.Millisecond
)

// What a mediaWatch wants.
type verdict uint8

const (
	nothing verdict = iota
	ask             // let the standby send too
	calm            // let it pause again: the track stood still by itself
	turn            // make it the parent: it sends what the parent does not
)

// A mediaWatch finds parents that are alive and do not send a track that others have.
type mediaWatch struct {
	patience time.Duration
	asked    time.Time // since when the standby sends too; zero when it does not
	still    time.Time // the newest packet at that time: one standstill is asked about once
	ahead    time.Time // since when only the standby sends
}

// judge looks at when the newest packet came: of the track, from the current parent, and from the standby.
func (m *mediaWatch) judge(now, newest, current, standby time.Time) verdict {
	if m.asked.IsZero() {
		if !newest.After(m.still) || now.Sub(newest) < m.patience {
			return nothing
		}
		m.asked, m.still, m.ahead = now, newest, time.Time{}
		return ask
	}
	if m.ahead.IsZero() && standby.After(m.asked) {
		m.ahead = now
	}
	switch {
	case current.After(m.asked):
		m.asked = time.Time{}
		m.patience = min(2*m.patience, mediaPatienceMost)
		return calm
	case !m.ahead.IsZero():
		if now.Sub(m.ahead) < mediaAhead {
			return nothing
		}
		m.asked, m.patience = time.Time{}, mediaPatience
		return turn
	case now.Sub(m.asked) >= mediaAsk:
		m.asked = time.Time{}
		return calm
	}
	return nothing
}

// doubled is judge for a track that both send all the time.
func (m *mediaWatch) doubled(now, current, standby time.Time) verdict {
	if standby.Sub(current) >= m.patience && now.Sub(standby) < m.patience {
		return turn
	}
	return nothing
}

package relay

import (
	"errors"
	"fmt"
	"time"

	"stentor/relay/wire"
)

const (
	// heartbeatEvery is how often a link proves that it is alive, in both directions: forty datagrams of about
	// fifty bytes a second are nothing beside media.
	heartbeatEvery = 25 * time.Millisecond
	// silence is how long a neighbour may send nothing at all before the link ends. Nodes that share a loaded machine
	// stall for 100 to 300 ms at times, so less would end good links; a standby, to which changing is free, takes
	// over much earlier (suspectAfter).
	silence = 500 * time.Millisecond
	// primeEvery is how often the window is opened for what the neighbour may ask for.
	primeEvery = time.Second
)

// alive notes a sign of life.
func (l *link) alive(now time.Time) { l.heard.Store(int64(now.Sub(l.born))) }

// lastHeard returns when the last sign of life came.
func (l *link) lastHeard() time.Time { return l.born.Add(time.Duration(l.heard.Load())) }

// beat sends heartbeats, looks whether the neighbour's come, and ends the link when none has for too long or when nobody
// needs it. Between two heartbeats it looks at the very moment at which the neighbour becomes suspect.
func (l *link) beat() error {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	due := time.NewTimer(heartbeatEvery)
	defer due.Stop()
	v := vigil{link: l}
	for {
		err := error(nil)
		select {
		case <-tick.C:
			err = v.beat(time.Now())
		case <-due.C:
		case at := <-l.refused:
			if v.doubt.news(at) {
				l.relay.metrics.refusals.Inc()
			}
		case <-l.ctx.Done():
			return nil
		}
		now := time.Now()
		if err == nil {
			err = v.listen(now)
		}
		if err != nil {
			return err
		}
		if wait := v.due.Sub(now); wait > 0 && wait < heartbeatEvery {
			due.Reset(wait)
		}
	}
}

// A vigil is what a link's beat remembers.
type vigil struct {
	link   *link
	watch  watch
	doubt  doubt
	due    time.Time // when the neighbour becomes suspect if nothing is heard
	primed time.Time
	primer primer
	count  uint64
	buf    []byte
}

// beat sends a heartbeat, and does what is done as often.
func (v *vigil) beat(now time.Time) error {
	l := v.link
	if err := l.stuck(now); err != nil {
		return err
	}
	if l.idle() {
		return &endError{codeBye, "idle", errors.New("nothing is pulled")}
	}
	v.count++
	v.buf = wire.Heartbeat{Count: v.count}.Append(v.buf[:0])
	if err := l.conn.SendDatagram(v.buf); err != nil {
		return err
	}
	if now.Sub(v.primed) >= primeEvery {
		v.primed = now
		l.prime(&v.primer, now)
	}
	return nil
}

// listen judges how long nothing was heard.
func (v *vigil) listen(now time.Time) error {
	l, heard := v.link, v.link.lastHeard()
	quiet := v.watch.quiet(now, heard)
	l.relay.metrics.heartbeatGap.Observe(quiet.Seconds())
	suspect := suspectAfter
	if l.speaks() < 2 {
		suspect = suspectOld
	}
	v.due = now.Add(suspect - quiet)
	if silent := quiet >= suspect || v.doubt.holds(heard); l.silent.Swap(silent) != silent {
		l.pokeAll()
	}
	if quiet >= silence {
		return &endError{codeSilent, "silent", fmt.Errorf("not heard for %v", quiet.Round(time.Millisecond))}
	}
	return nil
}

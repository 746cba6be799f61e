package relay

import (
	"errors"
	"fmt"
	"math"
	"time"

	"stentor/relay/wire"
)

const (
	// heartbeatEvery is how often a link proves that it is alive to a neighbour that is fed over it, unless media do so.
	heartbeatEvery = 25 * time.Millisecond
	// restEvery is the same for a neighbour that is not: a parent, whose death is found by its own parent and its other
	// children, and who only stands by. A heartbeat costs both ends some 90 us of CPU, with what acknowledges it; in a mesh where every node
	// has links to twenty others forty a second in both directions were most of what a node cost.
	restEvery = 4 * heartbeatEvery
	// probeAfter is how long a parent may say nothing until a child beats as often as it looks: to a packet for a process that
	// was killed its host answers that nobody is there, long before silence tells.
	probeAfter = 15 * time.Millisecond
	// silence is how long a neighbour may send nothing at all before the link ends. Nodes that share a loaded machine
	// stall for 100 to 300 ms at times, so less would end good links; a standby, to which changing is free, takes
	// over much earlier (suspectAfter).
	silence = 500 * time.Millisecond
	// coldTrips is for how many round trips a neighbour that was asked for something only now may be silent for longer: four
	// until it has asked its own parent and what comes is here, and four in which a window doubles from the 38 kB of a path
	// that is not known to a key frame of 4K. Without them a node 90 ms from its parent took it for dead when the first key
	// frame came, and went to its standby.
	coldTrips = 8
	// primeEvery is how often the window is opened for what the neighbour may ask for.
	primeEvery = time.Second
)

// alive notes a sign of life.
func (l *link) alive(now time.Time) { l.heard.Store(int64(now.Sub(l.born))) }

// speak notes that media were given to QUIC.
func (l *link) speak(now time.Time) { l.said.Store(int64(now.Sub(l.born))) }

// lastHeard returns when the last sign of life came.
func (l *link) lastHeard() time.Time { return l.born.Add(time.Duration(l.heard.Load())) }

// beat sends heartbeats, looks whether the neighbour's come, and ends the link when none has for too long or when nobody
// needs it. Between two heartbeats it looks at the very moment at which the neighbour becomes suspect.
func (l *link) beat() error {
	tick := time.NewTimer(l.relay.inStep(heartbeatEvery))
	defer tick.Stop()
	due := time.NewTimer(heartbeatEvery)
	defer due.Stop()
	v := vigil{link: l}
	for {
		err := error(nil)
		select {
		case <-tick.C:
			tick.Reset(l.relay.inStep(heartbeatEvery))
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
	beats  int       // ticks until now
	leans  time.Time // since when something is asked of the neighbour; zero when nothing is
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
	knocked := now.Sub(l.lastHeard()) >= probeAfter && l.leaning() && l.knock()
	if v.owes(now, knocked) {
		v.count++
		v.buf = wire.Heartbeat{Count: v.count}.Append(v.buf[:0])
		if err := l.conn.SendDatagram(v.buf); err != nil {
			return err
		}
		l.relay.metrics.heartbeats.Inc()
	}
	if now.Sub(v.primed) >= primeEvery {
		v.primed = now
		l.prime(&v.primer, now)
	}
	return nil
}

// owes reports whether it is time for a heartbeat. Media that have just been sent are as good as one, where none are lost.
func (v *vigil) owes(now time.Time, knocked bool) bool {
	l := v.link
	v.beats++
	if !knocked && now.Sub(l.lastHeard()) >= probeAfter && l.leaning() {
		return true
	}
	if !l.feeding() {
		return v.beats%int(restEvery/heartbeatEvery) == 0
	}
	if l.window == nil || now.Sub(l.born)-time.Duration(l.said.Load()) >= mediaEvery {
		return true
	}
	return l.window.Stats().Loss > 0
}

// feeding reports whether the neighbour is sent media, or waits for them.
func (l *link) feeding() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.feeds {
		if f.urgent() {
			return true
		}
	}
	return false
}

// leaning reports whether the neighbour is to send media.
func (l *link) leaning() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, up := range l.upstreams {
		if up.urgent() {
			return true
		}
	}
	return false
}

// urgent reports whether the child misses what it does not get at once. Messages wait.
func (f *feed) urgent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.wants) > 0 && (f.track == nil || f.track.info.Kind != wire.Data)
}

// urgent is the same of what this node is to get.
func (u *upstream) urgent() bool {
	if t := u.track.Load(); t != nil && t.info.Kind == wire.Data {
		return false
	}
	for i := range u.asked {
		if u.asked[i].Load() == math.MaxInt64 {
			return true
		}
	}
	return false
}

// listen judges how long nothing was heard.
func (v *vigil) listen(now time.Time) error {
	l, heard := v.link, v.link.lastHeard()
	quiet := v.watch.quiet(now, heard)
	suspect := v.patience(now)
	if suspect <= suspectAfter {
		l.relay.metrics.heartbeatGap.Observe(quiet.Seconds())
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

// patience returns how long the neighbour may be silent. One that was asked for something only now goes on to beat slowly
// until it has heard of that; and what it sends first may fill a window that is still small, behind which its heartbeats wait
// for round trips.
func (v *vigil) patience(now time.Time) time.Duration {
	l := v.link
	if !l.leaning() {
		v.leans = time.Time{}
		return suspectIdle
	}
	if v.leans.IsZero() {
		v.leans = now
	}
	switch {
	case l.speaks() < 2:
		return suspectOld
	case now.Sub(v.leans) < coldTrips*l.conn.ConnectionStats().SmoothedRTT+2*heartbeatEvery:
		return suspectIdle
	}
	return suspectAfter
}

package main

import (
	"context"
	"errors"
	"time"

	"stentor/bench/impair"
)

// settle is how long a run goes on before it is measured: the first group of pictures, the start of the congestion
// window, and the runtime's first collections are over.
const settle = 4 * time.Second

// A line is seats in a row, the origin first, in which the last one plays.
type line struct {
	*cast
	from, to uint32 // frames of the measured time
	before   []Usage
	after    []Usage
}

// openLine starts the seats, and lets the last one play. Where a seat finds the one before it may be changed by through.
func openLine(ctx context.Context, w way, films []string, names []string, through func(addr string) (string, error)) (l *line, err error) {
	l = &line{}
	if l.cast, err = newCast(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.stop()
		}
	}()
	for i, name := range names {
		var parents []string
		if i > 0 {
			parents = names[i-1 : i]
		}
		m, err := l.start(name, w, parents...)
		if err != nil || i == 0 {
			if err != nil {
				return l, err
			}
			continue
		}
		addr := l.members[i-1].addr
		if through != nil {
			if addr, err = through(addr); err != nil {
				return l, err
			}
		}
		if err := m.knows(map[string]string{names[i-1]: addr}); err != nil {
			return l, err
		}
	}
	if err := l.members[0].call("Show", Showing{Films: films}, nil); err != nil {
		return l, err
	}
	return l, l.last().call("Play", films, nil)
}

func (l *line) last() *member { return l.members[len(l.members)-1] }

// measure takes the usages at both ends of a time, at moments at which nothing is on its way, and calls mark with 0 and
// 1 then, unless it is nil; with the same number again when the moment turned out to be none. It begins when the stream has
// gone on for a while; whether anything arrives is not its concern.
func (l *line) measure(ctx context.Context, d time.Duration, mark func(end int)) (err error) {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	if mark == nil {
		mark = func(int) {}
	}
	if l.before, err = l.still(ctx, func() { mark(0) }); err != nil {
		return err
	}
	if err := pause(ctx, d); err != nil {
		return err
	}
	l.after, err = l.still(ctx, func() { mark(1) })
	if err == nil {
		l.from, l.to = l.before[0].Last+1, l.after[0].Last
	}
	return err
}

const (
	// rest is how long nothing may have been written for all to have left: half of what lies between two frames, many times as
	// long as one takes on loopback.
	rest = time.Second / videoFPS / 2
	// sinceKey is how many frames a key frame must be away: it takes longer, on a long path round trips.
	sinceKey = videoGroup / 4
	// tries is how many looks there are for such a moment: five seconds of them, in which there are a hundred.
	tries = int(5 * time.Second / rest)
)

// still returns the usages at a moment at which the origin has written nothing for a while, and no key frame for longer; mark
// is called then. Bytes that were counted when written and not yet on the wire would count for the link at the other end: a
// key frame alone is 6 % of what a measurement of five seconds moves, and one begins when [settle] is over.
func (l *line) still(ctx context.Context, mark func()) ([]Usage, error) {
	for range tries {
		before, err := l.members[0].use()
		if err != nil {
			return nil, err
		}
		if err := pause(ctx, rest); err != nil {
			return nil, err
		}
		if betweenKeys(before.Last) {
			mark()
			now, err := l.usages()
			if err != nil || now[0].Sent == before.Sent {
				return now, err
			}
		}
	}
	return nil, errors.New("the origin never rests: this machine is too busy to measure")
}

// betweenKeys reports whether a frame is far enough from key frames.
func betweenKeys(frame uint32) bool {
	n := frame % videoGroup
	return n >= sinceKey && n < videoGroup-1
}

func (l *line) usages() (out []Usage, err error) {
	for _, m := range l.members {
		u, err := m.use()
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// cost returns the CPU seconds of the i-th seat for each GB that the last one has read.
func (l *line) cost(i int) float64 {
	last := len(l.members) - 1
	gb := float64(l.after[last].Received-l.before[last].Received) / 1e9
	return (l.after[i].CPU - l.before[i].CPU).Seconds() / max(gb, 1e-9)
}

// ages asks the last seat for the frames of the measured time, when those that are late have come too.
func (l *line) ages(ctx context.Context, link time.Duration) (ages, error) {
	if err := pause(ctx, 2500*time.Millisecond); err != nil {
		return ages{}, err
	}
	takes, err := l.last().takes("video", l.from)
	return agesOf(takes, l.from, l.to, link), err
}

// A tap is a proxy on a link, which a child opens towards its parent: down is what the parent sends.
type tap struct {
	proxy  *impair.Proxy
	done   chan struct{}
	cancel context.CancelFunc
	marks  [2][2]impair.Counts // down and up, at both ends of what is measured
}

// open returns what openLine wants to put a proxy with profile p, in both directions, before an address.
func (t *tap) open(ctx context.Context, p impair.Profile, seed uint64) func(addr string) (string, error) {
	return func(addr string) (string, error) {
		var err error
		if t.proxy, err = impair.Listen("127.0.0.1:0", addr, p, p, seed); err != nil {
			return "", err
		}
		ctx, cancel := context.WithCancel(ctx)
		t.cancel, t.done = cancel, make(chan struct{})
		go func() {
			defer close(t.done)
			_ = t.proxy.Run(ctx) // without it nothing arrives, and the scenario says so
		}()
		return t.proxy.Addr().String(), nil
	}
}

// mark notes what has crossed until now, at the beginning (0) or the end (1) of what is measured.
func (t *tap) mark(end int) {
	up, down := t.proxy.Counts()
	t.marks[end] = [2]impair.Counts{down, up}
}

// moved returns the bytes that were sent into the link between the two marks, with UDP and IP headers.
func (t *tap) moved() (down, up float64) {
	of := func(i int) float64 {
		from, to := t.marks[0][i], t.marks[1][i]
		return float64(to.SentBytes-from.SentBytes) + udpHeaders*float64(to.Sent-from.Sent)
	}
	return of(0), of(1)
}

// sent returns how many packets were sent down the link between the two marks.
func (t *tap) sent() float64 { return float64(t.marks[1][0].Sent - t.marks[0][0].Sent) }

// lost returns how many packets the link lost on their way down between the two marks.
func (t *tap) lost() uint64 {
	from, to := t.marks[0][0], t.marks[1][0]
	return to.Lost + to.Dropped + to.Cut - from.Lost - from.Dropped - from.Cut
}

func (t *tap) close() {
	if t.cancel != nil {
		t.cancel()
		<-t.done
	}
}

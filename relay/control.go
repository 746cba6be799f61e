package relay

import (
	"bufio"
	"errors"
	"fmt"
	"time"

	"stentor/relay/wire"
)

// writeControl sends what is queued.
func (l *link) writeControl() error {
	var b []byte
	for {
		select {
		case m := <-l.out:
			b = wire.Append(b[:0], m)
			for more := true; more && len(b) < 4096; {
				select {
				case m := <-l.out:
					b = wire.Append(b, m)
				default:
					more = false
				}
			}
			l.writing.Store(max(1, int64(time.Since(l.born))))
			if _, err := l.control.Write(b); err != nil {
				return err
			}
			l.writing.Store(0)
		case <-l.ctx.Done():
			return nil
		}
	}
}

// readControl obeys the neighbour's messages.
func (l *link) readControl() error {
	r := bufio.NewReader(l.control)
	m, err := l.readMessage(r)
	if err != nil {
		return err
	}
	hello, ok := m.(wire.Hello)
	switch {
	case !ok:
		return l.blame("hello", errors.New("does not begin with Hello"))
	case hello.Node != l.peer:
		return l.blame("hello", fmt.Errorf("says that it is %q", hello.Node))
	case hello.Least > wire.Version || hello.Version < wire.Least:
		return l.blame("version", fmt.Errorf("speaks versions %d to %d, this node %d to %d", hello.Least, hello.Version, wire.Least, wire.Version))
	}
	l.version.Store(min(hello.Version, wire.Version))
	for {
		m, err := l.readMessage(r)
		if err != nil {
			return err
		}
		if err := l.obey(m); err != nil {
			return err
		}
	}
}

func (l *link) readMessage(r *bufio.Reader) (wire.Message, error) {
	m, err := wire.Read(r)
	l.alive(time.Now())
	switch {
	case errors.Is(err, wire.ErrShort), errors.Is(err, wire.ErrTrailing), errors.Is(err, wire.ErrNumber),
		errors.Is(err, wire.ErrBound), errors.Is(err, wire.ErrText), errors.Is(err, wire.ErrType):
		return nil, l.blame("control", err)
	}
	return m, err
}

func (l *link) obey(m wire.Message) error {
	switch m := m.(type) {
	case nil: // may be ignored
		return nil
	case wire.Subscribe:
		return l.subscribed(m)
	case wire.Unsubscribe:
		l.withFeed(m.Alias, func(f *feed) { f.cancel() })
		return nil
	case wire.KeyFrame:
		l.withFeed(m.Alias, func(f *feed) { f.keyFrame(int(m.Layer)) })
		return nil
	case wire.Accept:
		return l.pass(m.Alias, m)
	case wire.Reject:
		return l.pass(m.Alias, m)
	case wire.Gone:
		return l.pass(m.Alias, m)
	case wire.Shed:
		l.isShed(m)
		return nil
	case wire.Report:
		l.inbound.Store(&m)
		return nil
	case wire.Leaving:
		l.leaves()
		return nil
	}
	return l.blame("control", fmt.Errorf("%T is out of place", m))
}

func (l *link) withFeed(alias uint64, f func(*feed)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if feed := l.feeds[alias]; feed != nil {
		f(feed)
	}
}

// pass gives a parent's answer to the pull that waits for it. An answer to a subscription that is over is late, one to a
// subscription that never was is a lie.
func (l *link) pass(alias uint64, m wire.Message) error {
	l.mu.Lock()
	up, newest := l.upstreams[alias], l.alias
	l.mu.Unlock()
	if up == nil {
		if alias == 0 || alias > newest {
			return l.blame("alias", fmt.Errorf("%T for alias %d, which was never used", m, alias))
		}
		return nil
	}
	select {
	case up.messages <- m:
		up.poke()
		return nil
	default:
		return l.blame("flood", errors.New("answers come faster than they are read"))
	}
}

// isShed notes what the parent no longer sends, or sends again. What it says of a subscription that is over does not matter.
func (l *link) isShed(m wire.Shed) {
	up := l.upstream(m.Alias)
	if up == nil {
		return
	}
	if bit := uint32(1) << m.Layer; m.Off {
		up.shed.Or(bit)
	} else {
		up.shed.And(^bit)
	}
}

// subscribed begins a feed, or changes one.
func (l *link) subscribed(m wire.Subscribe) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.feeds[m.Alias]; f != nil {
		if f.id != m.ID {
			return l.blame("alias", errors.New("alias of one track used for another"))
		}
		f.want(m)
		return nil
	}
	if m.Alias <= l.last {
		return nil // changed just after it was refused or had ended
	}
	l.last = m.Alias
	if len(l.feeds) >= maxFeeds {
		l.refuse(m.Alias, wire.CodeFull)
		return nil
	}
	if l.ctx.Err() != nil {
		return nil
	}
	f := newFeed(l, m)
	l.feeds[m.Alias] = f
	l.wg.Go(f.run)
	return nil
}

func (l *link) refuse(alias uint64, code wire.Code) {
	l.relay.metrics.rejects.WithLabelValues(code.String()).Inc()
	_ = l.send(wire.Reject{Alias: alias, Code: code})
}

package send

import (
	"runtime"
	"syscall"
)

// roundMail is the messages of a round's batches, one behind the other as the kernel
// wants them. What they point at lies in the batches.
type roundMail struct {
	messages [roundMessages]message
	count    int

	inside func(fd uintptr) // calls sendmmsg: made once, since a closure is an allocation
	sent   int
	errno  syscall.Errno
}

func (m *roundMail) clear() {
	clear(m.messages[:m.count]) // what they point at may go
	m.count = 0
}

// together makes one system call for the batches of a round from the first-th on, up to one that goes out packet by
// packet, and moves them on by what the kernel took. Why it took no more is for who sends the next one alone to see.
func (s *Socket) together(r *Round, first int) {
	m := &r.mail
	m.clear()
	end := first
	for ; end < r.count; end++ {
		l := &r.letters[end]
		rung := l.dest.Rung()
		if rung == Single {
			break
		}
		e := &l.batch.mail
		e.address(l.batch, l.dest, rung)
		if m.count+e.count > len(m.messages) {
			break
		}
		m.count += copy(m.messages[m.count:], e.messages[:e.count])
	}
	if m.count == 0 {
		return
	}
	if m.inside == nil {
		m.inside = func(fd uintptr) { m.sent, m.errno = s.many(fd, m.messages[:m.count]) }
	}
	m.sent, m.errno = 0, 0
	if err := s.raw.Control(m.inside); err != nil {
		return
	}
	runtime.KeepAlive(r)
	s.metrics.calls.Inc()
	for left, i := m.sent, first; i < end && left > 0; i++ {
		left -= s.took(&r.letters[i], left)
	}
}

// took moves a letter's batch on by as many of its messages as the kernel took of n, and
// returns how many these are.
func (s *Socket) took(l *letter, n int) int {
	e, packets := &l.batch.mail, 0
	n = min(n, e.count)
	for i := range n {
		packets += e.packets[i]
	}
	l.batch.gone += packets
	s.metrics.sent(l.dest.Rung(), n, packets)
	return n
}

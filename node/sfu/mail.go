package sfu

import (
	"errors"
	"slices"

	"stentor/node/sfu/send"
)

// A mail is what the viewers of one shard get in one system call. It belongs to the
// shard. As long as a viewer's batch is in it, whoever ends that viewer's section waits; so
// what is in it goes out soon: before the shard rests, and before it lets others at a
// forward that has half a batch, who would send the other half first.
type mail struct {
	round send.Round
	of    [send.RoundBatches]*batched
}

// add takes a sender's batch, which goes out behind those of it that are there.
func (m *mail) add(s *batched, b *send.Batch) {
	n := m.round.Len()
	if !slices.Contains(m.of[:n], s) {
		s.posted.Lock()
	}
	m.of[n] = s
	m.round.Add(b, s.way.dest.Load())
	if m.round.Full() {
		m.send()
	}
}

// send sends what there is.
func (m *mail) send() {
	n := m.round.Len()
	if n == 0 {
		return
	}
	m.of[0].way.socket.Post(&m.round)
	for i, s := range m.of[:n] {
		b, err := m.round.Sent(i)
		s.delivered(b, err)
		if !slices.Contains(m.of[i+1:n], s) { // that was the last
			s.posted.Unlock()
		}
	}
	clear(m.of[:n])
	m.round.Clear()
}

// gather makes what the forward's sender sends go by the mail of the shard whose turn it
// is, or, with nil, at once. f.mu is held.
func (f *forward) gather(m *mail) {
	if s, ok := f.sender.(*batched); ok {
		s.mail = m
	}
}

// underway waits until nothing of a sender is underway. f.mu must not be held.
func underway(s sender) {
	if s, ok := s.(*batched); ok {
		s.posted.Lock()
		defer s.posted.Unlock()
	}
}

// delivered takes back a batch from the mail.
func (s *batched) delivered(b *send.Batch, err error) {
	left := b.Left()
	if left > 0 && s.stays(b, err) && s.kept.CompareAndSwap(nil, b) {
		return
	}
	s.way.socket.Return(b)
	s.late.Add(int64(left))
}

// stays reports whether what is left of a batch waits for the next packet.
func (s *batched) stays(b *send.Batch, err error) bool {
	return s.keep && errors.Is(err, send.ErrFull) && b.Left() <= keptAudio && !b.Full()
}

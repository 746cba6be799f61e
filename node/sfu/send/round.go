package send

// RoundBatches is how many viewers' batches go out by one system call: what comes into the kernel at once keeps the
// receiving side awake, where that is another core or a hypervisor, so that it need not be woken for each viewer (an
// interrupt of a virtual machine costs as much as sealing 16 packets). More would leave what is sealed no place in the
// nearest caches until the kernel copies it.
const RoundBatches = 8

// roundMessages bounds the messages of a call: a batch is one, or two where a frame ends in it.
const roundMessages = 2 * arenaPackets

// A Round is batches for several destinations that go out together, in their order. It
// belongs to one goroutine. The zero Round is empty.
type Round struct {
	letters [RoundBatches]letter
	count   int
	mail    roundMail
}

// A letter is one of them.
type letter struct {
	batch *Batch
	dest  *Dest
	err   error
}

// Add puts a batch into the round, which has room for it.
func (r *Round) Add(b *Batch, d *Dest) {
	r.letters[r.count] = letter{batch: b, dest: d}
	r.count++
}

// Len is how many batches are in the round.
func (r *Round) Len() int { return r.count }

// Full reports whether there is no room for another batch.
func (r *Round) Full() bool { return r.count == RoundBatches }

// Sent returns the i-th batch after [Socket.Post], and what [Socket.Send] would have said.
func (r *Round) Sent(i int) (*Batch, error) { return r.letters[i].batch, r.letters[i].err }

// Clear empties the round. The batches are the caller's.
func (r *Round) Clear() {
	clear(r.letters[:r.count])
	r.count = 0
	r.mail.clear()
}

// Post sends a round as [Socket.Send] sends a batch, in one system call where nothing is in the way: whoever the kernel
// does not take is dealt with alone, and the others go on.
func (s *Socket) Post(r *Round) {
	for i := 0; i < r.count; i++ {
		if i+1 < r.count { // alone it is a batch like any other
			s.together(r, i)
		}
		for i < r.count && r.letters[i].batch.Left() == 0 {
			i++
		}
		if i < r.count {
			l := &r.letters[i]
			l.err = s.Send(l.batch, l.dest)
		}
	}
}

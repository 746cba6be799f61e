package store

import (
	"sort"
	"sync"

	"google.golang.org/protobuf/proto"

	"stentor/control"
)

// The feed keeps as many changes as a follower misses during an ordinary break of its
// stream, within bounds of memory. Who missed more gets a snapshot.
const (
	maxFeed      = 8192
	maxFeedBytes = 16 << 20
)

// feed is the newest changes, for any number of watch streams. Adding to it never
// waits for one of them.
type feed struct {
	mu      sync.Mutex // guards the following
	base    uint64     // every change after it is in entries
	last    uint64
	entries []*entry // by index
	bytes   int
	changed chan struct{} // closed at the next change

	max int // entries; does not change
}

// entry is one change, and the bytes of it that go to edges that want everything:
// made once for all of them.
type entry struct {
	control.Change
	size    int
	once    sync.Once
	message []byte // as it is sent when nothing else is
	edge    []byte // a controlpb.Change: the end of message
	err     error
}

func newFeed() *feed { return &feed{changed: make(chan struct{}), max: maxFeed} }

func (f *feed) append(c control.Change) {
	size := 64
	for _, r := range c.Puts {
		size += proto.Size(r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, &entry{Change: c, size: size})
	f.bytes += size
	f.last = c.Index
	for len(f.entries) > f.max || f.bytes > maxFeedBytes && len(f.entries) > 1 {
		f.base = f.entries[0].Index
		f.bytes -= f.entries[0].size
		f.entries[0] = nil
		f.entries = f.entries[1:]
	}
	f.wake()
}

// reset forgets everything: the state is now the one at index.
func (f *feed) reset(index uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries, f.bytes, f.base, f.last = nil, 0, index, index
	f.wake()
}

// stir wakes all who wait, though nothing has changed.
func (f *feed) stir() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake()
}

func (f *feed) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// wait returns a channel that is closed at the next change.
func (f *feed) wait() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// since returns up to n changes after index, and a channel that is closed at the next
// one. It reports false if some of them are gone.
func (f *feed) since(index uint64, n int) ([]*entry, <-chan struct{}, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if index < f.base {
		return nil, f.changed, false
	}
	i := sort.Search(len(f.entries), func(i int) bool { return f.entries[i].Index > index })
	return append([]*entry(nil), f.entries[i:min(i+n, len(f.entries))]...), f.changed, true
}

// filtered returns what an edge gets of e, encoded.
func (e *entry) filtered(pinKey []byte, topics control.Topics) ([]byte, error) {
	if len(topics) > 0 {
		return proto.Marshal(e.Change.Edge(pinKey, topics).Encode())
	}
	e.encode(pinKey)
	return e.edge, e.err
}

// alone returns the message that brings e and nothing else to an edge that wants everything.
func (e *entry) alone(pinKey []byte) ([]byte, error) {
	e.encode(pinKey)
	return e.message, e.err
}

func (e *entry) encode(pinKey []byte) {
	e.once.Do(func() {
		b, err := proto.Marshal(e.Change.Edge(pinKey, nil).Encode())
		if e.err = err; err != nil {
			return
		}
		e.message = frameChanges(appendChange(nil, b))
		e.edge = e.message[len(e.message)-len(b):]
	})
}

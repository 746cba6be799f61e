package control

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// A snapshot is
//
//	"STENTORS" | version u32 | index u64 | time i64 | feature level u32
//	{ length u32 | record } ...
//	0 u32 | SHA-256 of everything before
//
// in big endian, a webinar's own record before what belongs to it. A snapshot of another
// version, of a higher feature level, with a record of an unknown kind, or with a wrong
// sum is refused as a whole.
const (
	snapshotMagic   = "STENTORS"
	snapshotVersion = 1
	maxRecord       = 1 << 20
)

// errSnapshot is what bytes that are no snapshot are answered with.
var errSnapshot = errors.New("control: not a snapshot")

// Snapshot writes s to w.
func (s *State) Snapshot(w io.Writer) error {
	sum := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	head := []byte(snapshotMagic)
	head = binary.BigEndian.AppendUint32(head, snapshotVersion)
	head = binary.BigEndian.AppendUint64(head, s.index)
	head = binary.BigEndian.AppendUint64(head, uint64(nanos(s.time)))
	head = binary.BigEndian.AppendUint32(head, s.cluster.FeatureLevel)
	b.Write(head) // a bufio.Writer keeps its first error for Flush
	var length [4]byte
	for r := range s.Records() {
		record := encode(r)
		binary.BigEndian.PutUint32(length[:], uint32(len(record)))
		b.Write(length[:])
		b.Write(record)
	}
	b.Write([]byte{0, 0, 0, 0})
	if err := b.Flush(); err != nil {
		return fmt.Errorf("control: write snapshot: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("control: write snapshot: %w", err)
	}
	return nil
}

// Restore reads what Snapshot wrote, and nothing after it that it does not need to.
func Restore(r io.Reader) (*State, error) {
	sum := sha256.New()
	b := bufio.NewReaderSize(r, 64<<10)
	t := io.TeeReader(b, sum)
	s, err := restoreHead(t)
	if err != nil {
		return nil, err
	}
	var length [4]byte
	for {
		if _, err := io.ReadFull(t, length[:]); err != nil {
			return nil, fmt.Errorf("%w: %w", errSnapshot, err)
		}
		n := binary.BigEndian.Uint32(length[:])
		if n == 0 {
			break
		}
		if err := s.restoreRecord(t, n); err != nil {
			return nil, err
		}
	}
	want := sum.Sum(nil)
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, want) {
		return nil, fmt.Errorf("%w: wrong sum", errSnapshot)
	}
	return s, nil
}

func restoreHead(r io.Reader) (*State, error) {
	var head [len(snapshotMagic) + 24]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:8]) != snapshotMagic {
		return nil, errSnapshot
	}
	if v := binary.BigEndian.Uint32(head[8:]); v != snapshotVersion {
		return nil, fmt.Errorf("%w: of version %d, this program reads %d", errSnapshot, v, snapshotVersion)
	}
	if level := binary.BigEndian.Uint32(head[28:]); level > FeatureLevel {
		return nil, fmt.Errorf("%w: of feature level %d, this program knows %d", errSnapshot, level, FeatureLevel)
	}
	s := NewState()
	s.index = binary.BigEndian.Uint64(head[12:])
	s.time = moment(int64(binary.BigEndian.Uint64(head[20:])))
	return s, nil
}

func (s *State) restoreRecord(r io.Reader, n uint32) error {
	if n > maxRecord {
		return fmt.Errorf("%w: a record of %d bytes", errSnapshot, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("%w: %w", errSnapshot, err)
	}
	var record controlpb.Record
	if err := proto.Unmarshal(b, &record); err != nil {
		return fmt.Errorf("%w: %w", errSnapshot, err)
	}
	return s.put(&record)
}

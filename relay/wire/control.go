package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Version is the newest version of this format that the package speaks, Least the oldest. Version 2 added 81 to 83, which
// a node of version 1 skips, and tracks of [Data], which it must not be told of.
const (
	Version = 2
	Least   = 1
)

// MaxBody is the length of the longest body of a control message.
const MaxBody = 16 << 10

// Types of control messages. From ignorable up, a receiver skips what it does not know.
const (
	typeHello       = 0x01
	typeSubscribe   = 0x02
	typeUnsubscribe = 0x03
	typeKeyFrame    = 0x04
	typeAccept      = 0x05
	typeReject      = 0x06
	typeGone        = 0x07
	ignorable       = 0x80
	typeLeaving     = 0x81
	typeShed        = 0x82
	typeReport      = 0x83
)

// A Code says why a subscription did not come about or ended.
type Code uint8

const (
	CodeNotFound   Code = 1 // nobody here has the track, nor got it in time
	CodeLoop       Code = 2 // the asker is on the path already
	CodeFull       Code = 3 // no room for another child
	CodeDraining   Code = 4 // the node is going away
	CodeEnded      Code = 5 // the publisher ended the track
	CodeSuperseded Code = 6 // a newer epoch of the track is there
	CodeLost       Code = 7 // the parent lost its own parent, and found no other
)

// String returns the code as metrics and logs name it.
func (c Code) String() string {
	names := [...]string{1: "not_found", 2: "loop", 3: "full", 4: "draining", 5: "ended", 6: "superseded", 7: "lost"}
	if int(c) < len(names) && c > 0 {
		return names[c]
	}
	return fmt.Sprintf("code_%d", uint8(c))
}

// A Message is what the control stream carries: one of the structs below.
type Message interface {
	kind() uint8
	append(b []byte) []byte
}

// Hello is the first message of each side.
type Hello struct {
	Version uint64 // newest that the sender speaks
	Least   uint64 // oldest that it speaks
	Node    string // who it is; must be what its certificate says
}

// Subscribe asks for a track, or, when the alias is known, for other layers of it.
type Subscribe struct {
	Alias  uint64
	ID     TrackID
	Paused bool   // stay ready, send nothing: a standby
	Wants  []Want // the layers to send, rising; none sends none
}

// A Want is one layer and the frame to begin with: the first that is not older. 0 begins at the newest key frame.
type Want struct {
	Layer uint8
	From  uint64
}

// Unsubscribe ends a subscription.
type Unsubscribe struct{ Alias uint64 }

// KeyFrame asks for a key frame of a layer.
type KeyFrame struct {
	Alias uint64
	Layer uint8
}

// Accept says that the track is there, and describes it and its way.
type Accept struct {
	Alias    uint64
	Epoch    uint64   // of the publisher's claim on the stream
	Instance uint64   // of the track within the epoch: sequence numbers of two instances have nothing in common
	Delay    uint64   // from the origin to the sender of this, microseconds
	Path     []string // origin first, the sender of this last
	Info     TrackInfo
}

// Reject answers a Subscribe that came to nothing.
type Reject struct {
	Alias uint64
	Code  Code
}

// Gone ends a subscription that was accepted.
type Gone struct {
	Alias uint64
	Code  Code
}

// Leaving says that the sender is about to stop: its children look for other parents now, while it still feeds them.
type Leaving struct{}

// Shed says that the parent stopped to send a layer of a track, because the link is too small for it, or sends it again.
type Shed struct {
	Alias uint64
	Layer uint8
	Off   bool
}

// Report says how the sender's packets fared on the link, so that the other side can show how it is reached.
type Report struct {
	Sent   uint64 // packets since the link began
	Lost   uint64 // of them
	Rate   uint64 // bits per second that are delivered
	Window uint64 // of congestion, bytes
}

func (Hello) kind() uint8       { return typeHello }
func (Subscribe) kind() uint8   { return typeSubscribe }
func (Unsubscribe) kind() uint8 { return typeUnsubscribe }
func (KeyFrame) kind() uint8    { return typeKeyFrame }
func (Accept) kind() uint8      { return typeAccept }
func (Reject) kind() uint8      { return typeReject }
func (Gone) kind() uint8        { return typeGone }
func (Leaving) kind() uint8     { return typeLeaving }
func (Shed) kind() uint8        { return typeShed }
func (Report) kind() uint8      { return typeReport }

// Append writes m with its type and length.
func Append(b []byte, m Message) []byte {
	b = append(b, m.kind(), 0, 0)
	start := len(b)
	b = m.append(b)
	binary.BigEndian.PutUint16(b[start-2:], uint16(len(b)-start))
	return b
}

// Parse reads one message off the front of b and returns what is left. A message that may be ignored comes
// back as nil.
func Parse(b []byte) (m Message, rest []byte, err error) {
	if len(b) < 3 {
		return nil, b, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if n > MaxBody {
		return nil, b, ErrBound
	}
	if len(b) < 3+n {
		return nil, b, ErrShort
	}
	m, err = parseBody(b[0], b[3:3+n])
	return m, b[3+n:], err
}

// Read reads one message from r. Like [Parse] it gives nil for a message that may be ignored.
func Read(r io.Reader) (Message, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[1:]))
	if n > MaxBody {
		return nil, ErrBound
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return parseBody(head[0], body)
}

func parseBody(kind uint8, body []byte) (Message, error) {
	s := scanner{b: body}
	var m Message
	switch kind {
	case typeHello:
		m = Hello{s.number(1 << 16), s.number(1 << 16), s.text(1, MaxText)}
	case typeSubscribe:
		m = s.subscribe()
	case typeUnsubscribe:
		m = Unsubscribe{s.number(maxNumber)}
	case typeKeyFrame:
		m = KeyFrame{s.number(maxNumber), s.layer()}
	case typeAccept:
		m = s.accept()
	case typeReject:
		m = Reject{s.number(maxNumber), Code(s.u8())}
	case typeGone:
		m = Gone{s.number(maxNumber), Code(s.u8())}
	case typeLeaving:
		m = Leaving{}
	case typeShed:
		m = Shed{s.number(maxNumber), s.layer(), s.flag()}
	case typeReport:
		m = Report{s.number(maxNumber), s.number(maxNumber), s.number(maxNumber), s.number(maxNumber)}
	default:
		if kind >= ignorable {
			return nil, nil
		}
		return nil, ErrType
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m Hello) append(b []byte) []byte {
	return appendText(appendNumber(appendNumber(b, m.Version), m.Least), m.Node)
}

func (m Unsubscribe) append(b []byte) []byte { return appendNumber(b, m.Alias) }

func (m KeyFrame) append(b []byte) []byte { return append(appendNumber(b, m.Alias), m.Layer) }

func (m Reject) append(b []byte) []byte { return append(appendNumber(b, m.Alias), uint8(m.Code)) }

func (m Gone) append(b []byte) []byte { return append(appendNumber(b, m.Alias), uint8(m.Code)) }

func (Leaving) append(b []byte) []byte { return b }

func (m Shed) append(b []byte) []byte {
	return appendFlag(append(appendNumber(b, m.Alias), m.Layer), m.Off)
}

func (m Report) append(b []byte) []byte {
	for _, v := range [...]uint64{m.Sent, m.Lost, m.Rate, m.Window} {
		b = appendNumber(b, v)
	}
	return b
}

func (m Subscribe) append(b []byte) []byte {
	b = appendNumber(b, m.Alias)
	b = appendText(appendText(appendText(b, m.ID.Webinar), m.ID.Stream), m.ID.Name)
	b = appendNumber(appendFlag(b, m.Paused), uint64(len(m.Wants)))
	for _, w := range m.Wants {
		b = appendNumber(append(b, w.Layer), w.From)
	}
	return b
}

func (s *scanner) subscribe() Message {
	m := Subscribe{Alias: s.number(maxNumber), ID: s.trackID(), Paused: s.flag()}
	for range s.number(MaxLayers) {
		w := Want{s.layer(), s.number(maxNumber)}
		if n := len(m.Wants); n > 0 && w.Layer <= m.Wants[n-1].Layer {
			s.fail(ErrBound)
		}
		m.Wants = append(m.Wants, w)
	}
	return m
}

func (m Accept) append(b []byte) []byte {
	for _, v := range [...]uint64{m.Alias, m.Epoch, m.Instance, m.Delay, uint64(len(m.Path))} {
		b = appendNumber(b, v)
	}
	for _, node := range m.Path {
		b = appendText(b, node)
	}
	return m.Info.append(b)
}

func (s *scanner) accept() Message {
	m := Accept{s.number(maxNumber), s.number(maxNumber), s.number(maxNumber), s.number(maxNumber), nil, TrackInfo{}}
	n := s.number(MaxPath)
	if s.err == nil && n == 0 {
		s.fail(ErrBound)
	}
	for range n {
		m.Path = append(m.Path, s.text(1, MaxText))
	}
	m.Info = s.info()
	return m
}

func (s *scanner) layer() uint8 {
	l := s.u8()
	if l >= MaxLayers {
		s.fail(ErrBound)
	}
	return l
}

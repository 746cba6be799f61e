package window

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlogwriter"
)

// This is the only file that reads or writes memory of quic-go behind its back. What it takes for granted:
//
//	quic.Conn
//	  sentPacketHandler --> ackhandler.sentPacketHandler
//	  qlogger                 bytesInFlight, connStats --> utils.ConnectionStats, rttStats --> utils.RTTStats
//	                          congestion --> congestion.cubicSender
//	                                           congestionWindow, rttStats --> utils.RTTStats (of the pacer's rate), ...
//
// A layout is found by name and type on a real connection and refuses whatever is not exactly as it was in the version
// for which this was written. After that, everything happens inside the connection's own goroutine.

// A layout is where quic-go keeps what is needed.
type layout struct {
	conn, handler, control, stats, trip reflect.Type // structs

	connHandler, connLogger                                              uintptr // in quic.Conn
	inFlight, handlerStats, handlerTrip, congestion                      uintptr // in the handler
	window, threshold, cutback, largestSent, largestAcked, full          uintptr // in the sender
	undone, senderTrip                                                   uintptr // in the sender
	statsWindow, statsSent, statsPackets, statsLostBytes, statsLostCount uintptr // in the counters
	tripLatest, tripSmoothed, tripVaries                                 uintptr // in the round trips

	congestionTable unsafe.Pointer // the first word of the congestion interface: its type, as long as it is a cubicSender
}

// words are the two words of an interface value.
type words struct{ table, data unsafe.Pointer }

// An inspection looks fields up until something is not as expected.
type inspection struct{ err error }

// field returns the offset of a field whose type is written as want, and its type.
func (i *inspection) field(t reflect.Type, name, want string) (uintptr, reflect.Type) {
	f, ok := t.FieldByName(name)
	switch {
	case i.err != nil:
	case !ok || len(f.Index) != 1:
		i.err = fmt.Errorf("%s has no field %s", t, name)
	case f.Type.String() != want:
		i.err = fmt.Errorf("%s.%s is a %s, not a %s", t, name, f.Type, want)
	default:
		return f.Offset, f.Type
	}
	return 0, reflect.TypeFor[int]()
}

func (i *inspection) offset(t reflect.Type, name, want string) uintptr {
	at, _ := i.field(t, name, want)
	return at
}

// number is the offset of a field that must be eight bytes, besides having the type.
func (i *inspection) number(t reflect.Type, name, want string) uintptr {
	at, is := i.field(t, name, want)
	if i.err == nil && (is.Size() != 8 || is.Align() != 8) {
		i.err = fmt.Errorf("%s.%s is %d bytes long", t, name, is.Size())
	}
	return at
}

// behind follows the interface field name of the struct v and returns the struct that is behind it.
func (i *inspection) behind(v reflect.Value, name, want string) reflect.Type {
	if i.err != nil {
		return reflect.TypeFor[struct{}]()
	}
	f := v.FieldByName(name).Elem()
	switch {
	case f.Kind() != reflect.Pointer || f.Type().String() != "*"+want:
		i.err = fmt.Errorf("%s.%s holds no *%s", v.Type(), name, want)
	case !strings.HasPrefix(f.Type().Elem().PkgPath(), module+"/"):
		i.err = fmt.Errorf("%s is of %s", want, f.Type().Elem().PkgPath())
	default:
		return f.Type().Elem()
	}
	return reflect.TypeFor[struct{}]()
}

// inspect finds the layout on a connection whose loop has ended: it reads what the loop would write.
func inspect(conn *quic.Conn) (*layout, error) {
	i := &inspection{}
	l := &layout{conn: reflect.TypeFor[quic.Conn]()}
	l.inspectConn(i)
	if i.err != nil {
		return nil, i.err
	}
	v := reflect.ValueOf(conn).Elem()
	l.handler = i.behind(v, "sentPacketHandler", "ackhandler.sentPacketHandler")
	l.inspectHandler(i)
	if i.err != nil {
		return nil, i.err
	}
	l.control = i.behind(v.FieldByName("sentPacketHandler").Elem().Elem(), "congestion", "congestion.cubicSender")
	l.inspectSender(i)
	l.inspectCounts(i)
	if i.err != nil {
		return nil, i.err
	}
	handler := (*words)(unsafe.Add(unsafe.Pointer(conn), l.connHandler)).data
	l.congestionTable = (*words)(unsafe.Add(handler, l.congestion)).table
	return l, nil
}

func (l *layout) inspectConn(i *inspection) {
	l.connHandler = i.offset(l.conn, "sentPacketHandler", "ackhandler.SentPacketHandler")
	l.connLogger = i.offset(l.conn, "qlogger", "qlogwriter.Recorder")
}

func (l *layout) inspectHandler(i *inspection) {
	if i.err != nil {
		return
	}
	l.inFlight = i.number(l.handler, "bytesInFlight", "protocol.ByteCount")
	l.congestion = i.offset(l.handler, "congestion", "congestion.SendAlgorithmWithDebugInfos")
	var stats, trip reflect.Type
	l.handlerStats, stats = i.field(l.handler, "connStats", "*utils.ConnectionStats")
	l.handlerTrip, trip = i.field(l.handler, "rttStats", "*utils.RTTStats")
	if i.err == nil {
		l.stats, l.trip = stats.Elem(), trip.Elem()
	}
}

func (l *layout) inspectSender(i *inspection) {
	if i.err != nil {
		return
	}
	l.window = i.number(l.control, "congestionWindow", "protocol.ByteCount")
	l.threshold = i.number(l.control, "slowStartThreshold", "protocol.ByteCount")
	l.full = i.number(l.control, "maxDatagramSize", "protocol.ByteCount")
	l.cutback = i.number(l.control, "largestSentAtLastCutback", "protocol.PacketNumber")
	l.largestSent = i.number(l.control, "largestSentPacketNumber", "protocol.PacketNumber")
	l.largestAcked = i.number(l.control, "largestAckedPacketNumber", "protocol.PacketNumber")
	l.senderTrip = i.offset(l.control, "rttStats", "*utils.RTTStats")
	at, undo := i.field(l.control, "undoState", "congestion.renoUndoState")
	if i.err == nil {
		l.undone = at + i.number(undo, "numCongestionEvents", "uint64")
	}
}

func (l *layout) inspectCounts(i *inspection) {
	if i.err != nil {
		return
	}
	l.statsWindow = i.number(l.stats, "CongestionWindow", "atomic.Uint64")
	l.statsSent = i.number(l.stats, "BytesSent", "atomic.Uint64")
	l.statsPackets = i.number(l.stats, "PacketsSent", "atomic.Uint64")
	l.statsLostBytes = i.number(l.stats, "BytesLost", "atomic.Uint64")
	l.statsLostCount = i.number(l.stats, "PacketsLost", "atomic.Uint64")
	l.tripLatest = i.number(l.trip, "latestRTT", "atomic.Int64")
	l.tripSmoothed = i.number(l.trip, "smoothedRTT", "atomic.Int64")
	l.tripVaries = i.number(l.trip, "meanDeviation", "atomic.Int64")
}

// A sender is the sending half of one connection. Its methods are for the connection's own goroutine.
type sender struct {
	layout      *layout
	conn        *quic.Conn
	handler     unsafe.Pointer // *ackhandler.sentPacketHandler
	stats, trip unsafe.Pointer // *utils.ConnectionStats, *utils.RTTStats
	paced       unsafe.Pointer // the *utils.RTTStats of our own, from which the pacer computes its rate
	congestion  unsafe.Pointer // the *congestion.cubicSender that is frozen
}

// errOther is when a connection is not made of the types of the one that was inspected.
var errOther = errors.New("the connection has another layout")

// sender returns the sending half of conn. It reads what was set before conn was handed out and does not change.
func (l *layout) sender(conn *quic.Conn) (*sender, error) {
	handler := reflect.ValueOf(conn).Elem().FieldByName("sentPacketHandler").Elem()
	if handler.Kind() != reflect.Pointer || handler.Type().Elem() != l.handler {
		return nil, errOther
	}
	s := &sender{layout: l, conn: conn, handler: handler.UnsafePointer()}
	s.stats = *(*unsafe.Pointer)(unsafe.Add(s.handler, l.handlerStats))
	s.trip = *(*unsafe.Pointer)(unsafe.Add(s.handler, l.handlerTrip))
	s.paced = reflect.New(l.trip).UnsafePointer()
	if s.stats == nil || s.trip == nil {
		return nil, errOther
	}
	return s, nil
}

// freeze ends quic-go's own congestion control, once for each path (a migration makes a new cubicSender), and reports
// whether it is frozen. A cubicSender grows its window for packets that were sent after the last cutback, and cuts it for
// those alone; with the last cutback in the infinite future it does neither, and only counts losses.
func (s *sender) freeze() bool {
	congestion := (*words)(unsafe.Add(s.handler, s.layout.congestion))
	if congestion.data == s.congestion {
		return true
	}
	if congestion.table != s.layout.congestionTable {
		return false
	}
	s.congestion = congestion.data
	*s.int64(s.layout.cutback) = math.MaxInt64
	*s.int64(s.layout.undone) = 0    // no cutback can be found to have been a mistake
	*s.int64(s.layout.threshold) = 0 // never slow start: the pacer has its other factor there
	*(*unsafe.Pointer)(unsafe.Add(s.congestion, s.layout.senderTrip)) = s.paced
	return true
}

func (s *sender) int64(at uintptr) *int64 { return (*int64)(unsafe.Add(s.congestion, at)) }

// reading returns what the sender knows.
func (s *sender) reading(now time.Duration) reading {
	l := s.layout
	return reading{
		now:          now,
		largestSent:  *s.int64(l.largestSent),
		largestAcked: *s.int64(l.largestAcked),
		bytesSent:    (*atomic.Uint64)(unsafe.Add(s.stats, l.statsSent)).Load(),
		bytesLost:    (*atomic.Uint64)(unsafe.Add(s.stats, l.statsLostBytes)).Load(),
		packetsLost:  (*atomic.Uint64)(unsafe.Add(s.stats, l.statsLostCount)).Load(),
		inFlight:     int(*(*int64)(unsafe.Add(s.handler, l.inFlight))),
		latest:       time.Duration((*atomic.Int64)(unsafe.Add(s.trip, l.tripLatest)).Load()),
		smoothed:     time.Duration((*atomic.Int64)(unsafe.Add(s.trip, l.tripSmoothed)).Load()),
		varies:       time.Duration((*atomic.Int64)(unsafe.Add(s.trip, l.tripVaries)).Load()),
		packet:       int(*s.int64(l.full)),
	}
}

// packets returns how many packets were sent and lost. It is for any goroutine.
func (s *sender) packets() (sent, lost uint64) {
	return (*atomic.Uint64)(unsafe.Add(s.stats, s.layout.statsPackets)).Load(),
		(*atomic.Uint64)(unsafe.Add(s.stats, s.layout.statsLostCount)).Load()
}

// apply sets the window in bytes and the pacing in bits per second. The pacer sends 5/4 of a window in a smoothed round
// trip (RFC 9002, section 7.7); the round trip that it is shown is the one that gives the rate.
func (s *sender) apply(window int, pacing uint64) {
	*s.int64(s.layout.window) = int64(window)
	(*atomic.Uint64)(unsafe.Add(s.stats, s.layout.statsWindow)).Store(uint64(window))
	shown := int64(float64(window) * 8 * 5 / 4 / float64(pacing) * 1e9)
	(*atomic.Int64)(unsafe.Add(s.paced, s.layout.tripSmoothed)).Store(max(shown, 1))
}

// quiet makes the connection record nothing about single packets any more, which costs three allocations for each; the
// sender goes on reporting, from a copy of its own. Another goroutine may read the field when it sets a stream's priority,
// so that the caller must know that there is none yet.
func (s *sender) quiet() {
	*(*qlogwriter.Recorder)(unsafe.Add(unsafe.Pointer(s.conn), s.layout.connLogger)) = nil
}

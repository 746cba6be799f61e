// Package dependency reads and writes the dependency descriptor: the RTP header extension by which a scalable stream
// (VP9, AV1) says of each packet what it depends on and who needs it (RTP Payload Format For AV1, version 1.0.0,
// appendix A).
//
//	 0 1 2 3 4 5 6 7 8                             24
//	+-+-+-----------+-------------------------------+
//	|S|E| template  |         frame number          |  always: the first, the last packet of the frame
//	+-+-+-----------+-+-----------------------------+
//	|T|A|D|F|C|   what the flags say, in this order: the structure, the active decode targets, and what differs
//	+-+-+-+-+-+   from the template: indications, references, chains. Zeros up to a whole byte.
//
// The structure comes with a key frame and holds until the next: the templates (layer, what each decode target has of
// such a frame, references, chains), so that most packets need three bytes.
//
// It is pure, allocates nothing, and bounds what it reads: whatever parses is written again bit for bit.
package dependency

import "errors"

// Bounds of what is read: those of the format, but for the references, of which AV1 has seven and VP9 three.
const (
	MaxTargets   = 32
	MaxTemplates = 64
	MaxLayers    = 8  // spatial, and temporal
	MaxRefs      = 16 // of a frame
	// MaxLength is how long a descriptor can be in a header extension (RFC 8285, section 4.3).
	MaxLength = 255
)

// Errors of [Reader.Parse].
var (
	ErrShort     = errors.New("dependency: descriptor is cut off")
	ErrBounds    = errors.New("dependency: descriptor is out of bounds")
	ErrPadding   = errors.New("dependency: padding is not zero")
	ErrStructure = errors.New("dependency: the structure that is meant is not known")
)

// An Indication is what one decode target has of a frame (section A.8.3).
type Indication uint8

const (
	NotPresent  Indication = iota // nothing
	Discardable                   // it is shown, and no other frame of the target needs it
	Switch                        // who has what it refers to can decode the target from here on
	Required                      // others need it
)

// A Frame is what is said of one frame: a template, or what differs from it.
type Frame struct {
	Spatial, Temporal uint8
	refs              uint8
	targets           [MaxTargets]Indication
	diffs             [MaxRefs]uint16
	widths            [MaxRefs]uint8 // in half bytes, as they were written
	chains            [MaxTargets]uint8
}

// Target returns what a decode target has of the frame.
func (f *Frame) Target(t int) Indication { return f.targets[t&(MaxTargets-1)] }

// Refs returns by how much the numbers of the frames that it refers to are smaller. It aliases f.
func (f *Frame) Refs() []uint16 { return f.diffs[:f.refs] }

// Chain returns by how much the number of the frame before in a chain is smaller; 0: the chain begins with this one.
func (f *Frame) Chain(c int) uint16 { return uint16(f.chains[c&(MaxTargets-1)]) }

// A Size is that of a picture, in pixels.
type Size struct{ Width, Height int }

// A Structure is what the frames of a sequence have in common.
type Structure struct {
	Targets int // decode targets
	Chains  int // that protect them; 0: none do

	offset      uint8 // id of the first template
	count       int   // of templates
	spatial     int   // layers
	sized       bool
	sizes       [MaxLayers]Size
	templates   [MaxTemplates]Frame
	protectedBy [MaxTargets]uint8
	layers      [MaxTargets]Layer
}

// A Layer is the highest one that belongs to a decode target.
type Layer struct{ Spatial, Temporal uint8 }

// Layer returns that of a decode target.
func (s *Structure) Layer(target int) Layer { return s.layers[target&(MaxTargets-1)] }

// ProtectedBy returns the chain of a decode target; there is one if Chains is not 0.
func (s *Structure) ProtectedBy(target int) int { return int(s.protectedBy[target&(MaxTargets-1)]) }

// Covers reports whether who gets the frames of a decode target gets all those of another.
func (s *Structure) Covers(target, other int) bool {
	for i := range s.count {
		if f := &s.templates[i]; f.Target(other) != NotPresent && f.Target(target) == NotPresent {
			return false
		}
	}
	return true
}

// Size returns how large the pictures of a spatial layer are; the zero Size where that is not said.
func (s *Structure) Size(spatial int) Size {
	if !s.sized || spatial < 0 || spatial >= MaxLayers {
		return Size{}
	}
	return s.sizes[spatial]
}

// All is the mask of all decode targets.
func (s *Structure) All() uint32 { return uint32(1<<s.Targets - 1) }

// A Descriptor is what one packet says.
type Descriptor struct {
	First, Last bool   // packet of the frame
	Number      uint16 // of the frame
	Attached    bool   // it carries the structure, which is the reader's from now on
	Masked      bool   // it carries Active
	Active      uint32 // decode targets that are sent, by bits; all where the structure comes without
	Frame

	template                   uint8 // id
	ownTargets, ownRefs, ownCh bool  // differ from the template
	size                       int   // bytes, as it came
}

// A Reader reads the descriptors of one stream. The zero Reader waits for a structure.
type Reader struct {
	s     Structure
	known bool
}

// Structure returns the newest one, nil before the first. It belongs to the reader and changes with it.
func (r *Reader) Structure() *Structure {
	if !r.known {
		return nil
	}
	return &r.s
}

// Forget has the reader wait for a structure.
func (r *Reader) Forget() { r.known = false }

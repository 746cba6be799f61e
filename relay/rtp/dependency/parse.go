package dependency

import "encoding/binary"

// mandatory is the length of what every descriptor begins with.
const mandatory = 3

// Parse reads a descriptor. An error leaves the reader as it was.
func (r *Reader) Parse(b []byte, d *Descriptor) error {
	if len(b) < mandatory {
		return ErrShort
	}
	if len(b) > MaxLength {
		return ErrBounds
	}
	d.First, d.Last, d.template = b[0]&0x80 != 0, b[0]&0x40 != 0, b[0]&0x3f
	d.Number, d.size = binary.BigEndian.Uint16(b[1:]), len(b)
	d.Attached, d.Masked, d.ownTargets, d.ownRefs, d.ownCh = false, false, false, false, false
	d.Active = 0
	if len(b) == mandatory {
		return d.of(&r.s, r.known)
	}
	in := bitReader{b: b[mandatory:]}
	d.Attached, d.Masked = in.flag(), in.flag()
	d.ownTargets, d.ownRefs, d.ownCh = in.flag(), in.flag(), in.flag()
	if !d.Attached {
		return d.rest(&in, &r.s, r.known)
	}
	var s Structure
	if err := s.read(&in); err != nil {
		return err
	}
	d.Active = s.All()
	if err := d.rest(&in, &s, true); err != nil {
		return err
	}
	r.s, r.known = s, true
	return nil
}

// rest reads what stands behind the structure.
func (d *Descriptor) rest(in *bitReader, s *Structure, known bool) error {
	if err := d.of(s, known); err != nil {
		return err
	}
	if d.Masked {
		d.Active = in.read(s.Targets)
	}
	if d.ownTargets {
		for i := range s.Targets {
			d.targets[i] = Indication(in.read(2))
		}
	}
	if d.ownRefs {
		d.refs = 0
		for width := in.read(2); width > 0; width = in.read(2) {
			if d.refs == MaxRefs {
				return ErrBounds
			}
			d.diffs[d.refs], d.widths[d.refs] = uint16(in.read(4*int(width)))+1, uint8(width)
			d.refs++
		}
	}
	if d.ownCh {
		for i := range s.Chains {
			d.chains[i] = uint8(in.read(8))
		}
	}
	switch {
	case in.over:
		return ErrShort
	case !in.blank():
		return ErrPadding
	}
	return nil
}

// of begins with the template.
func (d *Descriptor) of(s *Structure, known bool) error {
	i := int(d.template+MaxTemplates-s.offset) % MaxTemplates
	if !known || i >= s.count {
		return ErrStructure
	}
	d.Frame = s.templates[i]
	return nil
}

// What comes after a template, in template_layers.
const (
	sameLayer = iota
	nextTemporal
	nextSpatial
	lastTemplate
)

func (s *Structure) read(in *bitReader) error {
	s.offset = uint8(in.read(6))
	s.Targets = int(in.read(5)) + 1
	if err := s.readLayers(in); err != nil {
		return err
	}
	for i := range s.count {
		for t := range s.Targets {
			s.templates[i].targets[t] = Indication(in.read(2))
		}
	}
	for i := range s.count {
		f := &s.templates[i]
		for in.flag() {
			if f.refs == MaxRefs {
				return ErrBounds
			}
			f.diffs[f.refs], f.widths[f.refs] = uint16(in.read(4))+1, 1
			f.refs++
		}
	}
	if s.Chains = int(in.least(s.Targets + 1)); s.Chains > 0 {
		for t := range s.Targets {
			s.protectedBy[t] = uint8(in.least(s.Chains))
		}
		for i := range s.count {
			for c := range s.Chains {
				s.templates[i].chains[c] = uint8(in.read(4))
			}
		}
	}
	if s.sized = in.flag(); s.sized {
		for i := range s.spatial {
			s.sizes[i] = Size{int(in.read(16)) + 1, int(in.read(16)) + 1}
		}
	}
	if in.over {
		return ErrShort
	}
	s.findLayers()
	return nil
}

func (s *Structure) readLayers(in *bitReader) error {
	var at Layer
	for {
		if s.count == MaxTemplates {
			return ErrBounds
		}
		s.templates[s.count].Spatial, s.templates[s.count].Temporal = at.Spatial, at.Temporal
		s.count++
		switch in.read(2) {
		case nextTemporal:
			at.Temporal++
		case nextSpatial:
			at = Layer{at.Spatial + 1, 0}
		case lastTemplate:
			s.spatial = int(at.Spatial) + 1
			return nil
		}
		switch {
		case in.over:
			return ErrShort
		case at.Spatial == MaxLayers, at.Temporal == MaxLayers:
			return ErrBounds
		}
	}
}

// findLayers works out the layers of the decode targets: the highest of which they have anything.
func (s *Structure) findLayers() {
	for i := range s.count {
		f := &s.templates[i]
		for t := range s.Targets {
			if f.targets[t] != NotPresent {
				s.layers[t].Spatial = max(s.layers[t].Spatial, f.Spatial)
				s.layers[t].Temporal = max(s.layers[t].Temporal, f.Temporal)
			}
		}
	}
}

package dependency

import "encoding/binary"

// Append writes a descriptor that the reader has parsed, or that has been changed since (First, Last, Number, Masked,
// Active). It is as long as it was, or longer where it says more.
func (r *Reader) Append(dst []byte, d *Descriptor) []byte {
	start := len(dst)
	head := d.template
	if d.First {
		head |= 0x80
	}
	if d.Last {
		head |= 0x40
	}
	dst = append(dst, head)
	dst = binary.BigEndian.AppendUint16(dst, d.Number)
	if d.size > mandatory || d.Attached || d.Masked || d.ownTargets || d.ownRefs || d.ownCh {
		out := bitWriter{b: dst}
		for _, f := range [...]bool{d.Attached, d.Masked, d.ownTargets, d.ownRefs, d.ownCh} {
			out.flag(f)
		}
		d.write(&out, &r.s)
		dst = out.b
	}
	for len(dst)-start < d.size {
		dst = append(dst, 0)
	}
	return dst
}

// Mask appends a descriptor with another mask of active decode targets: one that carries the structure or a mask, or,
// where always is set, any. What the reader cannot parse, and what needs no other, is appended as it is.
func (r *Reader) Mask(dst, descriptor []byte, active uint32, always bool) []byte {
	plain := len(descriptor) <= mandatory || descriptor[mandatory]&0xc0 == 0
	if plain && !always {
		return append(dst, descriptor...)
	}
	var d Descriptor
	probe := Reader{}
	in := r
	if !plain && descriptor[mandatory]&0x80 != 0 { // it brings its own structure, which may not be the newest
		in = &probe
	}
	if in.Parse(descriptor, &d) != nil {
		return append(dst, descriptor...)
	}
	d.Masked, d.Active, d.size = true, active&in.s.All(), 0
	start := len(dst)
	if dst = in.Append(dst, &d); len(dst)-start > MaxLength {
		return append(dst[:start], descriptor...)
	}
	return dst
}

func (d *Descriptor) write(out *bitWriter, s *Structure) {
	if d.Attached {
		s.write(out)
	}
	if d.Masked {
		out.write(d.Active, s.Targets)
	}
	if d.ownTargets {
		for _, t := range d.targets[:s.Targets] {
			out.write(uint32(t), 2)
		}
	}
	if d.ownRefs {
		for i, diff := range d.Refs() {
			out.write(uint32(d.widths[i]), 2)
			out.write(uint32(diff-1), 4*int(d.widths[i]))
		}
		out.write(0, 2)
	}
	if d.ownCh {
		for _, c := range d.chains[:s.Chains] {
			out.write(uint32(c), 8)
		}
	}
}

func (s *Structure) write(out *bitWriter) {
	out.write(uint32(s.offset), 6)
	out.write(uint32(s.Targets-1), 5)
	templates := s.templates[:s.count]
	for i := range templates {
		next := uint32(lastTemplate)
		if i+1 < len(templates) {
			switch a, b := &templates[i], &templates[i+1]; {
			case b.Spatial > a.Spatial:
				next = nextSpatial
			case b.Temporal > a.Temporal:
				next = nextTemporal
			default:
				next = sameLayer
			}
		}
		out.write(next, 2)
	}
	for i := range templates {
		for _, t := range templates[i].targets[:s.Targets] {
			out.write(uint32(t), 2)
		}
	}
	for i := range templates {
		for _, diff := range templates[i].Refs() {
			out.flag(true)
			out.write(uint32(diff-1), 4)
		}
		out.flag(false)
	}
	s.writeChains(out)
	out.flag(s.sized)
	if s.sized {
		for _, size := range s.sizes[:s.spatial] {
			out.write(uint32(size.Width-1), 16)
			out.write(uint32(size.Height-1), 16)
		}
	}
}

func (s *Structure) writeChains(out *bitWriter) {
	out.least(uint32(s.Chains), s.Targets+1)
	if s.Chains == 0 {
		return
	}
	for _, c := range s.protectedBy[:s.Targets] {
		out.least(uint32(c), s.Chains)
	}
	for i := range s.count {
		for _, c := range s.templates[i].chains[:s.Chains] {
			out.write(uint32(c), 4)
		}
	}
}

package sfu

// lean lets go of what nobody asks of a viewer's offer once it has its answer, which is most of it: 12 of the 16 KB that
// a read offer of Chromium's takes would lie beside each viewer for as long as they watch. What stays is what
// [plan.reduced] shows pion, now and whenever ICE begins anew.
func (p *plan) lean() {
	used := make(map[*section][]string)
	for _, c := range p.accepted() {
		used[c.section] = c.exts
	}
	for i := range p.offer.sections {
		s := &p.offer.sections[i]
		exts, ok := used[s]
		keeps := make(map[string]uint8, len(exts))
		for _, uri := range exts {
			keeps[uri] = s.exts[uri]
		}
		m := *s.media
		m.MediaName.Formats, m.Attributes = nil, nil
		if ok {
			for _, a := range s.media.Attributes {
				if kept[a.Key] {
					m.Attributes = append(m.Attributes, a)
				}
			}
		}
		s.media, s.exts, s.formats = &m, keeps, nil
	}
	d := *p.offer.desc
	d.MediaDescriptions = nil // they are in the sections
	p.offer.desc = &d
}

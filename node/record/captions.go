package record

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"stentor/node/record/vtt"
)

// A Caption is what is spoken in a webinar, in one language, as it stands now.
type Caption struct {
	ID       string
	Language string    // a language tag in small letters (RFC 5646)
	Text     string    // never markup
	At       time.Time // when somebody began to speak it
	Changed  time.Time // when the text became that
	Draft    bool      // it is spoken still
	Deleted  bool      // by a host; there is nothing but the ID then
}

const (
	// trackCaptions is how an index calls captions, and formatCaptions the media type of their files.
	trackCaptions  = "captions"
	formatCaptions = "text/vtt"
	// silentDraft is after what time a caption is written that nobody has ended: they think, or they are gone. If it
	// goes on, it is written anew.
	silentDraft = 5 * time.Second
	// maxSheets bounds the languages of one take: as many as a talk has at once.
	maxSheets = 16
)

// A script is what is spoken while a take goes on: a file for each language, whose times count as those of the take's sound and
// picture do. It belongs to one goroutine.
type script struct {
	take   *take
	place  place
	drafts map[string]Caption
	sheets map[string]*sheet // by language
}

// captions writes what is spoken until the take ends.
func (t *take) captions() {
	r := t.recorder
	heard := make(chan []Caption)
	r.work.Go(func() {
		defer close(heard)
		r.cfg.Captions(t.ctx, t.stream.Webinar, func(some []Caption) { heard <- some })
	})
	s := &script{take: t, place: place{t.stream.Webinar, t.stream.Recording}, drafts: map[string]Caption{}, sheets: map[string]*sheet{}}
	err := s.follow(heard)
	if err != nil {
		r.fail(s.place, reasonOf(err), err) // which ends the take, and with it what is told
	}
	for range heard { // nobody waits for us
	}
	<-t.ctx.Done()
	why := causeOf(t.ctx)
	if err == nil {
		err = s.finish()
	}
	if err := errors.Join(err, s.end(why)); err != nil {
		r.fail(s.place, reasonOf(err), err)
	}
}

// follow takes what is told until nothing is any more; an error is the disk's.
func (s *script) follow(heard <-chan []Caption) error {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case some, more := <-heard:
			if !more {
				return nil
			}
			err = s.hear(some)
		case <-tick.C:
			err = s.sync()
		}
		if err != nil {
			return err
		}
	}
}

// hear takes captions as they stand now.
func (s *script) hear(some []Caption) error {
	slices.SortStableFunc(some, func(a, b Caption) int { return a.At.Compare(b.At) })
	for _, c := range some {
		var err error
		switch {
		case c.Deleted:
			err = s.forget(c.ID)
		case c.Draft:
			s.drafts[c.ID] = c
		default:
			delete(s.drafts, c.ID)
			err = s.write(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forget takes away what a host has deleted.
func (s *script) forget(id string) error {
	delete(s.drafts, id)
	for _, sheet := range s.sheets {
		if err := sheet.apply(sheet.layout.Remove(id)); err != nil {
			return err
		}
	}
	return nil
}

// write writes a caption, unless it is from before the recording, or empty.
func (s *script) write(c Caption) error {
	began, now := s.take.began, s.take.recorder.cfg.Now()
	if c.Changed.After(now) { // by the clock of another node
		c.At, c.Changed = c.At.Add(now.Sub(c.Changed)), now
	}
	if !c.Changed.After(began) || vtt.Clean(c.Text) == "" {
		return nil
	}
	start, end := c.At.Sub(began).Milliseconds(), c.Changed.Sub(began).Milliseconds()
	sheet, err := s.sheet(c.Language, max(start, 0))
	if err != nil {
		return err
	}
	m := s.take.recorder.metrics
	if sheet == nil {
		m.dropped.WithLabelValues(trackCaptions, dropFull).Inc()
		return nil
	}
	cues, size := sheet.layout.Cues(), sheet.layout.Size()
	writes, ok := sheet.layout.Put(c.ID, start, end, c.Text)
	if !ok {
		sheet.dropped++
		m.dropped.WithLabelValues(trackCaptions, dropFull).Inc()
		return nil
	}
	m.frames.WithLabelValues(trackCaptions).Add(float64(sheet.layout.Cues() - cues))
	m.bytes.WithLabelValues(trackCaptions).Add(float64(sheet.layout.Size() - size))
	return sheet.apply(writes)
}

// sheet is the file of a language, which its first caption begins; nil where there are too many.
func (s *script) sheet(language string, ms int64) (*sheet, error) {
	if x := s.sheets[language]; x != nil {
		return x, nil
	}
	if len(s.sheets) >= maxSheets || language == "" || strings.ContainsFunc(language, func(r rune) bool { return !plain(r) }) {
		return nil, nil
	}
	t := s.take
	r := t.recorder
	dir := r.dir(s.place)
	x := &sheet{}
	var err error
	if x.name, x.file, err = newFile(dir, label(t.stream.Name, trackCaptions+"-"+language[:min(len(language), 35)]), ".vtt"); err != nil {
		return nil, err
	}
	s.sheets[language] = x
	r.metrics.running.Inc()
	zero := t.began.UTC()
	noted := r.note(s.place, Line{
		Event: EventBegin, At: r.cfg.Now().UTC(), File: x.name, Stream: t.stream.Name, Track: trackCaptions, Participant: t.stream.Participant,
		Epoch: t.stream.Epoch, Node: r.cfg.Node, Codec: formatCaptions, Language: language, Zero: &zero, First: ms,
	})
	return x, errors.Join(x.apply(x.layout.Begin()), syncDir(dir), noted)
}

// sync puts the files on the disk, and into them what nobody goes on with.
func (s *script) sync() error {
	silent := s.take.recorder.cfg.Now().Add(-silentDraft)
	if err := s.settle(func(c Caption) bool { return !c.Changed.After(silent) }); err != nil {
		return err
	}
	for _, x := range s.sheets {
		if err := x.sync(); err != nil {
			return err
		}
	}
	return nil
}

// settle writes those drafts as they stand.
func (s *script) settle(which func(Caption) bool) error {
	var some []Caption
	for id, c := range s.drafts {
		if which(c) {
			some = append(some, c)
			delete(s.drafts, id)
		}
	}
	slices.SortFunc(some, func(a, b Caption) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	for _, c := range some {
		if err := s.write(c); err != nil {
			return err
		}
	}
	return nil
}

// finish writes what is spoken at the end of the take, and how long the last captions are there.
func (s *script) finish() error {
	if err := s.settle(func(Caption) bool { return true }); err != nil {
		return err
	}
	now := s.take.recorder.cfg.Now().Sub(s.take.began).Milliseconds()
	for _, x := range s.sheets {
		if err := x.apply(x.layout.Close(now)); err != nil {
			return err
		}
	}
	return nil
}

// end closes the files.
func (s *script) end(why string) (err error) {
	r := s.take.recorder
	for _, x := range s.sheets {
		r.metrics.running.Dec()
		err = errors.Join(err, x.sync(), x.file.Close(), r.note(s.place, Line{
			Event: EventEnd, At: r.cfg.Now().UTC(), File: x.name, Reason: why, Last: x.layout.Last(), Frames: uint64(x.layout.Cues()),
			Dropped: x.dropped, Bytes: uint64(x.layout.Size()),
		}))
	}
	return err
}

// A sheet is the file of one language.
type sheet struct {
	name    string
	file    *os.File
	layout  vtt.Sheet
	dropped uint64
	dirty   bool
}

// apply writes what the layout says, each part by one call.
func (x *sheet) apply(writes []vtt.Write) error {
	for _, w := range writes {
		x.dirty = true
		if _, err := x.file.WriteAt(w.Bytes, w.At); err != nil {
			return fmt.Errorf("record: %w", err)
		}
	}
	return nil
}

func (x *sheet) sync() error {
	if !x.dirty {
		return nil
	}
	x.dirty = false
	if err := x.file.Sync(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// readLast returns when the last caption of a file ends, in milliseconds.
func readLast(path string) (ms int64, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, false
	}
	tail := make([]byte, 3*vtt.Page)
	from := max(info.Size()-int64(len(tail)), 0)
	n, _ := f.ReadAt(tail, from) // a short file has less
	text := string(tail[:n])
	if from > 0 { // in the middle of a cue, as likely as not
		_, text, _ = strings.Cut(text, "\n\n")
		text = vtt.Head + text
	}
	for _, c := range vtt.Parse([]byte(text)) {
		ms, ok = max(ms, c.End), true
	}
	return ms, ok
}

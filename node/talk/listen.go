package talk

import (
	"context"
	"time"
)

// Spoken is a caption as it stands now, whole: for who keeps it.
type Spoken struct {
	ID       string
	Language string // a language tag in small letters
	Text     string
	At       time.Time // when somebody began to speak it
	Changed  time.Time // when the text became that; both by the clocks of talks' origins
	Draft    bool      // it is spoken still
	Deleted  bool      // by a host; there is nothing but the ID then
}

// Listen has hear told what is spoken in a webinar until ctx is done, by one call after the other: the newest captions
// that there are, and each as often as it changes. It returns when all that came here before was told, or the talks of this
// node are over. Who listens keeps the talk followed, as a page does.
func (t *Talk) Listen(ctx context.Context, webinar string, hear func([]Spoken)) {
	r := t.enter(webinar)
	if r == nil {
		return
	}
	defer t.leave(r)
	var told heard
	for {
		news, changed := r.listen(&told)
		if len(news) > 0 {
			hear(news)
		}
		select {
		case <-changed:
			continue
		case <-ctx.Done():
		case <-t.ctx.Done():
		}
		if news, _ = r.listen(&told); len(news) > 0 {
			hear(news)
		}
		return
	}
}

// heard is how far a listener was told.
type heard struct {
	state *State // another one begins anew
	rev   uint64
}

// listen is what was not told yet, and a channel that is closed when there is more.
func (r *room) listen(told *heard) (news []Spoken, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if told.state != r.state {
		*told = heard{state: r.state}
	}
	for _, i := range r.state.captions.items {
		if i.rev > told.rev {
			news = append(news, i.spoken())
		}
	}
	told.rev = r.state.rev
	return news, r.changed
}

func (i *item) spoken() Spoken {
	return Spoken{
		ID: i.ID, Language: i.Lang, Text: i.Text, At: time.UnixMilli(i.At), Changed: time.UnixMilli(max(i.Changed, i.At)), Draft: i.Draft, Deleted: i.Deleted,
	}
}

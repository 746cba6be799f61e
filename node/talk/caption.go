package talk

import (
	"context"
	"regexp"
	"strings"

	"stentor/control/webinar"
)

// Captions are what is spoken, written along: by a host or presenter by hand, or by software that hears it. A caption
// grows while it is spoken: who writes it says it again under the same key, until it is no draft any more.

// MaxCaption is how many characters a caption has: two lines of subtitles, twice. What is longer is several.
const MaxCaption = 200

// What a state holds of captions. Late joiners are told the newest of each language alone; the others are there for who
// was cut off, and for who takes over.
const (
	maxCaptions   = 100
	heavyCaptions = 32 << 10 // bytes
	maxLanguages  = 16       // in which there are captions at once, as far as the newest hundred say
)

// captioner is the name under which software writes captions; people see no names beside them.
const captioner = "Captions"

// language is the shape of a language tag (RFC 5646, section 2.1): a language, and what says more precisely which one it is. No list of
// languages is kept: the page names those that its browser knows, and shows the tag of others.
var language = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}$`)

// mayCaption reports whether somebody may write captions: hosts, and presenters whose messages nobody has stopped.
func mayCaption(w *webinar.Webinar, who webinar.Standing) bool {
	return w.May(who, webinar.Control) || w.RoleOf(who) == webinar.Presenter && w.May(who, webinar.Messages)
}

// caption writes a caption, or writes it anew. What was said for good stays.
func caption(s *State, e Entry, said Said) ([]Entry, error) {
	e.Kind, e.Lang, e.Draft, e.Changed = Caption, strings.ToLower(said.Language), said.Draft, e.At
	e.Name, e.Role = "", ""
	if !isText(e.Text, MaxCaption) || strings.Contains(e.Text, "\n") {
		return nil, ErrCaption
	}
	if !language.MatchString(e.Lang) || !s.speaks(e.Lang) {
		return nil, ErrLanguage
	}
	old := s.captions.by[e.ID]
	switch {
	case old == nil:
		return []Entry{e}, nil
	case old.Deleted || !old.Draft:
		return []Entry{old.Entry}, nil
	case old.Lang != e.Lang:
		return nil, ErrLanguage
	}
	e.At, e.Changed = old.At, max(e.Changed, old.Changed+1)
	return []Entry{e}, nil
}

// speaks reports whether there can be captions in that language beside those that there are.
func (s *State) speaks(lang string) bool {
	all := s.newest()
	return all[lang] != nil || len(all) < maxLanguages
}

// newest is the last caption of each language.
func (s *State) newest() map[string]*item {
	out := make(map[string]*item)
	for _, i := range s.captions.items {
		if !i.Deleted {
			out[i.Lang] = i
		}
	}
	return out
}

// rewrites reports whether e says better than the item what was spoken: what is for good, and then what was written later.
func (i *item) rewrites(e Entry) bool {
	switch {
	case i.Draft != e.Draft:
		return i.Draft
	case i.Changed != e.Changed:
		return e.Changed > i.Changed
	}
	return e.Lang+e.Text > i.Lang+i.Text // two origins took one each
}

// ACaption is a caption as a page is told it.
type ACaption struct {
	Type     string `json:"type"` // "caption"
	ID       string `json:"id"`
	Language string `json:"language"`
	Text     string `json:"text"`
	Draft    bool   `json:"draft,omitempty"` // it is spoken still
}

func (i *item) caption() ACaption { return ACaption{"caption", i.ID, i.Lang, i.Text, i.Draft} }

// Caption has software write a caption, by what name the control API knows it by; what it may say is decided there. It answers as [Talk.Say] does.
func (t *Talk) Caption(ctx context.Context, id, by string, said Said) error {
	said.Act = Transcribe
	return t.Say(ctx, id, Speaker{Standing: webinar.Standing{Participant: by}, Name: captioner, Captioner: true}, said)
}

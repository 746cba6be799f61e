package talk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stentor/control/webinar"
)

func TestWhatACaptionIs(t *testing.T) {
	tests := []struct {
		name string
		said Said
		want string
	}{
		{"a line in a language", Said{Language: "de", Text: "Guten Tag."}, "said"},
		{"of a country", Said{Language: "pt-BR", Text: "Bom dia."}, "said"},
		{"in a script", Said{Language: "zh-Hant-TW", Text: "你好"}, "said"},
		{"in one that no list knows", Said{Language: "qaa", Text: "x"}, "said"},
		{"without a language", Said{Text: "x"}, "caption_language"},
		{"in what is no tag", Said{Language: "de\"><b>", Text: "x"}, "caption_language"},
		{"in a tag without end", Said{Language: "de" + strings.Repeat("-abcdefgh", 9), Text: "x"}, "caption_language"},
		{"markup, which stays text", Said{Language: "de", Text: "<img src=x onerror=alert(1)>"}, "said"},
		{"two hundred characters of any length", Said{Language: "de", Text: strings.Repeat("\U0001F30A", MaxCaption)}, "said"},
		{"one more", Said{Language: "de", Text: strings.Repeat("x", MaxCaption+1)}, "caption_invalid"},
		{"nothing", Said{Language: "de", Text: " "}, "caption_invalid"},
		{"two lines", Said{Language: "de", Text: "a\nb"}, "caption_invalid"},
		{"control characters", Said{Language: "de", Text: "a\x1b[2K"}, "caption_invalid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.said.Act, test.said.Key = Transcribe, "k"
			entries, err := decide(NewState(), webinar.Presenter, ada("1"), test.said, noon)
			if got := code(err); got != test.want || (err == nil) != (len(entries) == 1) {
				t.Fatalf("%s, want %s: %+v", got, test.want, entries)
			}
			if err == nil && (!entries[0].sound() || entries[0].Name != "") {
				t.Errorf("%+v", entries[0])
			}
		})
	}
}

// captions is what a page is told of them after after what it was told before.
func captions(news []any) (out []string) {
	for _, n := range news {
		switch n := n.(type) {
		case ACaption:
			out = append(out, fmt.Sprint(n.Language, " ", n.Text, " ", n.Draft))
		case History:
			for _, c := range n.Captions {
				out = append(out, fmt.Sprint(c.Language, " ", c.Text, " ", c.Draft))
			}
		}
	}
	return out
}

func TestALifeOfACaption(t *testing.T) {
	s := NewState()
	var page cursor
	guest := Viewer{Participant: "p_guest"}
	tells := func(step string, want ...string) {
		t.Helper()
		if got := captions(s.news(&page, guest)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: the page is told %q, want %q", step, got, want)
		}
	}
	writes := func(who, key, lang, text string, draft bool) (string, string) {
		return do(t, s, ada(who), webinar.Presenter, Said{Act: Transcribe, Key: key, Language: lang, Text: text, Draft: draft})
	}
	tells("at first")
	id, _ := writes("1", "k", "DE", "Guten", true)
	tells("a draft", "de Guten true")
	if again, _ := writes("1", "k", "de", "Guten Tag", true); again != id {
		t.Errorf("the draft that goes on is %s, and was %s", again, id)
	}
	tells("that goes on, in the same millisecond", "de Guten Tag true")
	writes("1", "k", "de", "Guten Tag.", false)
	tells("and is said", "de Guten Tag. false")
	writes("1", "k", "de", "Gute Nacht.", false)
	tells("it stays what it was")
	if _, code := writes("1", "k", "fr", "Bonjour", true); code != "said" {
		t.Errorf("said before: %s", code)
	}
	tells("in its language")
	writes("2", "k", "en", "Good day.", false)
	tells("another's key is another caption", "en Good day. false")
	page = cursor{}
	tells("who comes late is told the newest of each language", "de Guten Tag. false", "en Good day. false")
	if _, code := do(t, s, ada("host"), webinar.Moderator, Said{Act: Delete, Key: "d", Of: id}); code != "said" {
		t.Errorf("a host takes a caption away: %s", code)
	}
	if got := s.news(&page, guest); len(got) != 1 || got[0] != (Gone{"caption_deleted", id}) {
		t.Errorf("the page is told %v", got)
	}
}

func TestCaptionsHaveBounds(t *testing.T) {
	s := NewState()
	for n := range maxLanguages {
		if _, code := do(t, s, ada("1"), webinar.Presenter, Said{Act: Transcribe, Key: fmt.Sprint(n), Language: fmt.Sprintf("x%c-zz", 'a'+n), Text: "x"}); code != "said" {
			t.Fatalf("language %d: %s", n, code)
		}
	}
	if _, code := do(t, s, ada("1"), webinar.Presenter, Said{Act: Transcribe, Key: "one more", Language: "de", Text: "x"}); code != "caption_language" {
		t.Errorf("one language more: %s", code)
	}
	if _, code := do(t, s, ada("1"), webinar.Presenter, Said{Act: Transcribe, Key: "again", Language: "xa-zz", Text: "y"}); code != "said" {
		t.Errorf("one that there is: %s", code)
	}
	for n := range 3 * maxCaptions {
		s.Apply(Entry{Kind: Caption, ID: fmt.Sprint(n), At: int64(n + 1), Lang: "de", Text: strings.Repeat("\U0001F30A", MaxCaption)})
	}
	if n := len(s.captions.items); n > maxCaptions || s.captions.weight > heavyCaptions || n != len(s.captions.by) {
		t.Errorf("%d captions of %d bytes", n, s.captions.weight)
	}
}

func TestThePaceOfCaptions(t *testing.T) {
	w := &webinar.Webinar{ID: "w", SlowMode: time.Minute}
	var p pace
	said := func(who string, act Act, at time.Duration) error {
		return p.pass(w, webinar.Presenter, who, act, noon.Add(at))
	}
	for n := range captionBurst {
		if err := said("a", Transcribe, 0); err != nil {
			t.Fatalf("caption %d at once: %v", n, err)
		}
	}
	if err := said("a", Transcribe, 0); err != ErrTooFast {
		t.Errorf("one more at once: %v", err)
	}
	if err := said("a", Say, 0); err != nil {
		t.Errorf("who writes captions still writes lines: %v", err)
	}
	for n := range int(captionSecond) {
		if err := said("a", Transcribe, time.Second+time.Duration(n)*time.Millisecond); err != nil {
			t.Fatalf("caption %v a second later: %v", n, err)
		}
	}
	refused := 0
	for n := range 10 * captionBurst {
		if said(fmt.Sprint("other ", n%10), Transcribe, time.Second) != nil {
			refused++
		}
	}
	if refused < 10*captionBurst-allCaptionBurst-int(allCaptionSecond) {
		t.Errorf("%d of %d at once by ten others were refused", refused, 10*captionBurst)
	}
}

func TestSoftwareWritesCaptionsAndNothingElse(t *testing.T) {
	who := Speaker{Standing: webinar.Standing{Participant: "t_1"}, Name: captioner, Captioner: true}
	locked := &webinar.Webinar{ID: "w", State: webinar.Live, Lobby: webinar.LobbyEveryone, PIN: &webinar.PIN{}}
	for _, test := range []struct {
		name string
		w    *webinar.Webinar
		act  Act
		want string
	}{
		{"captions, whatever guests may", locked, Transcribe, "said"},
		{"not once it is over", &webinar.Webinar{ID: "w", State: webinar.Ended}, Transcribe, "ended"},
		{"not where there is no webinar", nil, Transcribe, "not_found"},
		{"no lines", locked, Say, "not_allowed"},
		{"no votes", locked, Vote, "not_allowed"},
		{"it deletes nothing", locked, Delete, "not_allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := code(allowed(test.w, who, Said{Act: test.act}, true, noon)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

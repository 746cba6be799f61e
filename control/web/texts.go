package web

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed texts.json
var catalogueJSON []byte

// languageCookie remembers the language that somebody chose at the foot of a page.
const languageCookie = "stentor_lang"

// texts is the catalogue: key -> language -> sentence, for templates and script
// alike. A sentence may hold {name} places.
type texts struct {
	sentences map[string]map[string]string
	languages []string // offered, the default first
	matcher   language.Matcher
}

// newTexts reads the compiled-in catalogue and offers the wanted languages.
func newTexts(wanted []string) *texts {
	t := &texts{}
	if err := json.Unmarshal(catalogueJSON, &t.sentences); err != nil {
		panic(fmt.Errorf("web: texts.json: %w", err))
	}
	known := t.sentences["language.name"]
	for _, lang := range wanted {
		if _, ok := known[lang]; ok && !slices.Contains(t.languages, lang) {
			t.languages = append(t.languages, lang)
		}
	}
	if len(t.languages) == 0 {
		t.languages = inOrder(known)
	}
	tags := make([]language.Tag, len(t.languages))
	for i, lang := range t.languages {
		tags[i] = language.Make(lang)
	}
	t.matcher = language.NewMatcher(tags)
	return t
}

// inOrder lists the languages of names, English first, the others by tag.
func inOrder(names map[string]string) []string {
	var all []string
	for lang := range names {
		if lang != "en" {
			all = append(all, lang)
		}
	}
	slices.Sort(all)
	return append([]string{"en"}, all...)
}

// say returns the sentence of key in lang, in English where lang lacks it, and
// the key itself where nobody wrote one.
func (t *texts) say(lang, key string) string {
	sentence := t.sentences[key]
	if s, ok := sentence[lang]; ok {
		return s
	}
	if s, ok := sentence["en"]; ok {
		return s
	}
	return key
}

// denial returns the sentence for a refusal in lang.
func (t *texts) denial(lang string, r *Refusal) string {
	key := "denial." + r.Code
	if _, ok := t.sentences[key]; ok {
		return t.say(lang, key)
	}
	return r.Detail
}

// of returns the sentences in lang whose keys begin with one of the prefixes, as
// the script of a page loads them.
func (t *texts) of(lang string, prefixes ...string) map[string]string {
	out := map[string]string{}
	for key := range t.sentences {
		for _, p := range prefixes {
			if strings.HasPrefix(key, p) {
				out[key] = t.say(lang, key)
			}
		}
	}
	return out
}

// direction returns the way that lang is written.
func direction(lang string) string {
	if lang == "ar" {
		return "rtl"
	}
	return "ltr"
}

// choose returns the language for a request: the one asked for in the query,
// else the one remembered, else what the browser prefers.
func (t *texts) choose(r *http.Request) string {
	if asked := r.URL.Query().Get("lang"); slices.Contains(t.languages, asked) {
		return asked
	}
	if c, err := r.Cookie(languageCookie); err == nil && slices.Contains(t.languages, c.Value) {
		return c.Value
	}
	wishes, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return t.languages[0]
	}
	_, i, _ := t.matcher.Match(wishes...)
	return t.languages[i]
}

// remember sets the cookie when the query chose a language.
func (t *texts) remember(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query().Get("lang")
	if !slices.Contains(t.languages, asked) {
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: asked, Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

package web

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	place   = regexp.MustCompile(`\{\w+\}`)
	literal = regexp.MustCompile(`"((?:common|home|offline|guest|register|stage|publish|signin|gallery|host|operator|talk|quality|denial)\.[a-z_]+)"`)
	// pattern finds keys that are put together, such as `host.state_${state}`.
	pattern = regexp.MustCompile("`((?:common|stage|host|operator|talk|denial)\\.[a-z_]*)\\$\\{")
)

func catalogue(t *testing.T) map[string]map[string]string {
	t.Helper()
	var c map[string]map[string]string
	if err := json.Unmarshal(catalogueJSON, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryTextIsThereInEveryLanguage(t *testing.T) {
	c := catalogue(t)
	want := slices.Sorted(maps.Keys(c["language.name"]))
	if !slices.Equal(want, []string{"ar", "de", "en", "es", "fr", "ru"}) {
		t.Errorf("the languages are %v", want)
	}
	for key, sentences := range c {
		if got := slices.Sorted(maps.Keys(sentences)); !slices.Equal(got, want) {
			t.Errorf("%s is there in %v", key, got)
		}
		places := sorted(place.FindAllString(sentences["en"], -1))
		for lang, s := range sentences {
			if strings.TrimSpace(s) != s || s == "" {
				t.Errorf("%s is blank or padded in %s", key, lang)
			}
			if got := sorted(place.FindAllString(s, -1)); !slices.Equal(got, places) {
				t.Errorf("%s has the places %v in %s, and %v in English", key, got, lang, places)
			}
		}
	}
}

func sorted(s []string) []string { slices.Sort(s); return s }

// TestEveryKeyIsWrittenAndUsed reads the sources: a key that nobody wrote would be
// shown as it is, one that nobody says is a leftover.
func TestEveryKeyIsWrittenAndUsed(t *testing.T) {
	c := catalogue(t)
	used := map[string]bool{"language.name": true, "home.bad_link": true, "common.no_page": true}
	var patterns []string
	for _, dir := range []string{"src", "templates", "register.go", "register_form.go", "signin.go"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, ".css") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
				if m[1] == "guest.js" || m[1] == "host.js" || m[1] == "operator.js" || m[1] == "signin.js" || m[1] == "signin.html" || m[1] == "talk.js" || m[1] == "talk.css" || m[1] == "register.html" {
					continue
				}
				used[m[1]] = true
				if c[m[1]] == nil {
					t.Errorf("%s says %s, which nobody wrote", path, m[1])
				}
			}
			for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
				patterns = append(patterns, m[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range c {
		put := slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(key, p) })
		if !used[key] && !put && !strings.HasPrefix(key, "denial.") {
			t.Errorf("nobody says %s", key)
		}
	}
}

// answers are the codes of the refusals that a visitor may get, from
// control/webinar/denial.go, node/session and node/signal, and those that the pages give
// themselves.
var answers = []string{
	"banned", "ended", "pin_required", "wrong_pin", "too_many_guesses", "invalid_invite", "locked", "in_lobby", "full",
	"stage_full", "already_inside", "disconnected", "not_allowed", "not_found", "not_live", "stream_taken", "superseded",
	"unavailable", "invalid_name",
	"registration_required", "invalid_registration", "registration_pending", "registration_waitlisted",
	"registration_declined", "registration_cancelled", "registration_off", "registration_closed", "registration_not_open",
	"registration_full", "already_registered",
	"registration_unavailable", "invalid_answers", "too_many_requests",
	"device_invalid", "off_stage", "too_many_sessions", "node_stopping", "token_invalid", "pass_invalid",
	"not_ready", "internal", "codec_not_accepted",
	"network", "browser", "no_permission", "no_device", "device_busy",
}

func TestEveryAnswerOfTheDoorHasASentence(t *testing.T) {
	c := catalogue(t)
	for _, code := range answers {
		if c["denial."+code] == nil {
			t.Errorf("nobody wrote denial.%s", code)
		}
	}
}

func TestTheScriptOfAPageGetsItsTexts(t *testing.T) {
	guest := newTexts(nil).of("de", "common.", "guest.")
	if guest["guest.join"] != "Teilnehmen" || guest["common.page"] == "" || guest["host.title"] != "" {
		t.Errorf("%v", guest)
	}
}

package mail

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/webinar"
)

// languages are those of the product.
var languages = []string{"ar", "de", "en", "es", "fr", "ru"}

func TestEveryLanguageSaysEverything(t *testing.T) {
	dec := json.NewDecoder(bytes.NewReader(textsFile))
	dec.DisallowUnknownFields()
	all := map[string]*texts{}
	if err := dec.Decode(&all); err != nil {
		t.Fatal(err)
	}
	var got []string
	for lang := range all {
		got = append(got, lang)
	}
	if slices.Sort(got); !slices.Equal(got, languages) {
		t.Fatalf("the languages are %v", got)
	}
	kinds := []string{pending}
	for kind := range statuses {
		kinds = append(kinds, kind)
	}
	kinds = append(kinds, invite)
	for lang, x := range all {
		v := reflect.ValueOf(*x)
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).IsExported() && f.Kind() == reflect.String && f.String() == "" {
				t.Errorf("%s lacks %s", lang, v.Type().Field(i).Name)
			}
		}
		for _, kind := range kinds {
			if strings.Count(x.Subject[kind], "{title}") != 1 || strings.Count(x.Text[kind], "{title}") != 1 {
				t.Errorf("%s, %s: %q, %q", lang, kind, x.Subject[kind], x.Text[kind])
			}
		}
		if len(x.Subject) != len(kinds) || len(x.Text) != len(kinds) || strings.Count(x.Hello, "{name}") != 1 || slices.Contains(x.Months[:], "") {
			t.Errorf("%s: %v", lang, x)
		}
		for _, part := range []string{"{day}", "{month}", "{year}", "{time}", "{zone}"} {
			if strings.Count(x.Date, part) != 1 {
				t.Errorf("%s: a date is %s", lang, x.Date)
			}
		}
		if (x.Dir == "rtl") != (lang == "ar") {
			t.Errorf("%s is written %s", lang, x.Dir)
		}
	}
}

func TestWhichLanguage(t *testing.T) {
	for locale, want := range map[string]string{
		"de": "de", "de-AT": "de", "DE_at": "de", "ru-RU": "ru", "pt": "en", "": "en", "../de": "en", "en-x-{name}": "en",
	} {
		if got := textsOf(locale); got.lang != want {
			t.Errorf("%q is %s", locale, got.lang)
		}
	}
}

func TestDatesInEachLanguage(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 1, 17, 5, 0, 0, time.UTC)
	for lang, want := range map[string]string{
		"en": "1 December 2026, 18:05 (Europe/Berlin)", "de": "1. Dezember 2026, 18:05 Uhr (Europe/Berlin)",
		"es": "1 de diciembre de 2026, 18:05 (Europe/Berlin)", "fr": "1 décembre 2026, 18:05 (Europe/Berlin)",
		"ru": "1 декабря 2026 г., 18:05 (Europe/Berlin)", "ar": "1 ديسمبر 2026، 18:05 (Europe/Berlin)",
	} {
		if got := textsOf(lang).date(at.In(berlin)); got != want {
			t.Errorf("%s: %s", lang, got)
		}
	}
	if got := textsOf("en").date(at); got != "1 December 2026, 17:05 (UTC)" {
		t.Error(got)
	}
	if got := textsOf("en").date(at.In(time.FixedZone("", 3600))); got != "1 December 2026, 18:05 (+0100)" {
		t.Error(got)
	}
}

func TestAMailInEachLanguage(t *testing.T) {
	w := newWorld(t, nil)
	start := time.Date(2026, 12, 1, 17, 0, 0, 0, time.UTC)
	for _, lang := range languages {
		for kind := range textsOf(lang).Text {
			d := draft{kind: kind, locale: lang, name: "Ada", email: "ada@example.org", link: "https://stentor.example/w/x#str_1",
				webinar: &webinar.Webinar{ID: "w_1", Link: "x", Title: "T & <b>", Schedule: &webinar.Schedule{Start: start, Zone: "Nowhere/Known"}}}
			v, err := textsOf(lang).view(d, start.Add(-time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			var plain, rich bytes.Buffer
			if err := plainText.Execute(&plain, v); err != nil {
				t.Fatal(err)
			}
			if err := richText.Execute(&rich, v); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{plain.String(), rich.String()} {
				if strings.ContainsAny(text, "{}") || strings.Contains(text, "<no value>") {
					t.Errorf("%s, %s: %s", lang, kind, text)
				}
			}
			if strings.Contains(rich.String(), "<b>") || !strings.Contains(plain.String(), "T & <b>") {
				t.Errorf("%s, %s: a title is no text: %s", lang, kind, rich.String())
			}
			if hasTime := strings.Contains(plain.String(), "17:00"); hasTime == (kind == declined) {
				t.Errorf("%s, %s: a time: %v", lang, kind, hasTime)
			}
		}
	}
	if _, err := textsOf("en").view(draft{kind: "other", webinar: &webinar.Webinar{}}, start); err == nil {
		t.Error("a mail of a kind that nobody knows")
	}
	if ICS(&webinar.Webinar{}, base, "u") != nil || w.mailer.host != "stentor.example" {
		t.Error("a file of no time, or another host")
	}
}

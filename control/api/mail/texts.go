package mail

import (
	_ "embed" // templates and texts
	"encoding/json"
	"fmt"
	htmltemplate "html/template"
	"strconv"
	"strings"
	"text/template"
	"time"
)

//go:embed texts.json
var textsFile []byte

//go:embed plain.tmpl
var plainFile string

//go:embed rich.tmpl
var richFile string

var (
	plainText = template.Must(template.New("plain").Parse(plainFile))
	richText  = htmltemplate.Must(htmltemplate.New("rich").Parse(richFile))
	catalogue = mustRead(textsFile)
)

// fallback is the language of who uses none of ours.
const fallback = "en"

// texts are what mails say in one language.
type texts struct {
	lang string

	Dir            string            `json:"dir"` // ltr or rtl
	Hello          string            `json:"hello"`
	Subject        map[string]string `json:"subject"` // by kind
	Text           map[string]string `json:"text"`
	When           string            `json:"when"`
	Enter          string            `json:"enter"`
	Status         string            `json:"status"`
	Personal       string            `json:"personal"`
	Calendar       string            `json:"calendar"`
	FootRegistered string            `json:"foot_registered"`
	FootInvited    string            `json:"foot_invited"`
	Date           string            `json:"date"`
	Months         [12]string        `json:"months"`
}

// mustRead reads the catalogue that is compiled in.
func mustRead(b []byte) map[string]*texts {
	all := map[string]*texts{}
	if err := json.Unmarshal(b, &all); err != nil {
		panic("mail: texts.json: " + err.Error())
	}
	for lang, t := range all {
		t.lang = lang
	}
	return all
}

// textsOf returns the texts of a locale: de-AT is de, and what is not there is English.
func textsOf(locale string) *texts {
	lang, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-")
	if t := catalogue[lang]; t != nil {
		return t
	}
	return catalogue[fallback]
}

// view is what the templates show. All of it is text, which they escape.
type view struct {
	Lang, Dir, Subject, Hello, Text string
	WhenLabel, When                 string
	Link, Button, Personal          string
	Calendar, Foot                  string
}

func (t *texts) view(d draft, now time.Time) (view, error) {
	if t.Subject[d.kind] == "" || t.Text[d.kind] == "" {
		return view{}, fmt.Errorf("mail: no texts of kind %s", d.kind)
	}
	fill := strings.NewReplacer("{name}", d.name, "{title}", oneLine(d.webinar.Title))
	v := view{
		Lang: t.lang, Dir: t.Dir, Subject: fill.Replace(t.Subject[d.kind]), Hello: t.greeting(d.name), Text: fill.Replace(t.Text[d.kind]),
		Link: d.link, Button: t.Enter, Personal: t.Personal, Foot: t.FootRegistered,
	}
	switch d.kind {
	case pending, waitlisted:
		v.Button = t.Status
	case invite:
		v.Foot = t.FootInvited
	}
	if start, ok := d.next(now); ok && d.kind != declined {
		v.WhenLabel, v.When = t.When, t.date(start)
	}
	return v, nil
}

// greeting greets somebody, by name if there is one; without, nothing is left where it was.
func (t *texts) greeting(name string) string {
	if name != "" {
		return strings.NewReplacer("{name}", name).Replace(t.Hello)
	}
	before, after, _ := strings.Cut(t.Hello, "{name}")
	return strings.TrimSpace(strings.TrimRight(before, " ,\u00a0") + after)
}

// date writes a moment in its own zone.
func (t *texts) date(at time.Time) string {
	zone := at.Location().String()
	if zone == "" || zone == "Local" {
		zone = at.Format("MST")
	}
	return strings.NewReplacer(
		"{day}", strconv.Itoa(at.Day()), "{month}", t.Months[at.Month()-1], "{year}", strconv.Itoa(at.Year()),
		"{time}", at.Format("15:04"), "{zone}", zone,
	).Replace(t.Date)
}

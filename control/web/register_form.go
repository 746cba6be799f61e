package web

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"stentor/control/client"
	"stentor/control/webinar"
)

// answer takes what a handler answers.
type answer struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if !a.wrote && status >= 200 {
		a.status, a.wrote = status, true
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.wrote = true
	return a.body.Write(b)
}

// keyShape is what the idempotency keys of forms are made of.
var keyShape = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// custom begins the names of the inputs that only one form has, so that none of them can
// be taken for a standard one.
const custom = "f."

// fewOptions is up to how many options of a choice are shown at once. More of them are a
// list that opens.
const fewOptions = 5

// form is a registration form as the template shows it.
type form struct {
	Key     string // idempotency key: one for each form that is shown
	Fields  []*formField
	Problem string // what is wrong with all of it, as a sentence
	Wrong   bool   // a field has a problem

	texts  *texts
	lang   string
	custom []client.Field
}

// formField is one input with what was typed and what is wrong with it.
type formField struct {
	ID       string // of the field
	Name     string // of the input
	Label    string
	Kind     string // "text", "long_text", "email", "phone", "number", "choice", "choices", "checkbox"
	Input    string // the type attribute of those with one line
	Auto     string // the autocomplete attribute
	Longest  int    // characters
	Required bool
	Few      bool // options are shown at once
	Value    string
	Options  []formOption
	Problem  string
}

type formOption struct {
	Value  string
	Chosen bool
}

// newForm is the empty form: the standard fields, and those of this webinar.
func newForm(t *texts, lang string, fields []client.Field) *form {
	f := &form{Key: rand.Text(), texts: t, lang: lang, custom: fields}
	for _, s := range []formField{
		{ID: webinar.FirstNameField, Label: t.say(lang, "register.first"), Kind: "text", Auto: "given-name", Longest: webinar.MaxText},
		{ID: webinar.LastNameField, Label: t.say(lang, "register.last"), Kind: "text", Auto: "family-name", Longest: webinar.MaxText},
		{ID: webinar.AddressField, Label: t.say(lang, "register.email"), Kind: "email", Auto: "email", Longest: webinar.MaxEmail},
	} {
		s.Name, s.Required = s.ID, true
		f.add(s)
	}
	for _, c := range fields {
		s := formField{ID: c.ID, Name: custom + c.ID, Label: c.Label, Kind: c.Type, Required: c.Required, Longest: webinar.MaxShortAnswer, Few: len(c.Options) <= fewOptions}
		if c.Type == string(webinar.LongTextField) {
			s.Longest = webinar.MaxLongAnswer
		}
		for _, o := range c.Options {
			s.Options = append(s.Options, formOption{Value: o})
		}
		f.add(s)
	}
	return f
}

func (f *form) add(s formField) {
	switch webinar.FieldType(s.Kind) {
	case webinar.EmailField:
		s.Input = "email"
	case webinar.PhoneField:
		s.Input, s.Auto = "tel", "tel"
	case webinar.NumberField:
		s.Input = "text" // type=number swallows what it does not understand
	default:
		s.Input = "text"
	}
	f.Fields = append(f.Fields, &s)
}

// fill keeps what was typed for the page to show again, and returns it as the control API
// takes it.
func (f *form) fill(typed url.Values) client.Register {
	in := client.Register{Locale: f.lang, Fields: map[string][]string{}}
	for _, s := range f.Fields {
		values := typed[s.Name]
		for i, o := range s.Options {
			s.Options[i].Chosen = slices.Contains(values, o.Value)
		}
		if len(s.Options) == 0 && len(values) > 0 {
			s.Value = strings.TrimSpace(strings.ReplaceAll(values[0], "\r\n", "\n"))
			values = []string{s.Value}
		}
		values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
		switch {
		case s.Name == webinar.FirstNameField:
			in.FirstName = s.Value
		case s.Name == webinar.LastNameField:
			in.LastName = s.Value
		case s.Name == webinar.AddressField:
			in.Email = s.Value
		case len(values) > 0:
			in.Fields[s.ID] = values
		}
	}
	return in
}

// check marks what is wrong with in by the rules that the control API has too, and reports
// whether nothing is.
func (f *form) check(in client.Register) bool {
	g := &webinar.Registration{}
	for _, c := range f.custom {
		g.Fields = append(g.Fields, webinar.Field{ID: c.ID, Label: c.Label, Type: webinar.FieldType(c.Type), Required: c.Required, Options: c.Options})
	}
	problems := g.CheckAnswers(webinar.Answers{FirstName: in.FirstName, LastName: in.LastName, Email: in.Email, Fields: in.Fields})
	for _, p := range problems {
		f.mark(p.Field, func(s *formField) string { return f.texts.say(f.lang, sentenceOf(p.Code, s)) }, f.texts.say(f.lang, "register.too_long"))
	}
	return len(problems) == 0
}

// mark puts a sentence beside a field, or, where there is none of that ID, above all.
func (f *form) mark(id string, sentence func(*formField) string, general string) {
	i := slices.IndexFunc(f.Fields, func(s *formField) bool { return s.ID == id })
	if i < 0 {
		f.Problem = general
		return
	}
	f.Fields[i].Problem, f.Wrong = sentence(f.Fields[i]), true
}

// sentenceOf is the text for what is wrong with one answer.
func sentenceOf(code string, s *formField) string {
	choice := s.Kind == string(webinar.ChoiceField) || s.Kind == string(webinar.ChoicesField)
	switch {
	case code == webinar.ProblemRequired && s.Kind == string(webinar.CheckboxField):
		return "register.tick"
	case code == webinar.ProblemOption, code == webinar.ProblemRequired && choice:
		return "register.pick"
	case code == webinar.ProblemRequired:
		return "register.needed"
	case code == webinar.ProblemTooLong:
		return "register.too_long"
	case s.Kind == string(webinar.EmailField):
		return "register.bad_email"
	case s.Kind == string(webinar.PhoneField):
		return "register.bad_phone"
	case s.Kind == string(webinar.NumberField):
		return "register.bad_number"
	}
	return "register.bad_text"
}

// refused marks what the control API did not take: the form may have changed since it was
// shown, or somebody has signed up with that address.
func (f *form) refused(p *client.Problem) {
	sentence := f.texts.denial(f.lang, &Refusal{p.Code, p.Detail})
	if p.Code == "already_registered" {
		f.mark(webinar.AddressField, func(*formField) string { return sentence }, sentence)
		return
	}
	f.Problem = sentence
	for _, e := range p.Fields {
		id := strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "fields.")
		f.mark(id, func(*formField) string { return e.Message }, sentence)
	}
}

package webinar

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of what somebody gives when they sign up. All of it has to fit into one
// command, sealed.
const (
	MaxShortAnswer = 500       // characters of a text
	MaxLongAnswer  = 5000      // characters of a long text
	MaxEmail       = 254       // bytes, RFC 5321 section 4.5.3.1.3
	MaxAnswers     = 12 << 10  // bytes of everything, as JSON
	maxProblems    = MaxFields // that one answer names; with more something else is wrong
)

// Answers are what somebody gives when they sign up: the standard fields (S56), and the
// values of the others by their IDs. A checkbox that is ticked has the value "true".
type Answers struct {
	FirstName string
	LastName  string
	Email     string
	Fields    map[string][]string
}

// FieldProblem is what is wrong with one answer. Field is first_name, last_name, email,
// the ID of a field, or empty for all together; Code is stable, Detail is a sentence.
type FieldProblem struct {
	Field  string
	Code   string
	Detail string
}

// The codes of what can be wrong with an answer.
const (
	ProblemRequired = "required"
	ProblemTooLong  = "too_long"
	ProblemTooMany  = "too_many_values"
	ProblemInvalid  = "invalid"       // no e-mail address, no number, characters that no text has ...
	ProblemOption   = "not_an_option" // of a choice
	ProblemUnknown  = "unknown_field"
)

// CheckAnswers returns what is wrong with a: the standard fields first, then the form's
// in its order, then those that it does not have.
func (g *Registration) CheckAnswers(a Answers) []FieldProblem {
	c := &answerCheck{}
	for _, f := range []Field{
		{ID: FirstNameField, Label: "first name", Type: TextField, Required: true},
		{ID: LastNameField, Label: "last name", Type: TextField, Required: true},
		{ID: AddressField, Label: "e-mail address", Type: EmailField, Required: true},
	} {
		c.field(f, []string{a.standard(f.ID)}, MaxText)
	}
	known := make(map[string]bool, len(g.Fields))
	for _, f := range g.Fields {
		known[f.ID] = true
		c.field(f, a.Fields[f.ID], MaxShortAnswer)
	}
	for _, id := range slices.Sorted(maps.Keys(a.Fields)) {
		if !known[id] {
			c.add(shown(id), ProblemUnknown, "This form has no such field.")
		}
	}
	if n := a.size(); n > MaxAnswers {
		c.add("", ProblemTooLong, "This is too much altogether: at most %d bytes.", MaxAnswers)
	}
	return c.problems
}

func (a Answers) standard(id string) string {
	switch id {
	case FirstNameField:
		return a.FirstName
	case LastNameField:
		return a.LastName
	}
	return a.Email
}

// answerCheck gathers problems.
type answerCheck struct{ problems []FieldProblem }

func (c *answerCheck) add(field, code, format string, args ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, FieldProblem{field, code, fmt.Sprintf(format, args...)})
	}
}

// field checks the values of f. An empty value is none.
func (c *answerCheck) field(f Field, values []string, long int) {
	given := make([]string, 0, min(len(values), MaxOptions))
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			given = append(given, v)
		}
		if len(given) > MaxOptions {
			break
		}
	}
	switch {
	case f.Type == CheckboxField:
		c.checkbox(f, given)
	case len(given) == 0 && f.Required:
		c.add(f.ID, ProblemRequired, "This is needed: %s.", f.Label)
	case len(given) > 1 && f.Type != ChoicesField || len(given) > MaxOptions:
		c.add(f.ID, ProblemTooMany, "One answer is enough.")
	case f.Type == ChoiceField || f.Type == ChoicesField:
		c.choices(f, given)
	case len(given) == 1:
		c.text(f, given[0], long)
	}
}

func (c *answerCheck) checkbox(f Field, given []string) {
	switch {
	case len(given) > 1:
		c.add(f.ID, ProblemTooMany, "One answer is enough.")
	case len(given) == 1 && given[0] != "true" && given[0] != "false":
		c.add(f.ID, ProblemInvalid, "A checkbox is true or false.")
	case f.Required && (len(given) == 0 || given[0] != "true"):
		c.add(f.ID, ProblemRequired, "This has to be ticked: %s", f.Label)
	}
}

func (c *answerCheck) choices(f Field, given []string) {
	seen := make(map[string]bool, len(given))
	for _, v := range given {
		if !slices.Contains(f.Options, v) || seen[v] {
			c.add(f.ID, ProblemOption, "This is none of the options, or one of them twice.")
			return
		}
		seen[v] = true
	}
}

func (c *answerCheck) text(f Field, v string, long int) {
	if f.Type == LongTextField {
		long = MaxLongAnswer
	}
	switch {
	case utf8.RuneCountInString(v) > long || f.Type == EmailField && len(v) > MaxEmail:
		c.add(f.ID, ProblemTooLong, "This is too long: at most %d characters.", long)
	case f.Type == LongTextField && !lines(v), f.Type != LongTextField && !oneLine(v, long):
		c.add(f.ID, ProblemInvalid, "This has characters that are no text.")
	case f.Type == EmailField && !ValidEmail(v):
		c.add(f.ID, ProblemInvalid, "This is no e-mail address.")
	case f.Type == PhoneField && !phone(v):
		c.add(f.ID, ProblemInvalid, "This is no phone number: 5 to 15 digits, with or without + and country.")
	case f.Type == NumberField && !number(v):
		c.add(f.ID, ProblemInvalid, "This is no number.")
	}
}

// lines reports whether s is text of any number of lines.
func lines(s string) bool {
	layout := func(r rune) bool { return r != '\n' && r != '\r' && r != '\t' && controls(r) }
	return utf8.ValidString(s) && !strings.ContainsFunc(s, layout)
}

// ValidEmail reports whether s is an address that mail can be sent to: what a browser's
// input of the type email takes (WHATWG HTML 4.10.5.1.5), and letters of other scripts
// (RFC 6531). No quoted local parts, comments, spaces or line breaks: nothing of it can
// be taken for a header or an option.
func ValidEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > MaxEmail || len(local) > 64 || local == "" || !utf8.ValidString(s) {
		return false
	}
	foreign := func(r rune) bool {
		return !letter(r) && !strings.ContainsRune("0123456789.!#$%&'*+/=?^_`{|}~-", r)
	}
	if strings.ContainsFunc(local, foreign) || local[0] == '-' {
		return false
	}
	for _, label := range strings.Split(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool { return !letter(r) && !unicode.IsDigit(r) && r != '-' }) {
			return false
		}
	}
	return true
}

// letter reports whether r is a letter of any script, or a mark on one.
func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) }

// phone reports whether s could be dialled: 5 to 15 digits (ITU-T E.164), grouped as
// people do, and maybe an extension.
func phone(s string) bool {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	digits := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune(" -./()x#", r):
			return false
		}
	}
	return digits >= 5 && digits <= 15+6 && len(s) <= 40
}

// number reports whether s is a finite decimal number.
func number(s string) bool {
	s = strings.TrimSpace(s)
	if len(s) > 40 || strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789+-.eE", r) }) {
		return false
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && !math.IsInf(f, 0)
}

// size is about how many bytes a takes as JSON that is safe in a page, where < and &
// take six.
func (a Answers) size() int {
	n := jsonSize(a.FirstName) + jsonSize(a.LastName) + jsonSize(a.Email)
	for id, values := range a.Fields {
		n += jsonSize(id) + 3
		for _, v := range values {
			n += jsonSize(v) + 1
		}
	}
	return n
}

func jsonSize(s string) int {
	n := len(s) + 2
	for i := range len(s) {
		switch c := s[i]; {
		case c == '<' || c == '>' || c == '&' || c < ' ':
			n += 5
		case c == '"' || c == '\\':
			n++
		}
	}
	return n
}

// shown is an ID that somebody sent, fit to be sent back.
func shown(id string) string {
	if oneLine(id, maxFieldID) {
		return id
	}
	return "?"
}

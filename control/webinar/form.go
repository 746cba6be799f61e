package webinar

import (
	"fmt"
	"strings"
)

// The bounds of a registration form. Fifty fields are more than anybody fills in.
const (
	MaxFields  = 50
	MaxOptions = 100
	MaxLabel   = 500 // characters; a consent is a sentence or two
	maxFieldID = 64
)

// Known reports whether t is one of the types of fields.
func (t FieldType) Known() bool {
	switch t {
	case TextField, LongTextField, EmailField, PhoneField, NumberField, ChoiceField, ChoicesField, CheckboxField:
		return true
	}
	return false
}

// The IDs of the fields that every form has (S56).
const (
	FirstNameField = "first_name"
	LastNameField  = "last_name"
	AddressField   = "email"
)

// Check returns nil if g can be a webinar's registration, and a [*Denial] that names
// what is wrong. [Registration.CheckMode] is about what the webinar's mode has room for.
func (g *Registration) Check() error {
	if err := g.checkWindow(); err != nil {
		return err
	}
	if g.Maximum < 0 || g.Maximum > maxRegistrantsRoleBased {
		return invalid("registration_maximum", "The maximum of registrants is at most %d; 0 is as many as the mode has room for.", maxRegistrantsRoleBased)
	}
	if len(g.Fields) > MaxFields {
		return invalid("registration_fields", "A form has at most %d fields.", MaxFields)
	}
	ids := map[string]bool{FirstNameField: true, LastNameField: true, AddressField: true}
	for i := range g.Fields {
		f := &g.Fields[i]
		if err := f.check(); err != nil {
			return err
		}
		if ids[f.ID] {
			return invalid("field_id", "There are two fields with the ID %s. First name, last name and e-mail are in every form.", f.ID)
		}
		ids[f.ID] = true
	}
	return nil
}

// CheckMode returns nil if a webinar of that mode has room for g's maximum (S52).
func (g *Registration) CheckMode(m Mode) error {
	if g.Maximum > m.MaxRegistrants() {
		return invalid("registration_maximum", "A webinar in the mode %s has at most %d registrants, and the registration's maximum is %d: change one of them.",
			m, m.MaxRegistrants(), g.Maximum)
	}
	return nil
}

func (g *Registration) checkWindow() error {
	switch {
	case g.Window != "" && !g.Window.Known():
		return invalid("registration_window", "A registration is open until the start, until the end, in an interval, or always.")
	case g.Window != Interval && !(g.Opens.IsZero() && g.Closes.IsZero()):
		return invalid("registration_window", "Only a registration with the window interval has times at which it opens and closes: set that window, or take the times out.")
	case g.Window == Interval && g.Opens.IsZero() && g.Closes.IsZero():
		return invalid("registration_window", "A registration with the window interval needs a time at which it opens, or one at which it closes.")
	case g.Window == Interval && !g.Opens.IsZero() && !g.Closes.IsZero() && !g.Opens.Before(g.Closes):
		return invalid("registration_window", "A registration opens before it closes.")
	}
	return nil
}

// check is Check for one field, but for what others have.
func (f *Field) check() error {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	switch {
	case f.ID == "" || len(f.ID) > maxFieldID || strings.ContainsFunc(f.ID, bad):
		return invalid("field_id", "A field's ID has 1 to %d letters, digits, _ and -.", maxFieldID)
	case strings.TrimSpace(f.Label) == "" || !oneLine(f.Label, MaxLabel):
		return invalid("field_label", "The field %s needs a label of at most %d characters, on one line.", f.ID, MaxLabel)
	case !f.Type.Known():
		return invalid("field_type", "The field %s is of no type that there is: text, long_text, email, phone, number, choice, choices or checkbox.", f.ID)
	}
	return f.checkOptions()
}

func (f *Field) checkOptions() error {
	if f.Type != ChoiceField && f.Type != ChoicesField {
		if len(f.Options) > 0 {
			return invalid("field_options", "The field %s is a %s, and has options: only choice and choices have those.", f.ID, f.Type)
		}
		return nil
	}
	if len(f.Options) == 0 || len(f.Options) > MaxOptions {
		return invalid("field_options", "The field %s needs 1 to %d options.", f.ID, MaxOptions)
	}
	seen := make(map[string]bool, len(f.Options))
	for _, o := range f.Options {
		if o == "" || o != strings.TrimSpace(o) || !oneLine(o, MaxText) {
			return invalid("field_options", "An option of the field %s is empty, has more than %d characters, or more than one line.", f.ID, MaxText)
		}
		if seen[o] {
			return invalid("field_options", "The field %s has the same option twice.", f.ID)
		}
		seen[o] = true
	}
	return nil
}

// invalid is a denial with the code invalid_<what>.
func invalid(what, format string, args ...any) error {
	return &Denial{"invalid_" + what, fmt.Sprintf(format, args...)}
}

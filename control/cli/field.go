package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"stentor/control/client"
)

// fieldTypes are the inputs that a registration form can have.
var fieldTypes = []string{"text", "long_text", "email", "phone", "number", "choice", "choices", "checkbox"}

// parseFields reads the inputs of a form: LABEL[*][=TYPE[:OPTION|OPTION...]]. The
// star makes an input required; the type is text unless given.
func parseFields(texts []string) ([]client.Field, error) {
	fields := make([]client.Field, len(texts))
	ids := map[string]bool{}
	for i, text := range texts {
		f, err := parseField(text)
		if err != nil {
			return nil, err
		}
		id := f.ID
		for n := 2; ids[f.ID]; n++ {
			f.ID = fmt.Sprintf("%s_%d", id, n)
		}
		ids[f.ID] = true
		fields[i] = f
	}
	return fields, nil
}

func parseField(text string) (client.Field, error) {
	wrong := func(why string, values ...any) (client.Field, error) {
		return client.Field{}, Usage(fmt.Errorf("--field %q: %s", text, fmt.Sprintf(why, values...)))
	}
	label, kind, _ := strings.Cut(text, "=")
	kind, options, _ := strings.Cut(kind, ":")
	f := client.Field{Type: first(strings.TrimSpace(kind), "text")}
	f.Label, f.Required = strings.CutSuffix(strings.TrimSpace(label), "*")
	f.Label = strings.TrimSpace(f.Label)
	if !slices.Contains(fieldTypes, f.Type) {
		_, err := wrong("%q is no type of an input; there are %s", f.Type, strings.Join(fieldTypes, ", "))
		return client.Field{}, Hint(err, DidYouMean(f.Type, fieldTypes))
	}
	for o := range strings.SplitSeq(options, "|") {
		if o = strings.TrimSpace(o); o != "" {
			f.Options = append(f.Options, o)
		}
	}
	chosen := f.Type == "choice" || f.Type == "choices"
	switch {
	case f.Label == "":
		return wrong("it has no label; write 'Company' or 'Job=choice:Engineer|Manager'")
	case chosen && len(f.Options) == 0:
		return wrong("between what? write 'Job=%s:Engineer|Manager'", f.Type)
	case !chosen && len(f.Options) > 0:
		return wrong("options are of choice and choices, and this is %s", f.Type)
	}
	f.ID = idOf(f.Label)
	return f, nil
}

// idOf returns the name by which answers name an input with that label.
func idOf(label string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(label)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.IsMark(r):
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		if b.Len() >= 40 {
			break
		}
	}
	return first(strings.Trim(b.String(), "_"), "field")
}

func fieldText(f client.Field) string {
	text := f.Label + " (" + f.Type
	if f.Required {
		text += ", required"
	}
	if len(f.Options) > 0 {
		text += ": " + strings.Join(f.Options, ", ")
	}
	return text + ")"
}

package webinar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// form is a registration with a field of each type.
func form() *Registration {
	return &Registration{Window: Always, Fields: []Field{
		{ID: "company", Label: "Company", Type: TextField, Required: true},
		{ID: "why", Label: "Why do you come?", Type: LongTextField},
		{ID: "other", Label: "Another address", Type: EmailField},
		{ID: "phone", Label: "Phone", Type: PhoneField},
		{ID: "people", Label: "How many are you?", Type: NumberField},
		{ID: "size", Label: "Size", Type: ChoiceField, Required: true, Options: []string{"small", "large"}},
		{ID: "topics", Label: "Topics", Type: ChoicesField, Options: []string{"video", "audio", "chat"}},
		{ID: "terms", Label: "I agree.", Type: CheckboxField, Required: true},
	}}
}

func TestS54AFormIsChecked(t *testing.T) {
	many := make([]Field, MaxFields+1)
	for i := range many {
		many[i] = Field{ID: fmt.Sprint("f", i), Label: "A field", Type: TextField}
	}
	options := make([]string, MaxOptions+1)
	for i := range options {
		options[i] = fmt.Sprint("option ", i)
	}
	one := func(f Field) Registration { return Registration{Fields: []Field{f}} }
	text := func(change func(*Field)) Registration {
		f := Field{ID: "company", Label: "Company", Type: TextField}
		change(&f)
		return one(f)
	}
	choice := func(options ...string) Registration {
		return one(Field{ID: "size", Label: "Size", Type: ChoiceField, Options: options})
	}
	tests := []struct {
		name string
		g    Registration
		code string // empty: it is right
	}{
		{"S54 a field of each type", *form(), ""},
		{"S54 fifty fields", Registration{Fields: many[:MaxFields]}, ""},
		{"S54 fifty-one are too many", Registration{Fields: many}, "invalid_registration_fields"},
		{"S54 a field without ID", text(func(f *Field) { f.ID = "" }), "invalid_field_id"},
		{"S54 an ID of 64 letters", text(func(f *Field) { f.ID = strings.Repeat("a", 64) }), ""},
		{"S54 an ID of all that there is", text(func(f *Field) { f.ID = "azAZ09_-" }), ""},
		{"S54 an ID of other letters", text(func(f *Field) { f.ID = "größe" }), "invalid_field_id"},
		{"S54 an ID of 65 letters", text(func(f *Field) { f.ID = strings.Repeat("a", 65) }), "invalid_field_id"},
		{"S54 an ID with a space", text(func(f *Field) { f.ID = "my company" }), "invalid_field_id"},
		{"S54 an ID that is a formula", text(func(f *Field) { f.ID = "=1" }), "invalid_field_id"},
		{"S54 the same ID twice", Registration{Fields: []Field{many[0], many[0]}}, "invalid_field_id"},
		{"S56 a field with the ID of one that every form has", text(func(f *Field) { f.ID = "email" }), "invalid_field_id"},
		{"S54 a field without label", text(func(f *Field) { f.Label = "  " }), "invalid_field_label"},
		{"S54 a label with markup is a label", text(func(f *Field) { f.Label = "<img src=x onerror=alert(1)>" }), ""},
		{"S54 a label of 501 characters", text(func(f *Field) { f.Label = strings.Repeat("ü", 501) }), "invalid_field_label"},
		{"S54 a label of two lines", text(func(f *Field) { f.Label = "a\nb" }), "invalid_field_label"},
		{"S54 a label that runs backwards", text(func(f *Field) { f.Label = "a\u202eb" }), "invalid_field_label"},
		{"S54 a type that there is not", text(func(f *Field) { f.Type = "colour" }), "invalid_field_type"},
		{"S54 no type", text(func(f *Field) { f.Type = "" }), "invalid_field_type"},
		{"S54 a text with options", text(func(f *Field) { f.Options = []string{"a"} }), "invalid_field_options"},
		{"S54 a choice without options", choice(), "invalid_field_options"},
		{"S54 a choice with one", choice("only"), ""},
		{"S54 a hundred options", choice(options[:MaxOptions]...), ""},
		{"S54 a hundred and one", choice(options...), "invalid_field_options"},
		{"S54 the same option twice", choice("a", "a"), "invalid_field_options"},
		{"S54 an empty option", choice("a", ""), "invalid_field_options"},
		{"S54 an option with a space before it", choice(" a"), "invalid_field_options"},
		{"S54 an option of 201 characters", choice(strings.Repeat("a", 201)), "invalid_field_options"},
		{"S51 a maximum below zero", Registration{Maximum: -1}, "invalid_registration_maximum"},
		{"S52 the largest maximum", Registration{Maximum: 100_000}, ""},
		{"S52 a larger one", Registration{Maximum: 100_001}, "invalid_registration_maximum"},
		{"S47 until the start", Registration{Window: UntilStart}, ""},
		{"S48 until the end, without a word", Registration{}, ""},
		{"S49 an interval", Registration{Window: Interval, Opens: start, Closes: start.Add(1)}, ""},
		{"S49 an interval of no length", Registration{Window: Interval, Opens: start, Closes: start}, "invalid_registration_window"},
		{"S49 an interval that ends before it begins", Registration{Window: Interval, Opens: start, Closes: start.Add(-1)}, "invalid_registration_window"},
		{"S49 an interval without times", Registration{Window: Interval}, "invalid_registration_window"},
		{"S49 times without an interval", Registration{Window: UntilEnd, Closes: start}, "invalid_registration_window"},
		{"S50 a window that there is not", Registration{Window: "sometimes"}, "invalid_registration_window"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.g.Check()
			readable(t, err)
			if want := (&Denial{Code: tt.code}); tt.code == "" && err != nil || tt.code != "" && !errors.Is(err, want) {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
}

// answer is a right answer to form, with changes.
func answer(change func(*Answers)) Answers {
	a := Answers{FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.com", Fields: map[string][]string{
		"company": {"Analytical Engines"}, "why": {"To see it.\nAnd to hear it."}, "other": {"ada@example.org"}, "phone": {"+44 20 7946 0000"},
		"people": {"-1.5e3"}, "size": {"small"}, "topics": {"chat", "video"}, "terms": {"true"},
	}}
	if change != nil {
		change(&a)
	}
	return a
}

func TestS55WhatSomebodyGivesIsChecked(t *testing.T) {
	set := func(id string, values ...string) func(*Answers) {
		return func(a *Answers) { a.Fields[id] = values }
	}
	tests := []struct {
		name   string
		change func(*Answers)
		want   []string // "field code"
	}{
		{"S54 all of it right", nil, nil},
		{"S54 what is not required may be left out", func(a *Answers) {
			a.Fields = map[string][]string{"company": {"A"}, "size": {"large"}, "terms": {"true"}}
		}, nil},
		{"S54 or left empty", set("why", ""), nil},
		{"S55 what is required may not", func(a *Answers) { a.Fields = nil }, []string{"company required", "size required", "terms required"}},
		{"S55 nor be nothing but spaces", set("company", "  \t"), []string{"company required"}},
		{"S56 first name, last name and e-mail are required", func(a *Answers) { a.FirstName, a.LastName, a.Email = "", " ", "" },
			[]string{"first_name required", "last_name required", "email required"}},
		{"S56 a first name of 200 characters", func(a *Answers) { a.FirstName = strings.Repeat("ü", 200) }, nil},
		{"S56 a first name of 201", func(a *Answers) { a.FirstName = strings.Repeat("ü", 201) }, []string{"first_name too_long"}},
		{"S56 a last name of two lines", func(a *Answers) { a.LastName = "Love\nlace" }, []string{"last_name invalid"}},
		{"S56 an e-mail address that is none", func(a *Answers) { a.Email = "ada" }, []string{"email invalid"}},
		{"S56 an e-mail address with a header after it", func(a *Answers) { a.Email = "ada@example.com\r\nBcc: all@example.com" }, []string{"email invalid"}},
		{"S56 an e-mail address of 255 bytes", func(a *Answers) { a.Email = "a@" + strings.Repeat("b.", 126) + "c" }, []string{"email too_long"}},
		{"S54 text with markup is text", set("company", "<script>alert(1)</script>"), nil},
		{"S54 text that a spreadsheet would run is text", set("company", "=cmd|' /C calc'!A0"), nil},
		{"S54 a text of two lines", set("company", "a\nb"), []string{"company invalid"}},
		{"S54 a text of 501 characters", set("company", strings.Repeat("a", 501)), []string{"company too_long"}},
		{"S54 a text that is none", set("company", "\xff"), []string{"company invalid"}},
		{"S54 a long text of 5000 characters", set("why", strings.Repeat("a", 5000)), nil},
		{"S54 a long text of 5001", set("why", strings.Repeat("a", 5001)), []string{"why too_long"}},
		{"S54 a long text with a bell", set("why", "a\a"), []string{"why invalid"}},
		{"S54 another address that is none", set("other", "@"), []string{"other invalid"}},
		{"S54 a phone number that is none", set("phone", "call me"), []string{"phone invalid"}},
		{"S54 a number that is none", set("people", "NaN"), []string{"people invalid"}},
		{"S54 a number that is infinite", set("people", "1e999"), []string{"people invalid"}},
		{"S54 two answers where there is one", set("people", "1", "2"), []string{"people too_many_values"}},
		{"S54 a choice of what is not there", set("size", "medium"), []string{"size not_an_option"}},
		{"S54 two of a choice", set("size", "small", "large"), []string{"size too_many_values"}},
		{"S54 the choice of an empty option", set("size", ""), []string{"size required"}},
		{"S54 any of a multiple choice", set("topics", "audio", "video", "chat"), nil},
		{"S54 one of them twice", set("topics", "audio", "audio"), []string{"topics not_an_option"}},
		{"S54 a hundred thousand of them", set("topics", slices.Repeat([]string{"audio"}, 100_000)...), []string{"topics too_many_values", " too_long"}},
		{"S55 a consent that is not ticked", set("terms", "false"), []string{"terms required"}},
		{"S54 a checkbox that is neither", set("terms", "perhaps"), []string{"terms invalid"}},
		{"S54 a checkbox that is both", set("terms", "true", "false"), []string{"terms too_many_values"}},
		{"S54 a field that the form does not have", set("shoe", "44"), []string{"shoe unknown_field"}},
		{"S54 fields that the form does not have are not sent back as they are", set("a\x00b", "44"), []string{"? unknown_field"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range form().CheckAnswers(answer(tt.change)) {
				got = append(got, p.Field+" "+p.Code)
				if p.Detail == "" {
					t.Errorf("%s %s says nothing", p.Field, p.Code)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestS57WhatIsKeptIsBounded(t *testing.T) {
	g := &Registration{}
	a := answer(nil)
	a.Fields = map[string][]string{}
	for i := range MaxFields {
		id := fmt.Sprint("f", i)
		g.Fields = append(g.Fields, Field{ID: id, Label: id, Type: LongTextField})
		a.Fields[id] = []string{strings.Repeat("<", 200)}
	}
	problems := g.CheckAnswers(a)
	if len(problems) != 1 || problems[0].Code != ProblemTooLong || problems[0].Field != "" {
		t.Errorf("S57 fifty texts that are each right, and too much together: %+v", problems)
	}
	for i := range 10_000 {
		a.Fields[fmt.Sprint("unknown", i)] = nil
	}
	if got := len(g.CheckAnswers(a)); got > MaxFields {
		t.Errorf("S57 an answer names %d problems", got)
	}
}

func TestS56AnEmailAddressCanBeSentTo(t *testing.T) {
	for address, want := range map[string]bool{
		"ada@example.com": true, "a@b": true, "ada+webinar@example.co.uk": true, "o'brien@example.ie": true, "ада@пример.рф": true,
		"name@xn--80akhbyknj4f.com": true, "1@2.3": true, "a.b-c_d@e-f.gh": true, "نام@مثال.إختبار": true, "हिन्दी@उदाहरण.भारत": true,
		"": false, "ada": false, "@example.com": false, "ada@": false, "ada@@example.com": false, "ada@example..com": false, "ada@.com": false,
		"ada@example.com.": false, "a da@example.com": false, "ada@exa mple.com": false, "ada@-example.com": false, "ada@example-.com": false,
		"\"a b\"@example.com": false, "ada@[127.0.0.1]": false, "ada@example.com\n": false, "<ada@example.com>": false, "ada,bo@example.com": false,
		"-oQ/tmp@example.com": false, "ada@exam\u202eple.com": false, "ada@example.com,bo@example.com": false, "a\x00@b": false, "ada@exa\xffmple": false,
		strings.Repeat("a", 64) + "@example.com": true, strings.Repeat("a", 65) + "@example.com": false, "a@" + strings.Repeat("b", 64): false,
	} {
		if got := ValidEmail(address); got != want {
			t.Errorf("ValidEmail(%q) is %t", address, got)
		}
	}
}

func TestS54PhonesAndNumbers(t *testing.T) {
	for s, want := range map[string]bool{
		"+49 (0)30 123456": true, "110 20": true, "0301234567": true, "+1-202-555-0172 x12": true, "1234": false, "": false, "++4930123456": false,
		"12345678901234567890123": false, "+49 30 ABCDEF": false, strings.Repeat(" ", 40) + "12345": true, strings.Repeat("1-", 40): false,
	} {
		if got := phone(s); got != want {
			t.Errorf("phone(%q) is %t", s, got)
		}
	}
	for s, want := range map[string]bool{
		"0": true, "-1": true, "+1.5": true, "1e3": true, ".5": true, "": false, "1,5": false, "0x10": false, "Inf": false, "NaN": false, "1_000": false,
		"1e400": false, "--1": false, "1 000": false, strings.Repeat("1", 41): false,
	} {
		if got := number(s); got != want {
			t.Errorf("number(%q) is %t", s, got)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add("Ada", "Lovelace", "ada@example.com", "company", "A", "size", "small")
	f.Add("", "\xff", "a@", "terms", "true", "topics", "audio")
	f.Add("<b>", "=1+1", "-x@y", "", "\x00", "first_name", "x")
	f.Fuzz(func(t *testing.T, first, last, email, id, value, id2, value2 string) {
		a := answer(func(a *Answers) {
			a.FirstName, a.LastName, a.Email = first, last, email
			a.Fields[id], a.Fields[id2] = []string{value}, []string{value2, value}
		})
		g := form()
		for _, p := range g.CheckAnswers(a) {
			if p.Code == "" || !oneLine(p.Field, maxFieldID) || !oneLine(p.Detail, MaxLabel) {
				t.Fatalf("a problem that cannot be shown: %+v", p)
			}
		}
		if problems := g.CheckAnswers(a); len(problems) == 0 {
			if a.size() > MaxAnswers || !oneLine(first, MaxText) || !ValidEmail(email) || strings.ContainsAny(email, " \r\n<>,;\"") {
				t.Fatalf("kept: %+v", a)
			}
			if again := g.CheckAnswers(a); len(again) != 0 {
				t.Fatalf("not the same twice: %+v", again)
			}
		}
	})
}

func FuzzForm(f *testing.F) {
	f.Add("company", "Company", "text", "", "", 10, int64(0), int64(0), "always")
	f.Add("size", "Size", "choice", "a", "b", 0, int64(5), int64(9), "interval")
	f.Fuzz(func(t *testing.T, id, label, kind, one, two string, maximum int, opens, closes int64, window string) {
		g := &Registration{Window: Window(window), Maximum: maximum, Fields: []Field{
			{ID: id, Label: label, Type: FieldType(kind), Options: []string{one, two}},
			{ID: id + "2", Label: label, Type: FieldType(kind), Required: true},
		}}
		if opens != 0 {
			g.Opens = start.Add(1).Add(-1).AddDate(0, 0, int(opens%1000))
		}
		if closes != 0 {
			g.Closes = start.AddDate(0, 0, int(closes%1000))
		}
		err := g.Check()
		readable(t, err)
		if err == nil && (g.Fields[0].ID == g.Fields[1].ID || !g.Fields[0].Type.Known() || g.Maximum < 0 || one == two && one != "") {
			t.Fatalf("a form that is none: %+v", g)
		}
		g.CheckAnswers(answer(nil)) // whatever the form is, an answer to it is safe
	})
}

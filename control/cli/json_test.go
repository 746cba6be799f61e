package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
)

// printed is what each command prints with --json. The names of the fields are
// part of the command line: they stay.
var printed = map[string]any{
	"webinar create": client.Webinar{}, "webinar show": client.Webinar{}, "webinar edit": client.Webinar{}, "webinar end": client.Webinar{}, "webinar link": client.Webinar{},
	"webinar list":     client.Webinars{},
	"registration set": client.Registration{}, "registration show": client.Registration{}, "registration open": client.Registration{}, "registration close": client.Registration{},
	"registration off": nil, "registration list": client.Registrants{},
	"registration approve": client.DecidedRegistrants{}, "registration decline": client.DecidedRegistrants{}, "registration cancel": client.DecidedRegistrants{},
	"pin set": client.PIN{}, "pin generate": client.PIN{}, "pin clear": nil,
	"invite create": client.Invite{}, "invite batch": client.CreatedInvites{}, "invite list": client.Invites{}, "invite revoke": nil,
	"participant list": client.Participants{}, "participant disconnect": client.Disconnected{}, "participant unconnected": client.UnconnectedList{}, "participant reinvite": client.Reinvited{},
	"participant stop-audio": client.EditedParticipant{}, "participant allow-audio": client.EditedParticipant{}, "participant stop-video": client.EditedParticipant{},
	"participant allow-video": client.EditedParticipant{}, "participant stop-messages": client.EditedParticipant{}, "participant allow-messages": client.EditedParticipant{},
	"participant stage": client.EditedParticipant{}, "participant unstage": client.EditedParticipant{}, "participant role": client.EditedParticipant{}, "participant hand-down": client.EditedParticipant{},
	"lobby list": client.Lobby{}, "lobby admit": client.Admitted{},
	"recording start": client.Webinar{}, "recording stop": client.Webinar{}, "recording list": client.Recordings{},
	"ban list": client.Bans{}, "ban lift": nil,
	"attendance list": client.AttendanceList{},
	"audit list":      client.Audit{}, "audit verify": Verified{}, "audit undo": client.Undone{},
	"watch":          client.Event{},
	"webhook create": client.Webhook{}, "webhook list": client.Webhooks{}, "webhook delete": nil,
	"account create": client.Account{}, "account edit": client.Account{}, "account password": client.Account{}, "account list": client.Accounts{}, "account delete": nil,
	"token create": client.Token{}, "token list": client.Tokens{}, "token revoke": nil,
	"join-token create": client.JoinToken{},
	"node rotate-key":   client.GossipKey{}, "node remove": nil, "drain": nil, "caption": nil,
	"status": client.Status{},
}

// noJSON are the commands that print something else.
var noJSON = []string{"registration export", "attendance export", "chat export", "recording download", "completion"}

// TestJSONIsDocumented holds JSON.md to the types: a field that is renamed fails
// here, before it fails in somebody's script. Write it anew with -update.
func TestJSONIsDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# What the commands print with --json

Each command prints one JSON value, and ` + "`watch`" + ` one a line. Several participants in one command are several values. The names below stay; new ones may come.
A list whose ` + "`next`" + ` is there goes on: ` + "`--limit`" + ` shows more. Times are RFC 3339. A field marked with ? may be absent. Commands that are not here print nothing.

`)
	for _, p := range treeOf(model(t), "") {
		if len(p.commands) > 0 {
			continue
		}
		value, known := printed[p.path]
		if !known && !slices.Contains(noJSON, p.path) {
			t.Errorf("nobody says what %q prints", p.path)
		}
		if value != nil {
			fmt.Fprintf(&b, "- `stentor %s`: [%s](#%s)\n", p.path, typeName(reflect.TypeOf(value)), strings.ToLower(typeName(reflect.TypeOf(value))))
		}
	}
	types := map[string]reflect.Type{}
	for _, v := range printed {
		if v != nil {
			collect(types, reflect.TypeOf(v))
		}
	}
	var names []string
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "\n## %s\n\n| field | type | |\n|---|---|---|\n", name)
		for f := range types[name].Fields() {
			field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if strings.Contains(options, "omitempty") {
				field += "?"
			}
			doc := f.Tag.Get("doc")
			if e := f.Tag.Get("enum"); e != "" {
				doc = strings.TrimSpace(doc + " One of " + strings.ReplaceAll(strings.TrimPrefix(e, ","), ",", ", ") + ".")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", field, kindOf(f.Type), doc)
		}
	}
	if *update {
		if err := os.WriteFile("JSON.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile("JSON.md"); err != nil || string(text) != b.String() {
		t.Errorf("JSON.md is not what the commands print (%v): go test ./control/cli -run JSON -update, if that is meant", err)
	}
}

func typeName(t reflect.Type) string { return t.Name() }

// collect finds t and the types inside of it.
func collect(types map[string]reflect.Type, t reflect.Type) {
	switch {
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		if t != reflect.TypeFor[json.RawMessage]() {
			collect(types, t.Elem())
		}
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]():
		if types[typeName(t)] != nil {
			return
		}
		types[typeName(t)] = t
		for f := range t.Fields() {
			collect(types, f.Type)
		}
	}
}

// kindOf names a type as JSON knows it.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[json.RawMessage]():
		return "object"
	case t.Kind() == reflect.Pointer:
		return kindOf(t.Elem())
	case t.Kind() == reflect.Slice:
		return "list of " + kindOf(t.Elem())
	case t.Kind() == reflect.Map:
		return "object of " + kindOf(t.Elem())
	case t.Kind() == reflect.Struct:
		return fmt.Sprintf("[%s](#%s)", typeName(t), strings.ToLower(typeName(t)))
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "number"
}

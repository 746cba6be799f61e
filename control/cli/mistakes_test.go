package cli

import (
	"strings"
	"testing"

	"stentor/control/client"
)

// TestMistakesSayWhatToDo holds what is said about command lines that cannot be
// meant so. None of them reaches a change.
func TestMistakesSayWhatToDo(t *testing.T) {
	for _, c := range []struct{ args, stdin, want string }{
		{"webinar create x --start 12/01/2026_18:00", "", `--start: "12/01/2026 18:00" can be read in two ways; write the day as 2026-12-31`},
		{"webinar create x --start soon", "", `--start: "soon" is no time that is understood`},
		{"webinar create x --start 2026-12-01", "", "--start: at what time? write 2026-12-01 18:00"},
		{"webinar create x --start 2027-03-28_02:30 --zone Europe/Berlin", "", "is not on any clock of Europe/Berlin"},
		{"webinar create x --start tomorrow_18:00 --zone Berlin", "", `--zone: "Berlin" is no time zone`},
		{"webinar create x --start tomorrow_18:00 --zone Local", "", `--zone: "Local" is no time zone`},
		{"webinar create x --start tomorrow_18:00 --duration 90", "", "90 of what? write 90m, 90h or 90d"},
		{"webinar create x --start tomorrow_18:00 --duration 30s", "", "--duration has to be at least a minute"},
		{"webinar create x --start tomorrow_18:00 --every weekyl", "", `did you mean "weekly"?`},
		{"webinar create x --every weekly", "", "--duration, --zone and --every need --start"},
		{"webinar create x --deny adio", "", `did you mean "audio"?`},
		{"webinar create x --deny audio --allow audio", "", "--allow and --deny exclude each other for audio"},
		{"webinar create x --retention 36h", "", "--retention counts days, and 1d12h is no number of them"},
		{"webinar create x --ceiling guest=720p", "", `--ceiling: "guest=720p" is no bound`},
		{"webinar create x --ceiling attendee", "", "is no bound"},
		{"webinar create x --ceiling attendee=hd", "", "is no bound"},
		{"webinar create x --ceiling attendee=0p", "", "is no bound"},
		{"webinar create x --lobby some", "", `--lobby must be one of "off","guests","everyone"`},
		{"webinar edit w-1", "", "nothing is to be changed"},
		{"webinar edit w-1 --no-schedule --start tomorrow_18:00", "", "exclude each other"},
		{"webinar list --json --quiet", "", "--json and --quiet exclude each other"},
		{"registration set w-1 --window start --opens tomorrow_18:00", "", "--opens and --closes are of an interval, and --window is start"},
		{"registration set w-2 --window interval", "", "an interval needs --opens, --closes or both"},
		{"registration set w-1 --field Job=chioce:A|B", "", `did you mean "choice"?`},
		{"registration set w-1 --field Job=choice", "", "between what?"},
		{"registration set w-1 --field Job=text:A|B", "", "options are of choice and choices, and this is text"},
		{"registration set w-1 --field =text", "", "it has no label"},
		{"registration set w-1 --field A --no-fields", "", "exclude each other"},
		{"registration approve w-1", "", "no registrants are given"},
		{"registration approve w-1 r-1 --all", "", "--all and ids of registrants exclude each other"},
		{"registration cancel w-1 --all", "", "unknown flag --all"},
		{"registration export w-1 --json", "", "a table is CSV, not JSON"},
		{"registration export w-1 --out /nowhere/x.csv", "", "--out: "},
		{"participant disconnect w-1 p-1 --network", "", "--network goes with --ban alone"},
		{"participant role w-1 p-1 owner", "", `must be one of "moderator"`},
		{"participant stop-audio w-1", "", "expected \"<participant> ...\""},
		{"lobby admit w-1", "", "stentor lobby list w-1 shows who waits"},
		{"lobby admit w-1 p-1 --all", "", "exclude each other"},
		{"invite create w-1 Ada --mail", "", "--mail needs an e-mail address"},
		{"invite batch w-1", "", "nobody is on the list"},
		{"invite batch w-1", "Ada,ada@example.org,presentre\n", "line 1: \"presentre\" is no role"},
		{"invite batch w-1", "Ada\n,bob@example.org\n", "line 2 has no name"},
		{"invite batch w-1", "Ada,Lovelace\n", "line 1: \"Lovelace\" is no e-mail address"},
		{"invite batch w-1", "Ada,a@b,presenter,x\n", "line 1 has 4 columns"},
		{"invite batch w-1", "\"Ada\n", "line 1"},
		{"invite batch w-1 --mail", "Ada\n", "\"Ada\": --mail needs an e-mail address"},
		{"invite batch w-1 /nowhere", "", "no such file"},
		{"account create ada --issuer https://x", "", "--issuer and --subject go together"},
		{"account create ada --password-file /nowhere", "", "--password-file: open /nowhere"},
		{"account create ada", "", "nothing came in on standard input"},
		{"account create ada secret", "secret\n", "unexpected argument secret"},
		{"account edit a-1", "", "nothing is to be changed"},
		{"token revoke sta~secret", "", "that is a token, and its id is expected"},
		{"token create x --ttl 5_years", "", "is no length of time"},
		{"node remove n4", "", "say --yes if that is meant"},
		{"watch w-1 --after x", "", `--after: "x" is no index`},
		{"completion tcsh", "", `must be one of "bash","zsh","fish"`},
		{"audit undo w-1 nine", "", "expected a valid 64 bit uint"},
	} {
		t.Run(c.args, func(t *testing.T) {
			s := newServer(t, answers())
			stdout, stderr, status := s.run(t, call{args: c.args, stdin: c.stdin})
			if status != 2 || stdout != "" || !strings.Contains(stderr, c.want) || !strings.HasPrefix(stderr, "stentor: ") {
				t.Errorf("exit status %d, %q, %q, want %q", status, stdout, stderr, c.want)
			}
			for _, asked := range s.asked {
				if !strings.HasPrefix(asked, "GET ") {
					t.Errorf("it reached %s", asked)
				}
			}
		})
	}
}

func TestBusyServersSayWhen(t *testing.T) {
	s := newServer(t, map[string]answer{"GET /api/v1/status": {429, &client.Problem{Code: "too_many_requests", Status: 429, Detail: "That was too much."}}})
	_, stderr, status := s.run(t, call{args: "status"})
	if want := "stentor: That was too much.\nstentor: hint: wait a moment, then repeat it\n"; stderr != want || status != 1 {
		t.Errorf("exit status %d: %q, want %q", status, stderr, want)
	}
}

func TestABatchThatIsCut(t *testing.T) {
	var list strings.Builder
	for range 501 {
		list.WriteString("Ada\n")
	}
	full := client.CreatedInvites{Items: make([]client.Invite, 500)}
	s := newServer(t, map[string]answer{"POST /api/v1/webinars/w-1/invites/batch": {201, full}})
	s.refuseAfter = 1
	stdout, stderr, status := s.run(t, call{args: "invite batch w-1", stdin: list.String()})
	if status != 1 || strings.Count(stdout, "\n") != 501 || !strings.Contains(stderr, "the first 500 of 501 were made") {
		t.Errorf("exit status %d, %d lines, %s", status, strings.Count(stdout, "\n"), stderr)
	}
}

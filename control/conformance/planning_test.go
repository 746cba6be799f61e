package conformance

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// plan is a log of one webinar, w_1 of account:host.
type plan struct {
	t     *testing.T
	s     *control.State
	index uint64
}

func newPlan(t *testing.T, settings *controlpb.Settings) *plan {
	p := &plan{t: t, s: control.NewState()}
	p.must("", &controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	p.must("account:host", &controlpb.Command{MinFeatureLevel: 2, Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: "w_1", Link: "link", Title: "All hands", Owner: "account:host", Settings: settings,
	}}})
	return p
}

// apply makes c the next entry of the log, and returns what it is refused with.
func (p *plan) apply(principal string, c *controlpb.Command) error {
	p.t.Helper()
	p.index++
	c.Principal, c.ProposedAt = principal, time.Date(2026, 11, 22, 9, 0, int(p.index), 0, time.UTC).UnixNano()
	next, result := p.s.Apply(p.index, c)
	p.s = next
	return result.Err
}

func (p *plan) must(principal string, c *controlpb.Command) {
	p.t.Helper()
	if err := p.apply(principal, c); err != nil {
		p.t.Fatal(err)
	}
}

func edit(s *controlpb.Settings, mask ...string) *controlpb.Command {
	return &controlpb.Command{MinFeatureLevel: 2, Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{Webinar: "w_1", Settings: s, Mask: mask}}}
}

// Each tab's settings are planned at once, read back, and edited without a change of
// the other tabs'.
func TestS24S25S26TheTabsOfAPlan(t *testing.T) {
	start := time.Date(2026, 12, 1, 18, 0, 0, 0, time.UTC)
	settings := &controlpb.Settings{
		Title: "All hands", Description: "Twice a year.", Mode: "role-based",
		Schedule:     &controlpb.Schedule{Start: start.UnixNano(), Duration: int64(time.Hour), Zone: "Europe/Berlin", Occurrences: []int64{start.UnixNano()}, Complete: true},
		Guests:       &controlpb.Permissions{Messages: true},
		Registration: &controlpb.Registration{Window: "start", Maximum: 100, Approval: true, Fields: []*controlpb.Field{{Id: "company", Label: "Company", Type: "text", Required: true}}},
		GuestLimit:   50, Lobby: "guests", Partition: "strict", RetentionDays: 7, SlowMode: 5, AutoEnd: true,
		Ceilings: []*controlpb.Ceiling{{Role: "attendee", Height: 720}},
	}
	tabs := []struct {
		name   string
		edit   *controlpb.Settings
		mask   []string
		before func(w *webinar.Webinar) string
	}{
		{"S24 general", &controlpb.Settings{Title: "Some hands", Description: "Once.", Mode: "all-on-screen"}, []string{"title", "description", "mode"},
			func(w *webinar.Webinar) string { return fmt.Sprint(w.Title, w.Description, w.Mode) }},
		{"S25 registration", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Waitlist: true}}, []string{"registration"},
			func(w *webinar.Webinar) string { return fmt.Sprintf("%+v", *w.Registration) }},
		{"S26 advanced", &controlpb.Settings{GuestLimit: 60, Lobby: "everyone", Locked: true, Partition: "keep", SlowMode: 1, Ceilings: nil, RetentionDays: 30},
			[]string{"guest_limit", "lobby", "locked", "partition", "slow_mode", "ceilings", "retention_days", "auto_end"},
			func(w *webinar.Webinar) string {
				return fmt.Sprint(w.GuestLimit, w.Lobby, w.Locked, w.Partition, w.SlowMode, w.Ceilings, w.Retention, w.AutoEnd)
			}},
	}
	planned := newPlan(t, settings).s.Webinar("w_1")
	if planned.Description != "Twice a year." || planned.Registration.Maximum != 100 || !planned.Registration.Fields[0].Required || planned.GuestLimit != 50 ||
		planned.Partition != webinar.Strict || planned.Lobby != webinar.LobbyGuests || !planned.Schedule.Start.Equal(start) || planned.Ceiling(webinar.Attendee).Height != 720 {
		t.Errorf("S24 S25 S26 planned as %+v", planned)
	}
	for _, tab := range tabs {
		t.Run(tab.name, func(t *testing.T) {
			p := newPlan(t, settings)
			p.must("account:host", edit(tab.edit, tab.mask...))
			after := p.s.Webinar("w_1")
			for _, other := range tabs {
				if changed := other.before(after) != other.before(planned); changed != (other.name == tab.name) {
					t.Errorf("%s changed: %t, to %s", other.name, changed, other.before(after))
				}
			}
			if after.Version <= planned.Version {
				t.Errorf("the version is %d after %d", after.Version, planned.Version)
			}
		})
	}
}

// What administrators and hosts may do about a plan, and others may not, hangs on who
// they are to the webinar.
func TestS22S23AnAdministratorOrItsHostPlans(t *testing.T) {
	w := newPlan(t, nil).s.Webinar("w_1")
	for _, tt := range []struct {
		name    string
		account string
		admin   bool
		want    bool
	}{
		{"S22 an administrator plans any webinar", "account:root", true, true},
		{"S23 a host plans their own", "account:host", false, true},
		{"S23 another host does not", "account:other", false, false},
		{"S22 nobody does not", "", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			actor := w.ActorOf(tt.account, nil, tt.admin)
			if plans := actor == webinar.ActorAdministrator || actor == webinar.ActorOwner; plans != tt.want {
				t.Errorf("is %s", actor)
			}
		})
	}
}

func TestS35AnAdministratorSetsThePINAndPassesItOn(t *testing.T) {
	p := newPlan(t, nil)
	key := webinar.DeriveKey(bytes.Repeat([]byte{1}, 32), "w_1")
	p.must("account:root", &controlpb.Command{Kind: &controlpb.Command_SetPin{SetPin: &controlpb.SetPIN{Webinar: "w_1", Verifier: webinar.Verifier(key, "rosebud-9")}}})
	w := p.s.Webinar("w_1")
	if _, err := w.Admit(webinar.Visitor{Name: "Bo", PIN: "rosebud-9"}, key, p.s.Time()); err != nil {
		t.Errorf("S35 the PIN that was passed on does not open: %v", err)
	}
	if _, err := w.Admit(webinar.Visitor{Name: "Bo"}, key, p.s.Time()); err == nil {
		t.Error("S35 nobody needs it")
	}
	if _, err := w.Admit(webinar.Visitor{Account: "account:host"}, key, p.s.Time()); err != nil {
		t.Errorf("S35 the host needs it: %v", err)
	}
}

// Stores, queues and caches of others are programs of their own; a client of one in
// the product would mean that a node needs it.
func TestM10NoProgramBesideIt(t *testing.T) {
	beside := regexp.MustCompile(`database/sql|redis|nats-io|go\.etcd\.io/etcd|memcache|kafka|rabbitmq|amqp|consul/api|mongo|/pgx|lib/pq|mysql|sqlite`)
	root := os.DirFS("../..")
	looked := 0
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains([]string{"node_modules", "testdata", "bench"}, d.Name()) || name != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, b, parser.ImportsOnly)
		if err != nil {
			return err
		}
		looked++
		for _, i := range file.Imports {
			if beside.MatchString(i.Path.Value) {
				t.Errorf("M10 %s imports %s", name, i.Path.Value)
			}
		}
		return nil
	})
	if err != nil || looked < 100 {
		t.Errorf("M10 looked at %d files: %v", looked, err)
	}
}

package session

import (
	"slices"
	"testing"
	"time"
)

// closedDoors are the three that a guesser must not tell apart: a link without a
// webinar, one whose webinar has ended, and one that is locked. All are of one edge
// each, with a PIN.
func closedDoors(t testing.TB) map[string]*edge {
	unknown, closed, locked := newEdge(t, "90210777"), newEdge(t, "90210777"), newEdge(t, "90210777")
	unknown.rotate("zyxwvutsrqponmlkjihgfe")
	closed.endWebinar()
	locked.lock()
	return map[string]*edge{"unknown": unknown, "closed": closed, "locked": locked}
}

func TestS33AClosedDoorTellsAGuesserNothing(t *testing.T) {
	for name, knock := range map[string]Knock{
		"S33 the right PIN":           {Name: "Eve", PIN: "90210777"},
		"S33 a wrong PIN":             {Name: "Eve", PIN: "48151623"},
		"S33 no PIN":                  {Name: "Eve"},
		"S33 an invite that is none":  {Name: "Eve", Invite: "sti_none"},
		"S33 a ticket that is none":   {Name: "Eve", Registrant: "str_none", PIN: "90210777"},
		"S33 from a device, by force": {Name: "Eve", PIN: "90210777", Device: "d", Takeover: true, Remote: home},
	} {
		t.Run(name, func(t *testing.T) {
			for door, e := range closedDoors(t) {
				g, err := e.Join(ctx, link, knock)
				if err != errNotFound || g != (Grant{}) {
					t.Errorf("%s: %v", door, err)
				}
				if e.seats.guesses != 10 || e.seats.asked != 0 {
					t.Errorf("%s: a guess or a seat was spent", door)
				}
				for _, bearer := range []string{knock.PIN, knock.Invite, knock.Registrant} {
					for _, use := range []Use{Watch, Publish, Events} {
						if _, err := e.Open(ctx, link, bearer, home, use); err != errNotFound {
							t.Errorf("%s: %v by %q: %v", door, use, bearer, err)
						}
					}
				}
			}
		})
	}
}

func TestS33AClosedDoorHasNoDescription(t *testing.T) {
	for door, e := range closedDoors(t) {
		if p, err := e.Webinar(link); err != errNotFound || p != (Public{}) {
			t.Errorf("%s: %+v, %v", door, p, err)
		}
		if p, err := e.Entrance(link); (err == nil) != (door == "locked") || p.Title != "" && err != nil {
			t.Errorf("the page, %s: %+v, %v; the invited need it while the webinar is locked", door, p, err)
		}
	}
}

func TestS33WhoBelongsThereHearsWhy(t *testing.T) {
	doors := closedDoors(t)
	for door, want := range map[string]string{"unknown": "not_found", "closed": "ended", "locked": "admitted"} {
		if _, err := doors[door].Join(ctx, link, Knock{Invite: secret}); code(err) != want {
			t.Errorf("%s: a presenter hears %v, want %s", door, err, want)
		}
	}
}

// TestS33AClosedDoorTakesTheSameTime compares medians of interleaved knocks, so that
// what disturbs the machine disturbs all three.
func TestS33AClosedDoorTakesTheSameTime(t *testing.T) {
	doors := closedDoors(t)
	names := []string{"unknown", "closed", "locked"}
	knock := Knock{Name: "Eve", PIN: "48151623", Device: "laptop", Remote: home}
	const rounds, batch = 201, 50
	took := make(map[string][]time.Duration)
	for range rounds {
		for _, name := range names {
			began := time.Now()
			for range batch {
				_, _ = doors[name].Join(ctx, link, knock)
			}
			took[name] = append(took[name], time.Since(began)/batch)
		}
	}
	var medians []time.Duration
	for _, name := range names {
		slices.Sort(took[name])
		medians = append(medians, took[name][rounds/2])
	}
	least, most := slices.Min(medians), slices.Max(medians)
	t.Logf("%v take %v", names, medians)
	// A PIN that is looked at costs an HMAC and a lease more, an admission a signature:
	// tens of microseconds. What differs here is a look into two tables.
	if most-least > 5*time.Microsecond && most > 2*least {
		t.Errorf("%v take %v: whoever measures can tell them apart", names, medians)
	}
}

// TestS33AClosedDoorDoesTheSameWork counts what a knock allocates, which a machine under
// load does not change: a PIN that is looked at costs an HMAC's, a grant a signature's.
func TestS33AClosedDoorDoesTheSameWork(t *testing.T) {
	doors := closedDoors(t)
	for _, knock := range []Knock{
		{Name: "Eve", PIN: "48151623", Device: "laptop", Remote: home}, {Name: "Eve", PIN: "90210777", Remote: home}, {Name: "Eve", Invite: "sti_none"},
	} {
		work := make(map[float64][]string)
		for name, e := range doors {
			n := testing.AllocsPerRun(200, func() { _, _ = e.Join(ctx, link, knock) })
			work[n] = append(work[n], name)
		}
		if len(work) != 1 {
			t.Errorf("%+v: allocations differ: %v", knock, work)
		}
	}
}

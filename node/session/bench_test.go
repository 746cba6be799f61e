package session

import (
	"testing"

	"stentor/control/controlpb"
)

// BenchmarkAdmission is how many people one core lets in by itself, without asking
// anyone: from the knock to the signed token, and with the token to the session.
func BenchmarkAdmission(b *testing.B) {
	for _, c := range []struct {
		name  string
		pin   string
		setup func(e *edge)
		knock Knock
	}{
		{"invited", "90210777", func(*edge) {}, Knock{Invite: secret, Device: "laptop", Remote: home}},
		{"registered", "", func(e *edge) {
			e.edit(&controlpb.Settings{Registration: &controlpb.Registration{Window: "always"}}, "registration")
			for i := range 10_000 {
				e.register(idOf("r_", i), idOf("str_", i))
			}
			e.register("r_1", ticket)
		}, Knock{Name: "Ada", Registrant: ticket, Device: "laptop", Remote: home}},
		{"pin", "90210777", func(*edge) {}, Knock{Name: "Ada", PIN: "90210777", Device: "laptop", Remote: home}},
		{"wrong-pin", "90210777", func(*edge) {}, Knock{Name: "Eve", PIN: "48151623", Device: "laptop", Remote: home}},
	} {
		e := newEdge(b, c.pin)
		c.setup(e)
		e.seats.guesses = 1 << 40
		e.joins = newThrottle(Limits{Burst: -1}, 1)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := e.Join(ctx, link, c.knock)
				if (err == nil) != (c.name != "wrong-pin") {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
	e := newEdge(b, "90210777")
	g, err := e.Join(ctx, link, Knock{Name: "Ada", PIN: "90210777"})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := e.Open(ctx, link, g.Token, home, Watch)
			if err != nil {
				b.Fatal(err)
			}
			s.End()
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	})
}

func idOf(prefix string, n int) string {
	const letters = "abcdefghijklmnop"
	out := []byte(prefix + "xxxxxxxx")
	for i := range 8 {
		out[len(prefix)+i] = letters[n>>(4*i)&15]
	}
	return string(out)
}

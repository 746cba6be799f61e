package control

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"stentor/control/controlpb"
)

// drawer draws commands about few enough things that they meet.
type drawer struct {
	t *rapid.T
	s *State
}

func (d drawer) pick(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(d.t, label)
}
func (d drawer) bool(label string) bool { return rapid.Bool().Draw(d.t, label) }
func (d drawer) n(label string, most uint32) uint32 {
	return rapid.Uint32Range(0, most).Draw(d.t, label)
}

func (d drawer) webinar() string     { return d.pick("webinar", "w_1", "w_2", "w_3") }
func (d drawer) participant() string { return d.pick("participant", "p_1", "p_2", "p_3") }
func (d drawer) node() string        { return d.pick("node", "n1", "n2") }
func (d drawer) registrant() string  { return d.pick("registrant", "g_1", "g_2", "g_3", "g_4") }
func (d drawer) account() string     { return d.pick("account", "a_1", "a_2", "a_3") }

// seq is most often newer than what the node said last about the webinar.
func (d drawer) seq(w, node string) uint64 {
	last := uint64(0)
	if w := d.s.Webinar(w); w != nil {
		l, _ := w.Lease(node)
		last = l.Seq
	}
	return last + uint64(d.n("seq", 2))
}

func (d drawer) settings() *controlpb.Settings {
	s := &controlpb.Settings{
		Title: d.pick("title", "One", "Another"), Mode: d.pick("mode", "", "role-based", "all-on-screen", "circus"),
		GuestLimit: d.n("limit", 3), RetentionDays: d.n("retention", 2), AutoEnd: d.bool("auto end"),
		Lobby: d.pick("lobby", "", "off", "guests"), Partition: d.pick("partition", "", "keep", "strict"),
	}
	if d.s.cluster.FeatureLevel >= 3 && d.bool("embedded") {
		s.EmbedOrigins = []string{d.pick("site", "https://www.example.org", "http://localhost:3000", "https://*")}
	}
	if d.bool("registration") {
		s.Registration = &controlpb.Registration{
			Window: d.pick("window", "", "always", "start", "interval"), Maximum: d.n("maximum", 2),
			Approval: d.bool("approval"), Waitlist: d.bool("waitlist"), Accounts: d.bool("accounts"),
		}
	}
	if d.bool("schedule") {
		s.Schedule = &controlpb.Schedule{Start: start.Add(time.Duration(d.n("hours", 48)) * time.Hour).UnixNano(), Duration: int64(time.Hour)}
	}
	return s
}

// ban of the same few keys.
func (d drawer) ban() *controlpb.Command {
	return disconnect(d.webinar(), d.participant(), []string{d.pick("key", "device:a", "prefix:192.0.2.1/32")}, &controlpb.NewBan{
		Id: d.pick("ban", "b_1", "b_2"), Prefix: d.bool("prefix"),
		Seen: []*controlpb.Keys{{Keys: []string{"device:a", d.pick("key", "device:b", "account:c")}}}})
}

// level1 are the kinds that every cluster knows.
func (d drawer) level1() []func() *controlpb.Command {
	return []func() *controlpb.Command{
		func() *controlpb.Command { return create(d.webinar()) },
		func() *controlpb.Command { return setPIN(d.webinar(), d.pick("pin", "48151623", "31415926")) },
		func() *controlpb.Command { return clearPIN(d.webinar()) },
		func() *controlpb.Command {
			return invite(d.webinar(), d.pick("invite", "i_1", "i_2"), d.pick("role", "presenter", "attendee", "nobody"))
		},
		func() *controlpb.Command {
			return disconnect(d.webinar(), d.participant(), []string{d.pick("key", "device:a", "device:b", "account:c")}, nil)
		},
		d.ban,
		func() *controlpb.Command { return liftBan(d.webinar(), d.pick("ban", "b_1", "b_2")) },
		func() *controlpb.Command {
			return claim(d.webinar(), d.pick("name", "main", "screen"), d.node(), d.participant(), 1, d.bool("takeover"))
		},
		func() *controlpb.Command {
			return release(d.webinar(), d.pick("name", "main", "screen"), uint64(d.n("epoch", 30)))
		},
		func() *controlpb.Command { return apiToken(d.pick("token", "t_1", "t_2"), "admin") },
		func() *controlpb.Command { return joinToken(d.pick("join", "j_1", "j_2"), start.Add(time.Hour)) },
		func() *controlpb.Command { return redeem(d.pick("join", "j_1", "j_2"), "n4") },
		func() *controlpb.Command { return clusterInfo("c_1") },
		func() *controlpb.Command {
			if d.n("end", 2) == 0 {
				return end(d.webinar())
			}
			return create(d.webinar())
		},
	}
}

// people are the kinds of level 2 that hosts and visitors propose.
func (d drawer) people() []func() *controlpb.Command {
	return []func() *controlpb.Command{
		func() *controlpb.Command { return plan(d.webinar(), d.settings()) },
		func() *controlpb.Command {
			return edit(d.webinar(), d.settings(), d.pick("mask", settingsFields...), d.pick("mask", settingsFields...))
		},
		func() *controlpb.Command { return rotate(d.webinar(), d.pick("link", "link-w_1", "link-x", "link-y")) },
		func() *controlpb.Command { return revoke(d.webinar(), d.pick("invite", "i_1", "i_2")) },
		func() *controlpb.Command {
			w := d.webinar()
			c := invites(w, invite(w, "i_1", "attendee"), invite(w, "i_3", "moderator"))
			c.GetCreateInvites().Invites[0].Sealed, c.GetCreateInvites().Invites[0].Mail = []byte(sealedText), d.bool("mail")
			c.GetCreateInvites().Invites[1].Account = d.account()
			return c
		},
		func() *controlpb.Command { return register(d.webinar(), d.registrant()) },
		func() *controlpb.Command { return register(d.webinar(), d.registrant()) },
		func() *controlpb.Command {
			return decide(d.webinar(), d.pick("decision", "approve", "decline", "cancel"), d.registrant())
		},
		func() *controlpb.Command { return openRegistration(d.webinar(), d.bool("open")) },
		func() *controlpb.Command { return reinvite(d.webinar(), d.participant()) },
		func() *controlpb.Command {
			return setParticipant(d.webinar(), d.participant(), func(c *controlpb.SetParticipant) {
				stop, stage, hand, role := d.bool("stop"), d.bool("stage"), d.bool("hand"), d.pick("role", "", "presenter")
				c.StopAudio, c.Stage, c.Hand, c.Role = &stop, &stage, &hand, &role
			})
		},
		func() *controlpb.Command { return admit(d.webinar(), d.participant(), d.participant()) },
		func() *controlpb.Command { return account(d.account(), d.pick("role", "administrator", "host")) },
		func() *controlpb.Command {
			return editAccount(d.account(), func(c *controlpb.EditAccount) {
				disabled, role := d.bool("disabled"), d.pick("role", "administrator", "member")
				c.Disabled, c.Role, c.SignOut = &disabled, &role, d.bool("sign out")
			})
		},
		func() *controlpb.Command { return deleteAccount(d.account()) },
		func() *controlpb.Command {
			return attend(d.webinar(), d.node(), d.pick("stay", "s_1", "s_2"), start.Add(time.Hour).UnixNano())
		},
	}
}

// nodes are the kinds of level 2 that nodes propose.
func (d drawer) nodes() []func() *controlpb.Command {
	about := func(make func(w, node string, seq uint64) *controlpb.Command) func() *controlpb.Command {
		return func() *controlpb.Command {
			w, node := d.webinar(), d.node()
			return make(w, node, d.seq(w, node))
		}
	}
	return []func() *controlpb.Command{
		func() *controlpb.Command {
			return registerNode(d.node(), 1+uint64(d.n("epoch", 1)/1)*uint64(d.n("again", 1)))
		},
		func() *controlpb.Command {
			if d.n("remove", 3) == 0 {
				return removeNode(d.node())
			}
			return registerNode(d.node(), 1)
		},
		about(func(w, n string, seq uint64) *controlpb.Command { return acquire(w, n, seq, d.n("want", 3)) }),
		about(func(w, n string, seq uint64) *controlpb.Command { return acquire(w, n, seq, d.n("want", 3)) }),
		about(func(w, n string, seq uint64) *controlpb.Command { return giveBack(w, n, seq, d.n("count", 3)) }),
		about(func(w, n string, seq uint64) *controlpb.Command {
			return reportSeats(w, n, seq, []string{d.participant()}, []string{d.participant()})
		}),
		about(func(w, n string, seq uint64) *controlpb.Command { return transfer(w, n, seq, d.participant()) }),
		about(func(w, n string, seq uint64) *controlpb.Command {
			return guess(w, n, seq, d.n("want", 9), d.n("right", 9))
		}),
		func() *controlpb.Command { return renew(d.node(), uint64(d.n("seq", 9)), d.webinar()) },
		func() *controlpb.Command { return sign(d.s, uint64(d.n("entry", 20))) },
		func() *controlpb.Command { return webhook(d.pick("hook", "h_1", "h_2"), d.pick("of", "", "w_1")) },
		func() *controlpb.Command { return deleteWebhook(d.pick("hook", "h_1", "h_2")) },
		func() *controlpb.Command {
			return advance(d.pick("hook", "h_1", "h_2"), uint64(d.n("entry", 20)), d.bool("disabled"))
		},
		func() *controlpb.Command { return d.settle() },
		func() *controlpb.Command { return checkpoint(uint64(d.n("index", 5))) },
		func() *controlpb.Command {
			return tick(start.Add(time.Duration(d.n("hours", 24*60)) * time.Hour))
		},
		func() *controlpb.Command { return occurrences(d.webinar(), d.bool("complete"), start.Add(time.Hour)) },
	}
}

func (d drawer) settle() *controlpb.Command {
	var sent []string
	var failed []*controlpb.MailFailure
	for m := range d.s.Mails() {
		if d.bool("sent") {
			sent = append(sent, m.GetId())
		} else {
			failed = append(failed, &controlpb.MailFailure{Id: m.GetId(), Next: int64(d.n("next", 1)) * start.UnixNano(), Reason: "refused"})
		}
	}
	return settleMail(append(sent, "m_none"), failed...)
}

// command draws any kind of command.
func (d drawer) command() *controlpb.Command {
	kinds := d.level1()
	if d.s.cluster.FeatureLevel >= 2 {
		switch d.n("group", 4) {
		case 0, 1:
			kinds = d.people()
		case 2, 3:
			kinds = d.nodes()
		}
	}
	if d.s.cluster.FeatureLevel >= 3 && d.n("rotates", 3) == 0 {
		kinds = d.keys()
	}
	c := kinds[rapid.IntRange(0, len(kinds)-1).Draw(d.t, "kind")]()
	if d.n("id", 3) == 0 {
		c.RequestId = fmt.Sprint("r", rapid.IntRange(0, 5).Draw(d.t, "request"))
	}
	return c
}

// keys are the kinds of level 3: most of them fit to what is there.
func (d drawer) keys() []func() *controlpb.Command {
	generation := d.s.GossipKeys().GetGeneration() + uint64(d.n("ahead", 5)/5)
	return []func() *controlpb.Command{
		func() *controlpb.Command { return beginRotation(generation, d.pick("key", "k_1", "k_2", "k_3")) },
		func() *controlpb.Command { return advanceRotation(generation, d.s.GossipKeys().GetPhase()) },
		func() *controlpb.Command { return advanceRotation(generation, d.pick("phase", PhaseInstall, PhaseUse)) },
	}
}

// scene is a cluster at level 2 or 3 in which most commands mean something.
func (d drawer) scene() []*controlpb.Command {
	limited := d.settings()
	limited.Mode, limited.Registration, limited.Partition = "", nil, "strict"
	open := d.settings()
	open.Mode, open.Registration = "", &controlpb.Registration{Window: "always", Maximum: d.n("maximum", 2), Waitlist: d.bool("waitlist"), Approval: d.bool("approval")}
	scene := []*controlpb.Command{
		setLevel(2 + d.n("level", 1)), plan("w_1", limited), plan("w_2", open), registerNode("n1", 1), registerNode("n2", 1), account("a_1", "administrator"), webhook("h_1", ""),
	}
	return scene[:1+int(d.n("scene", uint32(len(scene)-1)))]
}

package route

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func in(region string) func(*Candidate) { return func(c *Candidate) { c.Region = region } }
func on(host string) func(*Candidate)   { return func(c *Candidate) { c.Host = host } }
func epoch(e uint64) func(*Candidate)   { return func(c *Candidate) { c.Epoch = e } }
func feeds(n, most int) func(c *Candidate) {
	return func(c *Candidate) { c.Children, c.MaxChildren = n, most }
}
func takesNoMore(c *Candidate) { c.Full = true }
func measured(c *Candidate)    { c.Measured = true }
func both(f ...func(*Candidate)) func(c *Candidate) {
	return func(c *Candidate) {
		for _, g := range f {
			g(c)
		}
	}
}

func TestChooseKnowsItsPlace(t *testing.T) {
	me := Self{Node: "me", Region: "eu", Epoch: 7}
	tests := []struct {
		name       string
		self       Self
		candidates []Candidate
		current    string
		want       string
	}{
		{"a hub of the own region rather than one as near in another", me,
			none(with(at(50*ms, 30*ms, "o", "there"), in("us")), with(at(50*ms, 50*ms, "o", "here"), in("eu"))), "", "here"},
		{"a hub of another region when the own is too far around", me,
			none(with(at(50*ms, 30*ms, "o", "there"), in("us")), with(at(50*ms, 120*ms, "o", "here"), in("eu"))), "", "there"},
		{"without a region of its own, none counts", Self{Node: "me"},
			none(with(at(50*ms, 30*ms, "o", "there"), in("us")), with(at(50*ms, 50*ms, "o", "here"), in("eu"))), "", "there"},
		{"not who has all the children it may have", me, none(at(0, 200*ms, "o"), with(at(10*ms, 5*ms, "o", "hub"), feeds(64, 64))), "", "o"},
		{"who has room for one more", me, none(at(0, 200*ms, "o"), with(at(10*ms, 5*ms, "o", "hub"), feeds(63, 64))), "", "hub"},
		{"children without a limit fill nobody", me, none(at(0, 200*ms, "o"), with(at(10*ms, 5*ms, "o", "hub"), feeds(500, 0))), "", "hub"},
		{"not who says that it is full", me, none(at(0, 200*ms, "o"), with(at(10*ms, 5*ms, "o", "hub"), takesNoMore)), "", "o"},
		{"a full parent keeps the children it has", me, none(at(0, 200*ms, "o"), with(at(10*ms, 5*ms, "o", "hub"), takesNoMore)), "hub", "hub"},
		{"who is full, when there is nobody else", me, none(with(at(10*ms, 5*ms, "o", "hub"), takesNoMore)), "", "hub"},
		{"not what an old publisher left behind", me, none(with(at(1*ms, 1*ms, "x", "hub"), epoch(6)), with(at(0, 80*ms, "o"), epoch(7))), "", "o"},
		{"nor what somebody says comes later: the state decides", me, none(with(at(1*ms, 1*ms, "x", "hub"), epoch(math.MaxUint64)), with(at(0, 80*ms, "o"), epoch(7))), "", "o"},
		{"an epoch that is not said is believed", me, none(at(1*ms, 1*ms, "o", "hub")), "", "hub"},
		{"nobody that is not nearer to the origin than the children were told", Self{Node: "me", Told: 20 * ms},
			none(at(20*ms, 1*ms, "o", "a"), at(19*ms, 90*ms, "o", "b")), "", "b"},
		{"so that they have to be let go first", Self{Node: "me", Told: 20 * ms}, none(at(20*ms, 1*ms, "o", "a")), "", ""},
		{"the origin is always nearer", Self{Node: "me", Told: 1}, none(at(0, 300*ms, "o")), "", "o"},
		{"an unknown round trip is a long one", me, none(at(0, 120*ms, "o"), at(30*ms, 0, "o", "x")), "", "o"},
		{"not below a node that is going", me, none(with(at(5*ms, 5*ms, "o", "hub"), draining), at(6*ms, 4*ms, "o", "hub", "below"), at(0, 100*ms, "o")), "", "o"},
		{"rather below it than itself", me, none(with(at(5*ms, 5*ms, "o", "hub"), draining), at(6*ms, 4*ms, "o", "hub", "below")), "", "below"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := test.self.Choose(test.candidates, test.current)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("chose %q, %v; want %q", got, ok, test.want)
			}
		})
	}
}

func TestStandby(t *testing.T) {
	path := []string{"o", "hub", "me"}
	hub := with(at(10*ms, 10*ms, "o", "hub"), on("h1"))
	tests := []struct {
		name       string
		self       Self
		candidates []Candidate
		want       string
	}{
		{"nobody but the parent", Self{Node: "me"}, none(hub), ""},
		{"the origin, whatever it costs, when there is nobody else", Self{Node: "me"}, none(hub, at(0, 250*ms, "o")), "o"},
		{"the nearest of those who go another way", Self{Node: "me"}, none(hub, at(0, 250*ms, "o"), at(10*ms, 12*ms, "o", "other"), at(12*ms, 30*ms, "o", "third")), "other"},
		{"not who has it through the parent", Self{Node: "me"}, none(hub, at(0, 250*ms, "o"), at(11*ms, 1*ms, "o", "hub", "sister")), "o"},
		{"who has it through the parent rather than nobody: its link may be all that dies", Self{Node: "me"}, none(hub, at(11*ms, 1*ms, "o", "hub", "sister")), "sister"},
		{"not one on the parent's machine", Self{Node: "me"}, none(hub, with(at(10*ms, 5*ms, "o", "twin"), on("h1")), with(at(10*ms, 90*ms, "o", "far"), on("h2"))), "far"},
		{"one on the parent's machine rather than below the parent", Self{Node: "me"}, none(hub, with(at(10*ms, 5*ms, "o", "twin"), on("h1")), at(11*ms, 1*ms, "o", "hub", "sister")), "twin"},
		{"not one that is going, when another stays", Self{Node: "me"}, none(hub, with(at(10*ms, 5*ms, "o", "a"), draining), at(10*ms, 90*ms, "o", "b")), "b"},
		{"never who has it through me", Self{Node: "me"}, none(hub, at(21*ms, 1*ms, "o", "hub", "me", "child")), ""},
		{"never itself", Self{Node: "me"}, none(hub, at(20*ms, 0, "o", "me")), ""},
		{"who may be taken in the parent's place without letting children go", Self{Node: "me", Told: 15 * ms}, none(hub, at(20*ms, 1*ms, "o", "a"), at(0, 90*ms, "o")), "o"},
		{"of the same publisher", Self{Node: "me", Epoch: 3}, none(hub, with(at(10*ms, 5*ms, "x", "a"), epoch(2))), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := test.self.Standby(test.candidates, "hub", path)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("chose %q, %v; want %q", got, ok, test.want)
			}
		})
	}
	t.Run("a way that shares nothing with the one over a deep parent", func(t *testing.T) {
		deep := none(at(20*ms, 5*ms, "o", "hub", "edge"), at(11*ms, 4*ms, "o", "hub"), at(30*ms, 40*ms, "o", "other"))
		if got, _ := (Self{Node: "me"}).Standby(deep, "edge", []string{"o", "hub", "edge", "me"}); got != "other" {
			t.Errorf("chose %q", got)
		}
	})
	t.Run("below the origin every other carrier goes another way", func(t *testing.T) {
		if got, _ := (Self{Node: "me"}).Standby(none(at(0, 9*ms, "o"), at(5*ms, 6*ms, "o", "a")), "o", []string{"o", "me"}); got != "a" {
			t.Errorf("chose %q", got)
		}
	})
}

func TestBetter(t *testing.T) {
	me := Self{Node: "me", Delay: 100 * ms}
	origin := with(at(0, 200*ms, "o"), measured)
	tests := []struct {
		name       string
		self       Self
		candidates []Candidate
		current    string
		want       string
	}{
		{"a hub that has come up nearby", me, none(origin, with(at(95*ms, 5*ms, "o", "hub"), measured)), "o", "hub"},
		{"the one it has is the best", me, none(origin, with(at(95*ms, 150*ms, "o", "hub"), measured)), "o", ""},
		{"not for a fifth", me, none(with(at(0, 100*ms, "a"), measured), with(at(0, 78*ms, "b"), measured)), "a", ""},
		{"for more than a fifth", me, none(with(at(0, 100*ms, "a"), measured), with(at(0, 72*ms, "b"), measured)), "a", "b"},
		{"but not for that when it is only guessed", me, none(with(at(0, 100*ms, "a"), measured), at(0, 72*ms, "b")), "a", ""},
		{"a guess has to be better by three tenths", me, none(with(at(0, 100*ms, "a"), measured), at(0, 60*ms, "b")), "a", "b"},
		{"not for less than 10 ms", me, none(with(at(0, 5*ms, "a"), measured), with(at(0, 1*ms, "b"), measured)), "a", ""},
		{"a parent that nobody announces is the link's business", me, none(origin), "dead", ""},
		{"nor one whose news is old", me, none(origin, at(150*ms, 1*ms, "o", "me", "x")), "x", ""},
		{"away from one that is going, whatever it costs", me, none(with(at(0, 5*ms, "a"), draining), at(101*ms, 250*ms, "o", "b")), "a", "b"},
		{"nowhere when all are going", me, none(with(at(0, 50*ms, "a"), draining), with(at(0, 45*ms, "b"), draining)), "a", ""},
		{"out of a tree that has become too deep", me, none(with(at(90*ms, 1*ms, "o", "a", "b", "c"), measured), with(at(0, 250*ms, "o"), measured)), "c", "o"},
		{"not to one that is full", me, none(origin, with(at(95*ms, 5*ms, "o", "hub"), both(measured, takesNoMore))), "o", ""},
		{"not to one that is farther from the origin and might come here itself", me, none(origin, with(at(101*ms, 5*ms, "o", "hub"), measured)), "o", ""},
		{"but to one that has children, which stays where it is", me, none(origin, with(at(101*ms, 5*ms, "o", "hub"), both(measured, feeds(1, 64)))), "o", "hub"},
		{"not past what its own children were told", Self{Node: "me", Delay: 100 * ms, Told: 94 * ms}, none(origin, with(at(95*ms, 5*ms, "o", "hub"), measured)), "o", ""},
		{"a parent that came to be farther away than that is judged like any", Self{Node: "me", Delay: 100 * ms, Told: 40 * ms},
			none(with(at(60*ms, 200*ms, "o", "hub"), measured), with(at(0, 90*ms, "o"), measured)), "hub", "o"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := test.self.Better(test.candidates, test.current)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("%q, %v; want %q", got, ok, test.want)
			}
		})
	}
}

// Nodes of one region that all began to pull from far away, in the same moment, gather
// behind one of them, whoever moves first, and never two behind each other.
func TestARegionGathersBehindOneHub(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "nodes")
		delay, hub := make([]time.Duration, n), make([]int, n)
		for i := range n {
			delay[i], hub[i] = time.Duration(rapid.IntRange(97, 103).Draw(t, "delay"))*ms+time.Duration(i)*time.Microsecond, -1
		}
		name := func(i int) string { return fmt.Sprintf("n%d", i) }
		children := func(i int) (c int) {
			for _, h := range hub {
				if h == i {
					c++
				}
			}
			return c
		}
		path := func(i int) (p []string) {
			for ; i >= 0; i = hub[i] {
				p = append(p, name(i))
			}
			p = append(p, "o")
			slices.Reverse(p)
			return p
		}
		for range 6 {
			for _, i := range rapid.Permutation(seq(0, n)).Draw(t, "order") {
				list := none(with(at(0, 2*delay[i], "o"), both(in("far"), measured)))
				for j := range n {
					if j == i {
						continue
					}
					c := at(delay[j], 4*ms, path(j)...)
					list = append(list, with(c, both(in("eu"), measured, feeds(children(j), 64))))
				}
				current := "o"
				if hub[i] >= 0 {
					current = name(hub[i])
				}
				self := Self{Node: name(i), Region: "eu", Delay: delay[i]}
				if children(i) > 0 {
					self.Told = delay[i]
				}
				if p, ok := self.Better(list, current); ok {
					if hub[i] = -1; p != "o" {
						fmt.Sscanf(p, "n%d", &hub[i])
						delay[i] = delay[hub[i]] + 2*ms
					}
				}
			}
		}
		copies := 0
		for i := range n {
			if hub[i] < 0 {
				copies++
			}
			if p := path(i); len(p) > MaxHops+1 {
				t.Fatalf("%d has it over %v", i, p)
			}
		}
		if copies != 1 {
			t.Fatalf("%d copies come into the region: %v, delays %v", copies, hub, delay)
		}
	})
}

func TestShortlist(t *testing.T) {
	var all []Candidate
	for i := range 40 {
		hub := fmt.Sprintf("hub%d", i%4)
		all = append(all, with(at(time.Duration(i)*ms, 0, "o", hub, fmt.Sprintf("n%d", i)), on(fmt.Sprintf("h%d", i%5))))
	}
	all = append(all, at(0, 0, "o"), at(0, 0, "o", "me", "below"))
	far := func(node string) (time.Duration, bool) {
		if node == "o" {
			return 300 * ms, true
		}
		return 10 * ms, false
	}
	list := Self{Node: "me"}.Shortlist(all, 9, far)
	names := map[string]bool{}
	for _, c := range list {
		names[c.Node] = true
	}
	switch {
	case len(list) != 9 || len(names) != 9:
		t.Fatalf("%d candidates, %d different", len(list), len(names))
	case !names["o"]:
		t.Error("the origin is not among them")
	case names["below"]:
		t.Error("who has it through this node is among them")
	case list[0].Node != "n0" || list[0].RTT != 10*ms || list[0].Measured:
		t.Errorf("the first is %+v", list[0])
	}
	if c := list[slices.IndexFunc(list, func(c Candidate) bool { return c.Node == "o" })]; c.RTT != 300*ms || !c.Measured {
		t.Errorf("the distance of the origin was not taken: %+v", c)
	}
	spare := 0
	for _, c := range list[1:] {
		if apart(&list[0], &c) {
			spare++
		}
	}
	if spare < 3 {
		t.Errorf("%d could stand by for the first", spare)
	}
	if short := (Self{Node: "me"}).Shortlist(all[:2], 9, nil); len(short) != 2 || short[0].RTT != 0 {
		t.Errorf("of two candidates: %+v", short)
	}
	kept := Self{Node: "me"}.Shortlist(all, 9, far, "n39", "below", "n0")
	if n := len(kept); n != 11 || kept[9].Node != "n39" || kept[9].RTT != 10*ms || kept[10].Node != "below" {
		t.Errorf("%d candidates when two more are kept: %+v", n, kept[min(9, n):])
	}
	if none := (Self{Node: "me"}).Shortlist(all, 0, nil); none != nil {
		t.Errorf("none were asked for: %v", none)
	}
}

// Whatever is announced: who is chosen from the list is who would have been chosen from
// all, and the standby is as disjoint.
func TestTheShortlistHasTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := candidates(t)
		self := Self{Node: "n0"}
		list := self.Shortlist(all, rapid.IntRange(3, 8).Draw(t, "n"), nil)
		want, _ := self.Choose(all, "")
		if got, _ := self.Choose(list, ""); got != want {
			t.Fatalf("%q of the list, %q of all", got, want)
		}
		again := self.Shortlist(list, len(list), nil)
		if !slices.EqualFunc(list, again, func(a, b Candidate) bool { return a.Node == b.Node && slices.Equal(a.Path, b.Path) }) {
			t.Fatalf("the list of the list is another: %v, %v", list, again)
		}
	})
}

// Whatever is announced: a standby is never the parent, never this node, never through
// it, and there is one whenever somebody else can be a parent.
func TestStandbyWhateverIsAnnounced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := candidates(t)
		self := Self{Node: "n0"}
		parent, ok := self.Choose(all, "")
		if !ok {
			return
		}
		i := slices.IndexFunc(all, func(c Candidate) bool { return c.Node == parent && self.possible(&c) })
		spare, ok := self.Standby(all, parent, append(slices.Clone(all[i].Path), "n0"))
		possible := slices.ContainsFunc(all, func(c Candidate) bool { return c.Node != parent && self.possible(&c) })
		if ok != possible {
			t.Fatalf("ok = %v", ok)
		}
		if ok && (spare == parent || !slices.ContainsFunc(all, func(c Candidate) bool { return c.Node == spare && self.possible(&c) })) {
			t.Fatalf("%q stands by for %q", spare, parent)
		}
	})
}

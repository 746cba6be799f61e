// Package chaos runs a mesh of real processes while it kills, stops and cuts off nodes,
// by a seed, and holds what its clients were told against what one single copy of the
// state could have told them (porcupine). It changes the packet filter, so it runs in a
// network namespace of its own. It measures nothing but what the faults cost: how long
// writes stay away.
package chaos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// Op is what a client asks.
type Op int

// The operations, all of them writes whose answers tell of the state: reads at a node
// are of that node's own copy, which may be behind, and promise nothing else.
const (
	Register Op = iota // sign an address up; full, already there, or made
	Ban                // keep a participant out; always made
	Lift               // lift the ban of a participant: made, or there was none
)

// String is the operation's name.
func (o Op) String() string { return [...]string{"register", "ban", "lift"}[o] }

// Input is what is asked.
type Input struct {
	Webinar string
	Op      Op
	Key     string // the e-mail address, or the participant
}

// Answer is what came back. An Unknown call may have happened at any time after it was
// made, or not at all: in the history it never returns, so that it may also come last,
// where it has no effect on anybody.
type Answer string

// The answers.
const (
	Done      Answer = "done"
	Full      Answer = "full"
	Duplicate Answer = "duplicate"
	None      Answer = "none"
	Unknown   Answer = "unknown"
	NotSent   Answer = "not sent" // nothing was asked: the node is down, or says that it did nothing; not in the history
)

// world is what one copy of the state would hold: the addresses that are signed up and
// the participants that are banned, sorted.
type world struct {
	people, banned string
	count          int
}

// Model is the registrations of one webinar with a maximum, or the bans of one participant.
func Model(maximum int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return world{} },
		Step: func(state, input, output any) (bool, any) {
			return step(state.(world), maximum, input.(Input), output.(Answer))
		},
		DescribeOperation: func(input, output any) string {
			in := input.(Input)
			return fmt.Sprintf("%s(%s) -> %s", in.Op, in.Key, output)
		},
	}
}

func step(w world, maximum int, in Input, out Answer) (bool, world) {
	switch in.Op {
	case Register:
		return register(w, maximum, in.Key, out)
	case Ban:
		w.banned = with(w.banned, in.Key)
		return out == Done || out == Unknown, w
	case Lift:
		had := has(w.banned, in.Key)
		w.banned = without(w.banned, in.Key)
		return out == Unknown || (out == Done) == had, w
	}
	return false, w
}

func register(w world, maximum int, key string, out Answer) (bool, world) {
	would := Done
	switch {
	case has(w.people, key):
		would = Duplicate
	case w.count >= maximum:
		would = Full
	}
	if out != Unknown && out != would {
		return false, w
	}
	if would == Done {
		w.people, w.count = with(w.people, key), w.count+1
	}
	return true, w
}

// Sets are strings of words with a blank behind each, so that states compare with ==.
func has(set, key string) bool { return strings.Contains(" "+set, " "+key+" ") }

func with(set, key string) string {
	if has(set, key) {
		return set
	}
	words := append(strings.Fields(set), key)
	slices.Sort(words)
	return strings.Join(words, " ") + " "
}

func without(set, key string) string {
	words := slices.DeleteFunc(strings.Fields(set), func(w string) bool { return w == key })
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, " ") + " "
}

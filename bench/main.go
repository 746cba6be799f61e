// Command bench measures what Stentor promises, on this machine, with the real
// thing: processes, sockets, browsers. Each scenario prints its figures as a table
// that can be pasted, and says what it did. It tests nothing; tests are beside the
// code.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// grammar is the scenarios.
type grammar struct {
	Binary string `help:"The stentor program to measure; built by make." default:"./stentor" type:"existingfile"`

	Demo          demoScenario         `cmd:"" help:"The demo: start to first 4K frame, frame rate, hop, CPU, ban."`
	Bans          banScenario          `cmd:"" help:"A ban on many edges: from the call to the last packet, and rejoins."`
	Chaos         chaosScenario        `cmd:"" help:"Registrations and bans while nodes are killed, paused and cut off, held against one copy of the state."`
	Drop          dropScenario         `cmd:"" help:"The path of a browser gets narrow, and wide again: frozen time, time to recover, switches."`
	Edgekill      edgekillScenario     `cmd:"" help:"The node that a browser watches at is killed: how long it shows no frame."`
	Failover      failoverScenario     `cmd:"" help:"The leader killed again and again: writes back, joins and picture meanwhile."`
	Hop           hopScenario          `cmd:"" help:"What a hop costs on a clean network: CPU, time, bytes, beside plain QUIC."`
	Joins         joinsScenario        `cmd:"" help:"Joins: where the time until the first picture goes, and how many a second one core takes."`
	Loss          lossScenario         `cmd:"" help:"Frames in time after a hop that loses packets, beside plain QUIC."`
	Mesh32        mesh32Scenario       `cmd:"" name:"mesh32" help:"One 4K stream through as many real nodes as fit: bytes, depth, time."`
	Registrations registrationScenario `cmd:"" help:"Registrations a second, exact at the maximum, beside etcd."`
	Relaykill     relaykillScenario    `cmd:"" help:"A relay is killed, or drained, above viewers: the gap that they see."`
	Stage         stageScenario        `cmd:"" help:"Somebody comes to the stage: when a thousand viewers hear and see it, without another description."`
	Trees         treesScenario        `cmd:"" help:"The trees that nodes on the cities of the world choose, scored and drawn (simulated)."`
	Send          sendScenario         `cmd:"" help:"What a viewer costs: one 4K stream to many, beside a plain pion SFU and the bare limit."`
	Seat          seatCommand          `cmd:"" hidden:"" help:"One node of a cascade that a scenario runs."`
	SendSeat      sendSeatCommand      `cmd:"" hidden:"" help:"The server of the send scenario."`
}

func main() {
	var g grammar
	k := kong.Parse(&g, kong.Name("bench"), kong.Description("Measures what Stentor promises, on this machine."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // timeout(1), too: what a scenario changed on the machine is put back
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(&g); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

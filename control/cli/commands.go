// Package cli holds the commands of hosts and operators: webinars, registration,
// PINs, invites, participants, the lobby, bans, attendance, the audit log,
// accounts, tokens, webhooks, and the state of the mesh.
//
// Every command is one or two calls of the control API through package client;
// nothing is decided here, and nothing is kept but the context file. A secret is
// read from a file, the environment, standard input or a prompt, never from the
// arguments. Whatever comes from a server is printed as text: a name with
// control characters in it cannot steer the terminal.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// Commands is embedded in the grammar of the command line.
type Commands struct {
	Webinar      WebinarCommands      `cmd:"" help:"Plan and run webinars."`
	Registration RegistrationCommands `cmd:"" help:"Have people sign up for a webinar."`
	PIN          PINCommands          `cmd:"" name:"pin" help:"Set or clear the PIN of a webinar."`
	Invite       InviteCommands       `cmd:"" help:"Make and revoke personal links for named people."`
	Participant  ParticipantCommands  `cmd:"" help:"See who is inside, and moderate."`
	Lobby        LobbyCommands        `cmd:"" help:"Let people in who wait."`
	Ban          BanCommands          `cmd:"" help:"See who may not rejoin, and lift that."`
	Chat         ChatCommands         `cmd:"" help:"Save what was written."`
	Attendance   AttendanceCommands   `cmd:"" help:"See who was inside, and when."`
	Recording    RecordingCommands    `cmd:"" help:"Record a webinar, and get the files."`
	Caption      CaptionCommand       `cmd:"" help:"Show what standard input says to those who read along, line by line."`
	Audit        AuditCommands        `cmd:"" help:"See what was done, verify it and undo it."`
	Watch        WatchCommand         `cmd:"" help:"Follow a webinar as it happens."`
	Webhook      WebhookCommands      `cmd:"" help:"Have servers told what happens."`
	Account      AccountCommands      `cmd:"" help:"Keep the accounts of people who sign in."`
	Token        TokenCommands        `cmd:"" help:"Keep the API tokens of hosts and programs."`
	JoinToken    JoinTokenCommands    `cmd:"" help:"Make tokens that let nodes into the mesh."`
	Status       StatusCommand        `cmd:"" help:"Show the mesh: its nodes, and how each track travels."`
	Drain        DrainCommand         `cmd:"" help:"Have a node hand over what it carries, before it is stopped."`
	Completion   CompletionCommand    `cmd:"" help:"Teach a shell the commands and flags."`
}

// exited carries kong's wish to exit, after --help, out of the parser.
type exited int

// Run parses args by grammar, a pointer to a struct for kong, runs the command
// that they name and returns the exit status. Commands may ask for a
// context.Context, an *Env, and whatever options bind beside.
func Run(ctx context.Context, args []string, grammar any, e *Env, options ...kong.Option) (status int) {
	defer func() {
		if code, ok := recover().(exited); ok {
			status = int(code)
		}
	}()
	options = append([]kong.Option{
		kong.Name("stentor"),
		kong.Writers(e.Stdout, e.Stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(e),
		kong.BindTo(ctx, (*context.Context)(nil)),
	}, options...)
	parser, err := kong.New(grammar, options...)
	if err != nil {
		return Report(e.Stderr, fmt.Errorf("cli: %w", err))
	}
	command, err := parser.Parse(args)
	if err != nil {
		return Report(e.Stderr, err)
	}
	return Report(e.Stderr, command.Run())
}

// nothing prints a sentence where there is no table to print.
func nothing(w io.Writer, sentence string) error {
	_, err := fmt.Fprintln(w, sentence)
	return err
}

// exclusive refuses two flags that contradict each other.
func exclusive(a bool, nameA string, b bool, nameB string) error {
	if a && b {
		return Usage(errors.New(nameA + " and " + nameB + " exclude each other"))
	}
	return nil
}

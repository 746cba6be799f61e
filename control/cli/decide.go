package cli

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"stentor/control/client"
)

// decision are the arguments of a decision on registrants.
type decision struct {
	Remote
	Webinar     string   `arg:"" help:"Id of the webinar."`
	Registrants []string `arg:"" optional:"" name:"registrant" help:"Ids of those whom it is about."`
}

// pending adds to a decision that it can be about everybody who waits for one.
type pending struct {
	decision
	All bool `help:"Everybody who waits for a decision."`
}

// RegistrationApprove approves registrants.
type RegistrationApprove struct{ pending }

// Run approves them.
func (c *RegistrationApprove) Run(ctx context.Context, e *Env) error {
	return c.decide(ctx, e, "approve", c.All)
}

// RegistrationDecline declines registrants.
type RegistrationDecline struct{ pending }

// Run declines them.
func (c *RegistrationDecline) Run(ctx context.Context, e *Env) error {
	return c.decide(ctx, e, "decline", c.All)
}

// RegistrationCancel cancels registrations.
type RegistrationCancel struct{ decision }

// Run cancels them.
func (c *RegistrationCancel) Run(ctx context.Context, e *Env) error {
	return c.decide(ctx, e, "cancel", false)
}

// largestDecision is how many registrants one call decides on.
const largestDecision = 500

// decide decides on the registrants, as many in a call as the API takes, and
// prints where they stand.
func (c *decision) decide(ctx context.Context, e *Env, what string, all bool) error {
	if err := exclusive(all, "--all", len(c.Registrants) > 0, "ids of registrants"); err != nil {
		return err
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	ids := c.Registrants
	if all {
		for r, err := range client.Each(func(p client.Page) (client.Registrants, error) { return api.Registrants(ctx, c.Webinar, "pending", p) }) {
			if err != nil {
				return err
			}
			ids = append(ids, r.ID)
		}
	} else if len(ids) == 0 {
		return Hint(Usage(errors.New("no registrants are given")), "stentor registration list "+c.Webinar+" shows them")
	}
	var decided client.DecidedRegistrants
	for some := range slices.Chunk(ids, largestDecision) {
		d, err := api.DecideRegistrants(ctx, c.Webinar, client.DecideRegistrants{IDs: some, Decision: what})
		if err != nil {
			if n := len(decided.Items); n > 0 {
				err = Hint(err, "the first "+strconv.Itoa(n)+" were decided on before that")
			}
			return err
		}
		decided.Items, decided.Registration = append(decided.Items, d.Items...), d.Registration
	}
	return view[client.DecidedRegistrant]{
		heading: "REGISTRANT STATUS", empty: "Nobody waits for a decision.",
		id:  func(d client.DecidedRegistrant) string { return d.ID },
		row: func(d client.DecidedRegistrant) []string { return []string{d.ID, d.Status} },
	}.print(e, c.Remote, decided.Items, decided)
}

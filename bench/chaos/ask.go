package chaos

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"stentor/control/client"
)

// ask makes a call of a node, and fills in what came of it. The error is an answer that
// nothing explains.
func ask(ctx context.Context, c *client.Client, w *client.Webinar, call *Call) error {
	var err error
	var sent atomic.Int64
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Add(1) }})
	call.IdempotencyKey = rand.Text()
	key := client.IdempotencyKey(call.IdempotencyKey)
	switch call.Op {
	case Register:
		_, err = c.Register(ctx, w.Link, client.Register{FirstName: "P", LastName: "Q", Email: call.Key}, key)
	case Ban:
		_, err = c.Disconnect(ctx, call.Webinar, call.Key, client.Disconnect{Ban: true}, key)
	case Lift:
		_, err = c.Reinvite(ctx, call.Webinar, call.Key, key)
	}
	call.Sent, call.Said = sent.Load(), said(err)
	call.Answer, err = answerOf(err, call.Sent)
	return err
}

// said is an answer in a few words.
func said(err error) string {
	problem := (*client.Problem)(nil)
	switch {
	case err == nil:
		return "2xx"
	case errors.As(err, &problem):
		return fmt.Sprint(problem.Status, " ", problem.Code)
	}
	return err.Error()
}

// reason is said without what differs from call to call.
func reason(c Call) string {
	if !strings.Contains(c.Said, ":") { // a status and a code
		return fmt.Sprint(c.Answer, ": ", c.Said)
	}
	if c.Sent == 0 {
		return fmt.Sprint(c.Answer, ": no connection")
	}
	return fmt.Sprint(c.Answer, ": no answer")
}

// answerOf reads an answer. What a gateway or a node without a leader says leaves it open
// whether the call counts; what was refused before it was looked at did not.
//
// That no_voter means that nothing was done is the promise of an edge (node/passon.go), to
// which the history holds it; while it was said of lost answers too, one of five such calls
// had been carried out.
//
// A call that was sent before, to a node that died, may count whatever its repetition
// was answered.
func answerOf(err error, sent int64) (Answer, error) {
	problem := (*client.Problem)(nil)
	dial := (*net.OpError)(nil)
	switch {
	case err == nil:
		return Done, nil
	case errors.As(err, &dial) && dial.Op == "dial" && sent == 0:
		return NotSent, nil
	case !errors.As(err, &problem):
		return Unknown, nil
	}
	switch problem.Code {
	case "registration_full":
		return Full, nil
	case "already_registered":
		return Duplicate, nil
	case "participant_not_found":
		return None, nil
	case "too_many_requests", "webinar_not_found", "registration_unavailable", "no_voter": // the node does not have it yet
		if sent > 1 {
			return Unknown, nil
		}
		return NotSent, nil
	}
	if problem.Status >= 500 {
		return Unknown, nil
	}
	return Unknown, fmt.Errorf("chaos: an answer that nothing explains: %s: %w", problem.Code, err)
}

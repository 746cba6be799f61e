package talk

import (
	"errors"
	"fmt"
	"time"

	"stentor/control/webinar"
)

// The refusals that are the talk's own. The others come from package webinar.
var (
	ErrMessagesOff     = &webinar.Denial{Code: "messages_off", Detail: "Guests cannot send messages in this webinar now."}
	ErrMessagesStopped = &webinar.Denial{Code: "messages_stopped", Detail: "The host has turned off your messages."}
	ErrText            = &webinar.Denial{Code: "text_invalid", Detail: "A message has 1 to 1,000 characters."}
	ErrPoll            = &webinar.Denial{Code: "poll_invalid", Detail: "A poll asks something and has 2 to 10 answers of at most 200 characters, each another one."}
	ErrCaption         = &webinar.Denial{Code: "caption_invalid", Detail: "A caption is one line of 1 to 200 characters."}
	ErrLanguage        = &webinar.Denial{Code: "caption_language", Detail: "A caption names its language, such as de or pt-BR, and there are captions in at most 16 languages."}
	ErrGone            = &webinar.Denial{Code: "talk_gone", Detail: "That is not there any more."}
	ErrClosed          = &webinar.Denial{Code: "poll_closed", Detail: "This poll is closed."}
	ErrVoted           = &webinar.Denial{Code: "voted", Detail: "You have voted already."}
	ErrFull            = &webinar.Denial{Code: "talk_full", Detail: "There is no more room for that in this webinar."}
	ErrTooFast         = &webinar.Denial{Code: "too_fast", Detail: "That was too fast. Please wait a moment."}
	ErrBusy            = &webinar.Denial{Code: "talk_busy", Detail: "Too many people write at once. Please try again in a moment."}
	ErrCutOff          = &webinar.Denial{Code: "cut_off", Detail: "This node cannot reach the others now, so your message was not sent. It can be sent again."}
	ErrLevel           = &webinar.Denial{Code: "talk_later", Detail: "Chat begins once every node of this service runs the new version."}
	errMalformed       = &webinar.Denial{Code: "message_malformed", Detail: "This message is not known."}
	errElsewhere       = &webinar.Denial{Code: "talk_elsewhere", Detail: "Another node holds this talk."}
)

// Slow is the refusal of somebody who wrote a moment ago, in a webinar whose host slowed the guests down.
type Slow struct{ Wait time.Duration }

// Error says when they can write again.
func (s *Slow) Error() string {
	return fmt.Sprintf("Slow mode is on. You can write again in %d s.", int(s.Wait.Seconds()+0.999))
}

// As lets a *webinar.Denial be made of it.
func (s *Slow) As(target any) bool {
	d, ok := target.(**webinar.Denial)
	if ok {
		*d = &webinar.Denial{Code: "slow_mode", Detail: s.Error()}
	}
	return ok
}

// Wait is how long somebody has to wait who was refused; zero where that helps nothing.
func Wait(err error) time.Duration {
	if s, ok := errors.AsType[*Slow](err); ok {
		return s.Wait
	}
	return 0
}

package sfu

import (
	"errors"

	"github.com/pion/webrtc/v4"
)

// errNotYet is the answer to whoever wants to begin anew what has not begun.
var errNotYet = errors.New("sfu: ICE cannot begin anew while it begins")

// restart begins ICE anew (RFC 8445 section 9): this side draws new credentials too.
// The DTLS session, the keys and the media stay. A viewer who has not come yet is
// expected under its new name, by expect.
func (c *peer) restart(theirs credentials, expect func()) (string, error) {
	select {
	case c.making <- struct{}{}:
		defer func() { <-c.making }()
	case <-c.ctx.Done():
		return "", c.err()
	}
	c.mu.Lock()
	made, up, over := c.pc != nil, c.up, c.over
	c.mu.Unlock()
	mine := newCredentials()
	answer, err := rewritten(c.answer, mine)
	switch {
	case err != nil:
		return "", err
	case over:
		return "", c.err()
	case made && !up:
		return "", errNotYet
	}
	before, were := c.me.credentials, c.plan.again
	c.me.credentials, c.plan.again = mine, &theirs
	if !made {
		c.sfu.door.forget(before.ufrag)
		expect()
	} else if err := c.renegotiate(); err != nil {
		c.me.credentials, c.plan.again = before, were
		return "", err
	}
	c.answer = answer
	return answer, nil
}

// renegotiate lets pion take the new credentials of both sides. Ours it takes from the
// settings when it begins anew, and those of an API can be set again.
func (c *peer) renegotiate() error {
	c.settings.SetICECredentials(c.me.ufrag, c.me.pwd)
	webrtc.WithSettingEngine(c.settings)(c.api)
	_, err := c.negotiate()
	return err
}

// answered is the newest description of this side.
func (c *peer) answered() string {
	c.making <- struct{}{}
	defer func() { <-c.making }()
	return c.answer
}

package sfu

import (
	"errors"
	"reflect"

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

// renegotiate lets pion take the new credentials of both sides.
func (c *peer) renegotiate() error {
	settings, err := settingsOf(c.pc)
	if err != nil {
		return err
	}
	settings.SetICECredentials(c.me.ufrag, c.me.pwd) // read when ICE begins, and by nobody else
	_, err = c.negotiate()
	return err
}

// settingsOf returns the settings that a connection works with. pion takes its ICE
// credentials from there when it begins anew, and has no other way to be told them: once
// given, they would stay the same, which RFC 8445 section 9 forbids. The way there is by
// names, and the types on it are compared: with another pion it ends in an error, and
// the test says so. (Upstream would have to offer credentials with the ICE restart.)
func settingsOf(pc *webrtc.PeerConnection) (*webrtc.SettingEngine, error) {
	api := reflect.ValueOf(pc).Elem().FieldByName("api")
	if !api.IsValid() || api.Type() != reflect.TypeFor[*webrtc.API]() || api.IsNil() {
		return nil, errNoSettings
	}
	settings := api.Elem().FieldByName("settingEngine")
	if !settings.IsValid() || settings.Type() != reflect.TypeFor[*webrtc.SettingEngine]() || settings.IsNil() {
		return nil, errNoSettings
	}
	return (*webrtc.SettingEngine)(settings.UnsafePointer()), nil
}

var errNoSettings = errors.New("sfu: this version of pion keeps its settings elsewhere")

// answered is the newest description of this side.
func (c *peer) answered() string {
	c.making <- struct{}{}
	defer func() { <-c.making }()
	return c.answer
}

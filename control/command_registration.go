package control

import "stentor/control/controlpb"

func (d *draft) register(*controlpb.Register) (string, error) { return "", ErrUnknownCommand }

func (d *draft) decideRegistrants(*controlpb.DecideRegistrants) (string, error) {
	return "", ErrUnknownCommand
}

func (d *draft) openRegistration(*controlpb.OpenRegistration) (string, error) {
	return "", ErrUnknownCommand
}

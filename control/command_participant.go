package control

import "stentor/control/controlpb"

func (d *draft) reinvite(*controlpb.Reinvite) (string, error) { return "", ErrUnknownCommand }

func (d *draft) setParticipant(*controlpb.SetParticipant) (string, error) {
	return "", ErrUnknownCommand
}

func (d *draft) admitVisitors(*controlpb.AdmitVisitors) (string, error) { return "", ErrUnknownCommand }

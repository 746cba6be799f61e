package control

import "stentor/control/controlpb"

func (d *draft) editWebinar(*controlpb.EditWebinar) (string, error) { return "", ErrUnknownCommand }

func (d *draft) rotateLink(*controlpb.RotateLink) (string, error) { return "", ErrUnknownCommand }

func (d *draft) extendOccurrences(*controlpb.ExtendOccurrences) (string, error) {
	return "", ErrUnknownCommand
}

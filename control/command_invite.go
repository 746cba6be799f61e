package control

import "stentor/control/controlpb"

func (d *draft) revokeInvite(*controlpb.RevokeInvite) (string, error) { return "", ErrUnknownCommand }

func (d *draft) createInvites(*controlpb.CreateInvites) (string, error) { return "", ErrUnknownCommand }

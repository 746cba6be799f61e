package control

import "stentor/control/controlpb"

func (d *draft) signAudit(*controlpb.SignAudit) (string, error) { return "", ErrUnknownCommand }

package control

import "stentor/control/controlpb"

func (d *draft) settleMail(*controlpb.SettleMail) (string, error) { return "", ErrUnknownCommand }

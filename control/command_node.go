package control

import "stentor/control/controlpb"

func (d *draft) removeNode(*controlpb.RemoveNode) (string, error) { return "", ErrUnknownCommand }

package control

import "stentor/control/controlpb"

func (d *draft) checkpoint(*controlpb.Checkpoint) (string, error) { return "", ErrUnknownCommand }

func (d *draft) tick() (string, error) { return "", nil }

package control

import "stentor/control/controlpb"

func (d *draft) createAccount(*controlpb.CreateAccount) (string, error) { return "", ErrUnknownCommand }

func (d *draft) editAccount(*controlpb.EditAccount) (string, error) { return "", ErrUnknownCommand }

func (d *draft) deleteAccount(*controlpb.DeleteAccount) (string, error) { return "", ErrUnknownCommand }

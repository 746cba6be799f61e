package control

import "stentor/control/controlpb"

func (d *draft) createWebhook(*controlpb.CreateWebhook) (string, error) { return "", ErrUnknownCommand }

func (d *draft) deleteWebhook(*controlpb.DeleteWebhook) (string, error) { return "", ErrUnknownCommand }

func (d *draft) advanceWebhook(*controlpb.AdvanceWebhook) (string, error) {
	return "", ErrUnknownCommand
}

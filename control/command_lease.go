package control

import "stentor/control/controlpb"

func (d *draft) registerNode(*controlpb.RegisterNode) (string, error) { return "", ErrUnknownCommand }

func (d *draft) acquireSeats(*controlpb.AcquireSeats) (string, error) { return "", ErrUnknownCommand }

func (d *draft) returnSeats(*controlpb.ReturnSeats) (string, error) { return "", ErrUnknownCommand }

func (d *draft) reportSeats(*controlpb.ReportSeats) (string, error) { return "", ErrUnknownCommand }

func (d *draft) transferSeat(*controlpb.TransferSeat) (string, error) { return "", ErrUnknownCommand }

func (d *draft) acquireGuesses(*controlpb.AcquireGuesses) (string, error) {
	return "", ErrUnknownCommand
}

func (d *draft) renewLease(*controlpb.RenewLease) (string, error) { return "", ErrUnknownCommand }

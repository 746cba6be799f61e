package cli

import "context"

// ChatCommands save what was said.
type ChatCommands struct {
	Export ChatExport `cmd:"" help:"Write the chat and the questions of a webinar that lasts, as CSV."`
}

// ChatExport exports the chat.
type ChatExport struct {
	Export
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run writes the table.
func (c *ChatExport) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.write(e, func(w *sink) error { return api.ExportChat(ctx, c.Webinar, w) })
}

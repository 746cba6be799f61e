package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"stentor/control/client"
)

// CaptionCommand writes captions: what a program that hears the speakers prints, or what somebody types.
type CaptionCommand struct {
	oneWebinar
	Language string `help:"The language of what comes, as a tag such as de or pt-BR." short:"l" required:""`
}

// Help says what the lines are.
func (c *CaptionCommand) Help() string {
	return "Each line of standard input is a caption. A line that begins with ~ is what was heard so far: the next line takes its place."
}

// longestCaption is how many characters a caption has at most; a longer line becomes several.
const longestCaption = 200

// longestLine bounds a line of standard input, in bytes: what somebody says without a pause in some minutes.
const longestLine = 16 << 10

// Run reads until the input ends.
func (c *CaptionCommand) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(e.Stdin)
	lines.Buffer(nil, longestLine)
	began, n := e.Now().UnixNano(), 0 // so that another run's captions are others
	for lines.Scan() {
		text, draft := strings.CutPrefix(strings.TrimSpace(strings.ToValidUTF8(lines.Text(), "")), "~")
		parts := captionsOf(text)
		if draft && len(parts) > 1 {
			parts = parts[len(parts)-1:] // the end of what is spoken still
		}
		for _, part := range parts {
			err := api.WriteCaption(ctx, c.Webinar, client.WriteCaption{Language: c.Language, Text: part, Draft: draft, Key: fmt.Sprintf("%x-%d", began, n)})
			if err := c.passing(e, err); err != nil {
				return err
			}
			if !draft {
				n++
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	return nil
}

// passing says on the way what costs one caption alone: captions are worth nothing later, and those that follow are.
func (c *CaptionCommand) passing(e *Env, err error) error {
	p, refused := errors.AsType[*client.Problem](err)
	gone := new(client.UnreachableError)
	lost := refused && (p.Status == http.StatusTooManyRequests || p.Status >= 500) || errors.As(err, &gone)
	if !lost {
		return err
	}
	e.hint("a caption was lost: %v", err)
	return nil
}

// captionsOf cuts a line into captions, between words where it can.
func captionsOf(line string) (out []string) {
	now := ""
	for _, word := range strings.Fields(line) {
		for utf8.RuneCountInString(word) > longestCaption {
			cut := []rune(word)
			out, word = append(append(out, notEmpty(now)...), string(cut[:longestCaption])), string(cut[longestCaption:])
			now = ""
		}
		if next := strings.TrimSpace(now + " " + word); utf8.RuneCountInString(next) <= longestCaption {
			now = next
			continue
		}
		out, now = append(out, now), word
	}
	return append(out, notEmpty(now)...)
}

func notEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// silence is how long an open stream may say nothing. The server writes a
// comment each 15 seconds, so that two of them were lost by then.
const silence = 45 * time.Second

// maxEvent bounds one event. The largest one holds a webinar with its form.
const maxEvent = 1 << 20

// errSilent means that a stream has said nothing for too long.
var errSilent = errors.New("client: the server has fallen silent")

// openStream asks for an answer that may go on for any time. What it returns
// ends with ctx, or when nothing has come for as long as silence.
func (c *Client) openStream(ctx context.Context, path, accept string, options ...CallOption) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	request, err := c.request(ctx, "GET", path, nil, options)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	request.Header.Set("Accept", accept+", application/problem+json")
	patient := *c.http
	patient.Timeout = 0 // it would end the stream, however alive it is
	watch := time.AfterFunc(silence, func() { cancel(errSilent) })
	give := func(err error) (io.ReadCloser, error) {
		watch.Stop()
		cancel(nil)
		return nil, err
	}
	response, err := patient.Do(request)
	if err != nil {
		switch cause := context.Cause(ctx); {
		case cause == nil:
			return give(&UnreachableError{Server: c.Server(), Err: err})
		case errors.Is(cause, errSilent):
			return give(&UnreachableError{Server: c.Server(), Err: errSilent})
		default:
			return give(fmt.Errorf("client: %w", cause))
		}
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK || kind != accept {
		defer response.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxResponse))
		return give(problemOf(response, body))
	}
	return &stream{ctx: ctx, cancel: cancel, body: response.Body, watch: watch}, nil
}

// stream is the body of an answer that goes on.
type stream struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	body   io.ReadCloser
	watch  *time.Timer
}

// Read reads what came, and puts the end off.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.body.Read(b)
	if n > 0 {
		s.watch.Reset(silence)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(s.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// Close lets go of the connection.
func (s *stream) Close() error {
	s.watch.Stop()
	s.cancel(nil)
	return s.body.Close()
}

// message is one server-sent event.
type message struct {
	id, event string
	data      []byte
}

// messages reads server-sent events (HTML Living Standard, section 9.2).
type messages struct {
	lines  *bufio.Scanner
	begun  bool
	idLine string        // the last one that came; an event is seen at its end
	lastID string        // of what was seen to its end, data or not: a heartbeat has none
	retry  time.Duration // how long the server asks to wait before the next try; 0: it does not
}

func newMessages(r io.Reader) *messages {
	m := &messages{lines: bufio.NewScanner(r)}
	m.lines.Buffer(nil, maxEvent)
	afterCR := false
	m.lines.Split(func(data []byte, _ bool) (int, []byte, error) {
		skip := 0
		if afterCR && len(data) > 0 && data[0] == '\n' {
			skip = 1
		}
		i := bytes.IndexAny(data[skip:], "\r\n")
		if i < 0 {
			return 0, nil, nil // what is cut off by the end is no line
		}
		i += skip
		afterCR = data[i] == '\r'
		return i + 1, data[skip:i], nil
	})
	return m
}

// next returns the next event that has data. At the end of the stream it
// returns io.EOF, and an event that was cut off there is lost, as it has to be:
// the server sends it again to whoever resumes.
func (m *messages) next() (message, error) {
	var out message
	size, has := 0, false
	for m.lines.Scan() {
		line := m.lines.Text()
		if !m.begun {
			line, m.begun = strings.TrimPrefix(line, "\ufeff"), true
		}
		if line == "" {
			m.lastID = m.idLine
			if has {
				out.id, out.data = m.lastID, bytes.TrimSuffix(out.data, []byte("\n"))
				return out, nil
			}
			out = message{}
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			out.event = value
		case "data":
			if size += len(value); size > maxEvent {
				return message{}, fmt.Errorf("client: an event of more than %d bytes", maxEvent)
			}
			out.data, has = append(append(out.data, value...), '\n'), true
		case "id":
			if !strings.ContainsRune(value, 0) {
				m.idLine = value
			}
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				m.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
	if err := m.lines.Err(); err != nil {
		return message{}, err
	}
	return message{}, io.EOF
}

// download writes an answer of any length to w.
func (c *Client) download(ctx context.Context, path, kind string, w io.Writer) error {
	body, err := c.openStream(ctx, path, kind)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("client: GET %s: %w", path, err)
	}
	return nil
}

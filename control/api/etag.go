package api

import (
	"strconv"
	"strings"

	"stentor/control/client"
	"stentor/control/webinar"
)

// etag is the ETag of a webinar: its version.
func etag(w *webinar.Webinar) string { return strconv.Quote(strconv.FormatUint(w.Version, 10)) }

// Expected is the If-Match of a request.
type Expected struct {
	IfMatch string `header:"If-Match" maxLength:"64" doc:"Change the webinar only while it has this ETag."`
}

// version returns the version that the command has to find, 0 for any.
func (e Expected) version() (uint64, error) {
	tag := strings.TrimSpace(e.IfMatch)
	if tag == "" || tag == "*" {
		return 0, nil
	}
	if len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		if v, err := strconv.ParseUint(tag[1:len(tag)-1], 10, 64); err == nil && v > 0 {
			return v, nil
		}
	}
	return 0, refuse(codeInvalidIfMatch, "", client.FieldError{Location: "header.If-Match", Message: "is not an ETag of a webinar"})
}

// Keyed is the Idempotency-Key of a request.
type Keyed struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"128" doc:"A change that comes again with the same key acts once, and is answered the same."`
}

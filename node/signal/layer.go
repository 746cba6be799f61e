package signal

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"stentor/node/sfu"
)

// layered is a viewer's connection whose layers can be chosen; *sfu.Viewer is one.
type layered interface {
	// Layers are those of each video section of the answer, by its index.
	Layers() map[int][]sfu.Layer
	// Choose fixes or bounds what a section is sent; the zero Wish is automatic again.
	// A section of -1 is the first with video. It fails with [sfu.ErrNoLayer].
	Choose(section int, w sfu.Wish) error
}

// Layer is one layer of a video as players are told of it (draft-ietf-wish-whep-03,
// section 4.9.1.3). Bitrates are in bit/s; one that is not sent now has none.
type Layer struct {
	RID           string `json:"rid,omitempty"`
	Spatial       *int   `json:"spatialLayerId,omitempty"`
	Temporal      *int   `json:"temporalLayerId,omitempty"`
	Bitrate       int    `json:"bitrate,omitempty"`
	TargetBitrate int    `json:"targetBitrate,omitempty"`
	Width         int    `json:"width,omitempty"`
	Height        int    `json:"height,omitempty"`
}

// Choice is what a player wants of a video (section 4.9.2). Nil and zero are no wish.
type Choice struct {
	RID         string `json:"rid"`
	Spatial     *int   `json:"spatialLayerId"`
	Temporal    *int   `json:"temporalLayerId"`
	MaxSpatial  *int   `json:"maxSpatialLayerId"`
	MaxTemporal *int   `json:"maxTemporalLayerId"`
	MaxWidth    int    `json:"maxWidth"`
	MaxHeight   int    `json:"maxHeight"`
}

var errNoLayers = problem{Status: http.StatusUnprocessableEntity, Code: "layers_unsupported", Detail: "This session's video has one layer."}

// layersEvent is the data of an event.
func layersEvent(by map[int][]sfu.Layer) map[string][]Layer {
	out := make(map[string][]Layer, len(by))
	for section, all := range by {
		told := make([]Layer, len(all))
		for i, l := range all {
			told[i] = Layer{RID: l.RID, Bitrate: l.Bitrate, Width: l.Width, Height: l.Height}
		}
		out[strconv.Itoa(section)] = told
	}
	return out
}

// wish is a choice in the words of node/sfu; false where it names a layer within a stream,
// of which there are none. A bound that is above all that there is, is none.
func (c Choice) wish() (sfu.Wish, bool) {
	if c.Spatial != nil || c.Temporal != nil || c.MaxWidth < 0 || c.MaxHeight < 0 {
		return sfu.Wish{}, false
	}
	return sfu.Wish{RID: c.RID, Width: c.MaxWidth, Height: c.MaxHeight}, true
}

// chooseLayer takes a player's choice.
func (s *Server) chooseLayer(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	text, err := body(w, r, maxJSON, typeJSON)
	if err != nil {
		return err
	}
	var in struct {
		Media    string `json:"mediaId"`
		Encoding string `json:"encodingId"` // what rid was called before
		Choice
	}
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return problem{Status: http.StatusBadRequest, Code: "body_malformed", Detail: "The body cannot be read: " + err.Error() + "."}
	}
	if in.RID == "" {
		in.RID = in.Encoding
	}
	section := -1
	if in.Media != "" {
		if section, err = strconv.Atoi(in.Media); err != nil || section < 0 || section >= sfu.MaxSections {
			return noSuchLayer
		}
	}
	return choose(w, res, section, in.Choice)
}

// freeLayer has the server choose again, which some players ask for by DELETE.
func (s *Server) freeLayer(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	return choose(w, res, -1, Choice{})
}

var noSuchLayer = problem{Status: http.StatusUnprocessableEntity, Code: "layer_unknown", Detail: "This video has no such layer; the layers event lists them."}

func choose(w http.ResponseWriter, res *resource, section int, c Choice) error {
	l, ok := res.conn.(layered)
	if !ok {
		if c == (Choice{}) {
			w.WriteHeader(http.StatusOK) // automatic, which it is
			return nil
		}
		return errNoLayers
	}
	wish, ok := c.wish()
	if !ok {
		return noSuchLayer
	}
	if err := l.Choose(section, wish); errors.Is(err, sfu.ErrNoLayer) {
		return noSuchLayer
	} else if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

package control

import (
	"slices"
	"testing"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestSitesThatMayShowAWebinarAreASetting(t *testing.T) {
	l := newLog3(t)
	l.must(plan("w_1", &controlpb.Settings{EmbedOrigins: []string{"https://www.example.org"}}))
	l.must(plan("w_2", &controlpb.Settings{}))
	sites := func(id string) []string { return l.s.Webinar(id).EmbedOrigins }
	if got := sites("w_1"); !slices.Equal(got, []string{"https://www.example.org"}) || len(sites("w_2")) != 0 {
		t.Errorf("a new webinar: %v, another one: %v", got, sites("w_2"))
	}
	two := []string{"https://a.example:8443", "http://localhost:3000"}
	before := l.s.Webinar("w_1").Version
	l.must(edit("w_1", &controlpb.Settings{EmbedOrigins: two}, "embed_origins"))
	if got := sites("w_1"); !slices.Equal(got, two) || l.s.Webinar("w_1").Version != before+1 {
		t.Errorf("after an edit: %v, version %d after %d", got, l.s.Webinar("w_1").Version, before)
	}
	t.Run("an edge knows it", func(t *testing.T) {
		if got := l.s.Edge(clusterKey, nil).Webinar("w_1").EmbedOrigins; !slices.Equal(got, two) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("the audit log says that it changed", func(t *testing.T) {
		found := 0
		for e := range l.s.Audit(0) {
			if e.GetAction() == "webinar.edited" && e.GetWebinar() == "w_1" && string(e.GetData()) == `{"fields":["embed_origins"]}` {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d entries", found)
		}
	})
	t.Run("an edit of something else keeps it", func(t *testing.T) {
		l.must(edit("w_1", &controlpb.Settings{Title: "New"}, "title"))
		if got := sites("w_1"); !slices.Equal(got, two) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("an edit takes it back", func(t *testing.T) {
		l.must(edit("w_1", &controlpb.Settings{}, "embed_origins"))
		if got := sites("w_1"); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	})
}

func TestSitesThatNoWebinarIsShownBy(t *testing.T) {
	eleven := make([]string, webinar.MaxEmbedOrigins+1)
	for i := range eleven {
		eleven[i] = "https://" + string(rune('a'+i)) + ".example"
	}
	for name, origins := range map[string][]string{
		"everybody": {"*"}, "plain HTTP": {"http://www.example.org"}, "a path": {"https://www.example.org/x"}, "eleven": eleven,
		"a directive of a header": {"https://www.example.org; script-src *"}, "one twice": {"https://a.example", "https://a.example"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog3(t)
			l.must(plan("w_1", &controlpb.Settings{}))
			l.refused("invalid_embed_origins", edit("w_1", &controlpb.Settings{EmbedOrigins: origins}, "embed_origins"))
			l.refused("invalid_embed_origins", plan("w_2", &controlpb.Settings{EmbedOrigins: origins}))
		})
	}
}

// An older node would pass over the setting, and hold another state than the others.
func TestNoClusterWithOlderNodesHearsOfSites(t *testing.T) {
	mask := make([]string, settingsOfLevel2+1)
	for i := range mask {
		mask[i] = "title"
	}
	s := &controlpb.Settings{Title: "About it", EmbedOrigins: []string{"https://www.example.org"}}
	for name, tt := range map[string]struct {
		c    *controlpb.Command
		want bool
	}{
		"a new webinar with sites":                {plan("w_2", s), true},
		"a new webinar without":                   {plan("w_2", &controlpb.Settings{}), false},
		"an edit of the sites":                    {edit("w_1", s, "embed_origins"), true},
		"an edit that takes them back":            {edit("w_1", &controlpb.Settings{}, "title", "embed_origins"), true},
		"an edit of the title":                    {edit("w_1", s, "title"), false},
		"a mask with more names than there were":  {edit("w_1", s, mask...), true},
		"a mask with as many names as there were": {edit("w_1", s, mask[1:]...), false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog2(t)
			l.must(plan("w_1", &controlpb.Settings{}))
			before := l.s
			r := l.apply(tt.c)
			if got := codeOf(r.Err) == "feature_level"; got != tt.want || before.Acceptable(tt.c) == nil == tt.want {
				t.Errorf("%v; acceptable: %v", r.Err, before.Acceptable(tt.c))
			}
		})
	}
}

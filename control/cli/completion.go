package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// CompletionCommand prints what teaches a shell the commands and flags.
type CompletionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

// Help says what to do with the script.
func (CompletionCommand) Help() string {
	return "bash:  source <(stentor completion bash)\n" +
		"zsh:   stentor completion zsh > \"${fpath[1]}/_stentor\"\n" +
		"fish:  stentor completion fish > ~/.config/fish/completions/stentor.fish"
}

// Run prints the script, made from the grammar that this program parses.
func (c *CompletionCommand) Run(k *kong.Context, e *Env) error {
	tree := treeOf(k.Model.Node, "")
	slices.SortStableFunc(tree, func(a, b place) int { return cmp.Compare(a.path, b.path) })
	write := map[string]func(io.Writer, []place){"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell]
	var b strings.Builder
	write(&b, tree)
	_, err := io.WriteString(e.Stdout, b.String())
	return err
}

// place is a command, and what may come after it.
type place struct {
	path     string // "", "webinar", "webinar create"
	commands []word
	flags    []word
	values   []string // of its argument that has a few
}

// word is something to complete, with what it means.
type word struct {
	text, help string
	takes      bool     // a flag with a value
	values     []string // a flag whose value is one of these
	file       bool     // a flag whose value is a file
}

// treeOf returns the node and all below it. What is hidden is left out.
func treeOf(n *kong.Node, path string) []place {
	p := place{path: path}
	var below []place
	for _, c := range n.Children {
		if c.Hidden || c.Type != kong.CommandNode {
			continue
		}
		p.commands = append(p.commands, word{text: c.Name, help: c.Help})
		below = append(below, treeOf(c, strings.TrimSpace(path+" "+c.Name))...)
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			w := word{text: "--" + f.Name, help: f.Help, takes: !f.IsBool(), file: f.PlaceHolder == "FILE" || f.Tag.Type == "path"}
			if f.Enum != "" {
				w.values = slices.DeleteFunc(f.EnumSlice(), func(v string) bool { return v == "" })
			}
			p.flags = append(p.flags, w)
			if no := negation(f); no != "" {
				p.flags = append(p.flags, word{text: "--" + no, help: "The opposite of --" + f.Name + "."})
			}
		}
	}
	for _, a := range n.Positional {
		if a.Enum != "" {
			p.values = append(p.values, a.EnumSlice()...)
		}
	}
	return append([]place{p}, below...)
}

// negation returns the flag that switches f off, "" where there is none.
func negation(f *kong.Flag) string {
	switch {
	case f.Tag == nil || !f.Tag.Has("negatable"):
		return ""
	case f.Tag.Get("negatable") == "":
		return "no-" + f.Name
	}
	return f.Tag.Get("negatable")
}

// quoted is text in single quotes, as all three shells read it.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func texts(words []word) []string {
	var all []string
	for _, w := range words {
		all = append(all, w.text)
	}
	return all
}

// takers are the flags that take a value, of all commands: what follows one of
// them is no command. No flag takes one here and none there.
func takers(tree []place) []string {
	var all []string
	for _, p := range tree {
		for _, f := range p.flags {
			if f.takes {
				all = append(all, f.text)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// paths are the commands, each with a blank before it, as alternatives of a case.
func paths(tree []place) string {
	var all []string
	for _, p := range tree {
		if p.path != "" {
			all = append(all, quoted(" "+p.path))
		}
	}
	return strings.Join(all, "|")
}

func bashScript(b io.Writer, tree []place) {
	fmt.Fprintf(b, `# bash completion for stentor: source <(stentor completion bash)
_stentor() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= before= i w words=
  for ((i = 1; i < COMP_CWORD; i++)); do
    w=${COMP_WORDS[i]}
    case $before in %s) before=$w; continue ;; esac
    case "$at $w" in %s) at="$at $w" ;; esac
    before=$w
  done
  COMPREPLY=()
  case "$at:$prev" in
`, strings.Join(takers(tree), "|"), paths(tree))
	eachValue(tree, func(where string, f word) {
		fmt.Fprintf(b, "    %s) COMPREPLY=($(compgen -W %s -- \"$cur\")); return ;;\n", quoted(where), quoted(strings.Join(f.values, " ")))
	}, func(flag string) {
		fmt.Fprintf(b, "    *:%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", flag)
	})
	fmt.Fprintf(b, "    *:%s) return ;;\n  esac\n  case \"$at\" in\n", strings.Join(takers(tree), "|*:"))
	for _, p := range tree {
		words := append(append(texts(p.commands), p.values...), texts(p.flags)...)
		fmt.Fprintf(b, "    %s) words=%s ;;\n", quoted(lead(p.path)), quoted(strings.Join(words, " ")))
	}
	fmt.Fprint(b, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -F _stentor stentor\n")
}

// lead puts a blank before a path that is not empty, as the scripts count them.
func lead(path string) string {
	if path == "" {
		return ""
	}
	return " " + path
}

// eachValue calls values for each flag of each command that takes one of a few
// words, and files for each flag that takes a file.
func eachValue(tree []place, values func(where string, f word), files func(flag string)) {
	seen := map[string]bool{}
	for _, p := range tree {
		for _, f := range p.flags {
			switch {
			case len(f.values) > 0 && f.takes:
				values(lead(p.path)+":"+f.text, f)
			case f.file && !seen[f.text]:
				seen[f.text] = true
				files(f.text)
			}
		}
	}
}

func zshScript(b io.Writer, tree []place) {
	fmt.Fprintf(b, `#compdef stentor
# zsh completion for stentor: stentor completion zsh > "${fpath[1]}/_stentor"
_stentor() {
  local at= before= w
  local -a found
  for w in ${words[2,CURRENT-1]}; do
    case $before in %s) before=$w; continue ;; esac
    case "$at $w" in %s) at="$at $w" ;; esac
    before=$w
  done
  case "$at:${words[CURRENT-1]}" in
`, strings.Join(takers(tree), "|"), paths(tree))
	eachValue(tree, func(where string, f word) {
		fmt.Fprintf(b, "    %s) compadd -- %s; return ;;\n", quoted(where), strings.Join(f.values, " "))
	}, func(flag string) {
		fmt.Fprintf(b, "    *:%s) _files; return ;;\n", flag)
	})
	fmt.Fprintf(b, "    *:%s) return ;;\n  esac\n  case \"$at\" in\n", strings.Join(takers(tree), "|*:"))
	for _, p := range tree {
		var all []string
		for _, w := range slices.Concat(p.commands, p.flags) {
			all = append(all, quoted(w.text+":"+w.help))
		}
		for _, v := range p.values {
			all = append(all, quoted(v))
		}
		fmt.Fprintf(b, "    %s) found=(%s) ;;\n", quoted(lead(p.path)), strings.Join(all, " "))
	}
	fmt.Fprint(b, `  esac
  _describe stentor found
}
if [ "$funcstack[1]" = _stentor ]; then _stentor "$@"; else compdef _stentor stentor; fi
`)
}

func fishScript(b io.Writer, tree []place) {
	fmt.Fprintf(b, `# fish completion for stentor: stentor completion fish > ~/.config/fish/completions/stentor.fish
function __stentor_at
    set -l at
    set -l before
    for w in (commandline -opc)[2..-1]
        switch "$before"
            case %s
                set before $w
                continue
        end
        switch "$at $w"
            case %s
                set at "$at $w"
        end
        set before $w
    end
    test "$at" = "$argv[1]"
end
complete -c stentor -f
`, strings.Join(takers(tree), " "), strings.ReplaceAll(paths(tree), "|", " "))
	for _, p := range tree {
		here := "-n " + quoted("__stentor_at "+quotedInside(lead(p.path)))
		for _, w := range p.commands {
			fmt.Fprintf(b, "complete -c stentor %s -a %s -d %s\n", here, w.text, quoted(w.help))
		}
		for _, v := range p.values {
			fmt.Fprintf(b, "complete -c stentor %s -a %s\n", here, v)
		}
		for _, f := range p.flags {
			takes := ""
			switch {
			case len(f.values) > 0 && f.takes:
				takes = " -x -a " + quoted(strings.Join(f.values, " "))
			case f.file:
				takes = " -r -F"
			case f.takes:
				takes = " -x"
			}
			fmt.Fprintf(b, "complete -c stentor %s -l %s%s -d %s\n", here, strings.TrimPrefix(f.text, "--"), takes, quoted(f.help))
		}
	}
}

// quotedInside is text in double quotes, for inside of single ones.
func quotedInside(s string) string { return `"` + s + `"` }

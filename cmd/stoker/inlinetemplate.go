package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// inlineTemplate is the flags for an encoding template in a file of the user.
type inlineTemplate struct {
	file         string
	regions      []string
	allowUnknown bool
}

func (t *inlineTemplate) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.file, "template-file", "", "file with your own encoding template, YAML or JSON, to encode with, instead of a profile")
	f.StringArrayVar(&t.regions, "fallback-region", nil, "with --template-file: region to retry a job in, if Bitmovin advises another region; may be repeated")
	f.BoolVar(&t.allowUnknown, "allow-unknown", false, "with --template-file: take keys and values that the server does not know, with a warning")
}

// addTo reads the file, if the flags name one, and puts the template into the request.
func (t *inlineTemplate) addTo(r *stokerv1.SubmitBatchRequest) error {
	if t.file == "" {
		if len(t.regions) > 0 {
			return usagef("--fallback-region is for --template-file; profiles and templates of the server bring their own")
		}
		if t.allowUnknown {
			return usagef("--allow-unknown is for --template-file; profiles and templates of the server have allow_unknown in its configuration")
		}
		return nil
	}
	text, err := os.ReadFile(t.file)
	if err != nil {
		return usageError(err)
	}
	if len(text) == 0 || !utf8.Valid(text) {
		return usageError(errors.New(t.file + ": want a template, YAML or JSON in UTF-8"))
	}
	r.EncodeWith = &stokerv1.SubmitBatchRequest_InlineTemplate{
		InlineTemplate: &stokerv1.InlineTemplate{Yaml: string(text), FallbackRegions: t.regions, AllowUnknown: t.allowUnknown},
	}
	return nil
}

// locate replaces the field of a violation in the template by file and line, such as ladder.yaml:4. Other
// violations are returned as they are.
func (t *inlineTemplate) locate(v client.Violation) client.Violation {
	switch rest, below := strings.CutPrefix(v.Field, "inline_template."); {
	case !below:
	case strings.HasPrefix(rest, "fallback_regions"):
		v.Field = "--fallback-region"
	default:
		v.Field = filepath.Base(t.file)
		if numbered, ok := strings.CutPrefix(v.Message, "line "); ok {
			if line, text, ok := strings.Cut(numbered, ": "); ok {
				v.Field, v.Message = fmt.Sprintf("%s:%s", v.Field, line), text
			}
		}
	}
	return v
}

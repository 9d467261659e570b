package ui

import (
	"fmt"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// Profiles lists profiles.
func Profiles() output.Listing[*stokerv1.Profile] {
	type profile = *stokerv1.Profile
	return output.Listing[profile]{
		Name: profile.GetName,
		Columns: []output.Column[profile]{
			{Head: "PROFILE", Cut: output.CutEnd, Value: func(p profile) output.Value { return output.Text(p.GetName()) }},
			{Head: "ENCODES", Cut: output.CutEnd, ShrinkTo: 20, Value: func(p profile) output.Value { return output.Text(p.GetEncodes()) }},
			{Head: "REGION", LeaveOut: 1, Value: func(p profile) output.Value { return regionValue(p.GetRegion(), p.GetFallbackRegions()) }},
		},
	}
}

// Templates lists encoding templates.
func Templates() output.Listing[*stokerv1.EncodingTemplate] {
	type template = *stokerv1.EncodingTemplate
	return output.Listing[template]{
		Name: template.GetName,
		Columns: []output.Column[template]{
			{Head: "TEMPLATE", Cut: output.CutEnd, Value: func(t template) output.Value { return output.Text(t.GetName()) }},
			{Head: "VARIABLES", Cut: output.CutEnd, Value: func(t template) output.Value { return output.Text(VariableNames(t)) }},
			{Head: "ENCODES", Cut: output.CutEnd, ShrinkTo: 20, Value: func(t template) output.Value { return output.Text(t.GetEncodes()) }},
			{Head: "REGION", LeaveOut: 1, Value: func(t template) output.Value { return regionValue(t.GetRegion(), t.GetFallbackRegions()) }},
		},
	}
}

// Storages lists storages.
func Storages() output.Listing[*stokerv1.Storage] {
	type storage = *stokerv1.Storage
	return output.Listing[storage]{
		Name: storage.GetName,
		Columns: []output.Column[storage]{
			{Head: "STORAGE", Cut: output.CutEnd, Value: func(s storage) output.Value { return output.Text(s.GetName()) }},
			{Head: "TYPE", Value: func(s storage) output.Value { return output.Text(s.GetType()) }},
			{Head: "USE", LeaveOut: 2, Value: func(s storage) output.Value { return output.Own(storageUse(s)) }},
			{Head: "LOCATION", Cut: output.CutMiddle, ShrinkTo: 20, Value: func(s storage) output.Value { return output.Text(s.GetLocation()) }},
			{Head: "REGION", LeaveOut: 1, Value: func(s storage) output.Value { return output.Text(s.GetRegion()) }},
			{Head: "INPUTBASE", Wide: true, Value: func(s storage) output.Value { return output.Text(s.GetInputBase()) }},
			{Head: "OUTPUTBASE", Wide: true, Value: func(s storage) output.Value { return output.Text(s.GetOutputBase()) }},
		},
	}
}

// HasRegion reports whether somebody has chosen a region, or others for jobs that fail.
func HasRegion(region string, others []string) bool {
	return len(others) > 0 || region != "" && !strings.EqualFold(region, "AUTO")
}

// regionValue is a region, with the number of those that a job may go to when it fails there.
func regionValue(region string, others []string) output.Value {
	if !HasRegion(region, nil) {
		region = "auto"
	}
	if len(others) > 0 {
		region += fmt.Sprintf(", %d more", len(others))
	}
	return output.Text(region)
}

// VariableNames are the variables of a template: NAME, or NAME=VALUE with the value for jobs that define
// none.
func VariableNames(t *stokerv1.EncodingTemplate) string {
	names := make([]string, len(t.GetVariables()))
	for i, v := range t.GetVariables() {
		names[i] = v.GetName()
		if v.Default != nil {
			names[i] += "=" + v.GetDefault()
		}
	}
	return strings.Join(names, ", ")
}

// storageUse says what a storage can be used for.
func storageUse(s *stokerv1.Storage) string {
	switch {
	case s.GetInput() && s.GetOutput():
		return "input, output"
	case s.GetInput():
		return "input"
	}
	return "output"
}

// ProfileSheet explains a profile.
func ProfileSheet(r *stokerv1.GetProfileResponse, l output.Look) string {
	s, p := output.NewSheet(l), r.GetProfile()
	s.Title(p.GetName(), "", output.Value{})
	s.Blank()
	s.Text("Encodes", p.GetEncodes())
	addRegions(s, p.GetRegion(), p.GetFallbackRegions())
	addDocument(s, r.GetText())
	s.Blank()
	s.Whole("Use it", "stoker submit titles.csv --profile "+p.GetName())
	return s.String()
}

// TemplateSheet explains an encoding template.
func TemplateSheet(r *stokerv1.GetTemplateResponse, l output.Look) string {
	s, t := output.NewSheet(l), r.GetTemplate()
	s.Title(t.GetName(), "", output.Value{})
	s.Blank()
	s.Text("Encodes", t.GetEncodes())
	addRegions(s, t.GetRegion(), t.GetFallbackRegions())
	var uses []string
	for _, use := range []struct {
		is   bool
		what string
	}{
		{t.GetUsesInputPath(), "input_path"},
		{t.GetUsesOutputPath(), "output_path"},
		{t.GetUsesInput(), "the batch's input"},
		{t.GetUsesOutput(), "the batch's output"},
	} {
		if use.is {
			uses = append(uses, use.what)
		}
	}
	s.Own("Uses", output.Plain, strings.Join(uses, ", "))
	if len(t.GetVariables()) > 0 {
		s.Blank()
		addVariables(s, t.GetVariables())
	}
	addDocument(s, r.GetText())
	s.Blank()
	s.Whole("Use it", "stoker submit titles.csv --template "+t.GetName())
	return s.String()
}

// addVariables lists the variables of a template.
func addVariables(s *output.Sheet, variables []*stokerv1.TemplateVariable) {
	var rows [][]output.Value
	for _, v := range variables {
		value := output.Own("required")
		if !v.GetRequired() {
			value = output.Text(v.GetDefault())
		}
		rows = append(rows, []output.Value{
			output.Text("var:" + v.GetName()),
			output.Own(strings.ToLower(enumName(v.GetType().String(), "VARIABLE_TYPE_"))),
			value,
			output.Text(v.GetDescription()),
		})
	}
	s.AddTable([]output.SheetColumn{
		{Head: "VARIABLE", Cut: output.CutEnd}, {Head: "TYPE", LeaveOut: 1}, {Head: "DEFAULT", Cut: output.CutEnd}, {Head: "DESCRIPTION", Cut: output.CutEnd},
	}, rows)
}

// StorageSheet explains a storage.
func StorageSheet(r *stokerv1.Storage, l output.Look) string {
	s := output.NewSheet(l)
	s.Title(r.GetName(), "", output.Value{})
	s.Blank()
	s.Own("Use", output.Plain, storageUse(r))
	s.Text("Type", r.GetType())
	s.Whole("Location", r.GetLocation())
	s.Text("Region", r.GetRegion())
	if r.GetInput() {
		s.Whole("Reads", "/"+r.GetInputBase())
	}
	if r.GetOutput() {
		s.Whole("Writes", "/"+r.GetOutputBase())
	}
	return s.String()
}

// addRegions names the region of the encoders, and those for jobs that fail there.
func addRegions(s *output.Sheet, region string, others []string) {
	s.Text("Region", regionValueText(region))
	if len(others) > 0 {
		s.Text("", "then "+strings.Join(others, ", "))
	}
}

func regionValueText(region string) string {
	if !HasRegion(region, nil) {
		return "auto: Bitmovin chooses"
	}
	return region
}

// addDocument shows a document of YAML as it is.
func addDocument(s *output.Sheet, text string) {
	s.Blank()
	for line := range strings.Lines(text) {
		s.Line(output.Printable(strings.TrimRight(line, "\r\n")))
	}
}

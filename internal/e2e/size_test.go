package e2e

import (
	"debug/elf"
	"slices"
	"testing"
)

// TestProgramWithoutTemplates holds that the program executes no templates. They call methods by names that the linker cannot
// know, so that it would keep every method of every type that is used, and the program would be an eighth larger, on
// disk and in memory. Cobra has templates, and so have the traces of grpc, unless it is built with the tag grpcnotrace.
func TestProgramWithoutTemplates(t *testing.T) {
	program, err := elf.Open(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	symbols, err := program.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == name })
	}
	if !has("main.main") {
		t.Fatal("the program has no main.main: its symbols cannot be read")
	}
	if has("text/template.(*Template).Execute") {
		t.Error("the program executes templates")
	}
}

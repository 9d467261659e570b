package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/capability"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

var update = flag.Bool("update", false, "write stoker.schema.json, and the tables of docs/configuration.md")

// TestSchema holds the published schema to the types.
func TestSchema(t *testing.T) {
	want := makeSchema(t)
	if *update {
		if err := os.WriteFile("stoker.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), SchemaFile); diff != "" {
		t.Errorf("stoker.schema.json is out of date, run make generate/docs (-want +got):\n%s", diff)
	}
}

// makeSchema makes the schema of the file from the types and their comments, the settings, and the values that
// the platform knows.
func makeSchema(t *testing.T) []byte {
	t.Helper()
	comments := comments{t: t, packages: map[string]map[string]string{}}
	r := jsonschema.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, ExpandedStruct: true, Anonymous: true,
		Namer: defName, LookupComment: comments.of,
	}
	root := r.Reflect(&document{})
	root.Title, root.Description = "Stoker", "The configuration file of stoker serve."
	root.ID = "https://raw.githubusercontent.com/stokerd/stoker/main/internal/config/stoker.schema.json"
	addValues(t, root)
	addSettings(root)
	allowSingle(root, document{})
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// defName is the name of a type in the schema.
func defName(t reflect.Type) string {
	name := strings.TrimSuffix(t.Name(), "Node")
	if name == "" {
		return "" // a list or map, which has no definition
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// comments reads what the source says of types and fields.
type comments struct {
	t        *testing.T
	packages map[string]map[string]string // by directory, then by Type or Type.Field
}

// of returns the comment of a type or of a field, in the words of the file.
func (c comments) of(typ reflect.Type, field string) string {
	directory := map[string]string{"internal/config": ".", "job": "../../job"}[strings.TrimPrefix(typ.PkgPath(), "github.com/stokerd/stoker/")]
	if directory == "" {
		return ""
	}
	if c.packages[directory] == nil {
		c.packages[directory] = c.read(directory)
	}
	if field == "" {
		return "" // a type is described where it is used
	}
	text := c.packages[directory][typ.Name()+"."+field]
	if directory == "." {
		return text // it is written for the reader of the file
	}
	for f := range typ.Fields() { // Go's names of fields that nobody takes for an ordinary word
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || strings.IndexFunc(f.Name[1:], func(r rune) bool { return r >= 'A' && r <= 'Z' }) < 0 && !strings.HasPrefix(text, f.Name+" ") {
			continue
		}
		text = strings.NewReplacer("["+f.Name+"]", key, f.Name, key).Replace(text)
	}
	text = strings.NewReplacer("[PublicRead]", "PUBLIC_READ", "[", "", "]", "").Replace(text)
	return text
}

// read reads the comments of the fields of all structs in a directory.
func (c comments) read(directory string) map[string]string {
	all := map[string]string{}
	files, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			c.t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range structure.Fields.List {
				text := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
				for _, ident := range f.Names {
					all[spec.Name.Name+"."+ident.Name] = text
				}
			}
			return true
		})
	}
	return all
}

// enum returns the values of enumerations of the platform, by their names.
func enum(names ...string) (values []string) {
	for _, e := range capability.Enums() {
		if slices.Contains(names, e.Name) {
			values = append(values, e.Values...)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

func texts[T ~string](values ...T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// closedValues are the values of keys that have no others.
func closedValues() map[string][]string {
	roles := access.RoleNames()
	return map[string][]string{
		"notification.events": notification.EventNames(),
		"auth.mode":           texts(AuthRequired, AuthNone), "rule.role": roles, "claimRule.role": roles,
		"storage.type": capability.StorageTypes(), "storage.use": {"input", "output", "both"},
		"variable.type":    texts(job.TextVariable, job.NumberVariable, job.BoolVariable),
		"video.codec":      texts(job.H264, job.H265, job.VP9, job.AV1),
		"audio.codec":      texts(job.AAC, job.HEAACv1, job.HEAACv2, job.Opus),
		"muxing.container": texts(job.FMP4, job.CMAF, job.TS, job.MP4),
		"manifest.format":  texts(job.DASH, job.HLS), "profile.acl": texts(job.PublicRead, job.Private, job.NoACL),
	}
}

// openValues are the values that this version knows of keys that may have others, with allow_unknown.
func openValues() map[string][]string {
	return map[string][]string{
		"video.preset": enum("PresetConfiguration", "Av1PresetConfiguration"), "video.profile": enum("ProfileH264", "ProfileH265"),
		"video.level": enum("LevelH264", "LevelH265"), "video.mode": enum("StreamMode"), "video.pixel_format": enum("PixelFormat"),
		"video.dynamic_range_format": enum("H264DynamicRangeFormat", "H265DynamicRangeFormat", "Vp9DynamicRangeFormat"),
		"audio.channel_layout":       enum("AacChannelLayout", "OpusChannelLayout"), "audio.selection_mode": enum("StreamSelectionMode"),
		"profile.region": enum("CloudRegion"), "profile.fallback_regions": enum("CloudRegion"), "profile.encoding_mode": enum("EncodingMode"),
		"template.fallback_regions": enum("CloudRegion"),
		"deinterlace.parity":        enum("PictureFieldParity"), "deinterlace.mode": enum("DeinterlaceMode"),
		"deinterlace.frame_selection_mode": enum("DeinterlaceFrameSelectionMode"), "deinterlace.auto_enable": enum("DeinterlaceAutoEnable"),
		"thumbnail.unit": enum("ThumbnailUnit"), "thumbnail.aspect_mode": enum("ThumbnailAspectMode"),
		"sprite.unit": enum("SpriteUnit"), "sprite.aspect_mode": enum("ThumbnailAspectMode"), "sprite.creation_mode": enum("SpriteCreationMode"),
		"storage.cloud_region": enum("AwsCloudRegion", "GoogleCloudRegion"), "storage.signature_version": enum("S3SignatureVersion"),
		"storage.access_style": enum("S3AccessStyle"), "storage.storage_class": enum("S3StorageClass"), "storage.external_id_mode": enum("ExternalIdMode"),
	}
}

// requiredKeys are the keys without which an entry is a mistake.
func requiredKeys() map[string][]string {
	return map[string][]string{
		"account": {"id"}, "storage": {"name", "type"}, "rule": {"name", "role"}, "claimRule": {"value", "role"},
		"notification": {"name", "url"}, "starts": {"principal", "starts"},
		"oidc": {"issuer", "audience", "roles"}, "proxy": {"header", "from", "principals"}, "profile": {"videos", "muxings"},
		"video": {"codec"}, "audio": {"codec", "bitrate"}, "muxing": {"container"}, "manifest": {"format"},
	}
}

// property returns a key of a type of the schema.
func property(t *testing.T, root *jsonschema.Schema, key string) *jsonschema.Schema {
	t.Helper()
	name, key, _ := strings.Cut(key, ".")
	def := root.Definitions[name]
	if def == nil {
		t.Fatalf("the schema has no type %q; it has %s", name, strings.Join(slices.Sorted(maps.Keys(root.Definitions)), ", "))
	}
	p, ok := def.Properties.Get(key)
	if !ok {
		t.Fatalf("the schema has no key %s.%s", name, key)
	}
	return p
}

// addValues adds what the types do not say: values, bounds, and keys that are required.
func addValues(t *testing.T, root *jsonschema.Schema) {
	t.Helper()
	for key, values := range closedValues() {
		p := property(t, root, key)
		if p.Items != nil {
			p = p.Items
		}
		p.Enum = anys(values)
	}
	for key, values := range openValues() {
		p := property(t, root, key)
		if p.Items != nil {
			p = p.Items
		}
		known := &jsonschema.Schema{Enum: anys(values)}
		p.Type, p.AnyOf = "", []*jsonschema.Schema{known, {Type: "string"}}
		for _, v := range values { // YAML reads 5.1 as a number
			if _, err := strconv.ParseFloat(v, 64); err == nil {
				p.AnyOf = append(p.AnyOf, &jsonschema.Schema{Type: "number"})
				break
			}
		}
	}
	anyScalar := property(t, root, "variable.default")
	anyScalar.Type, anyScalar.AnyOf = "", []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}
	for name, keys := range requiredKeys() {
		for _, key := range keys {
			property(t, root, name+"."+key)
		}
		root.Definitions[name].Required = keys
	}
	for _, rule := range limitRules() {
		bound(property(t, root, "limits."+rule.key), rule.least, rule.most).Default = rule.usual
	}
	bound(property(t, root, "account.queue_target"), 1, job.MaxQueueTarget)
	bound(property(t, root, "account.max_starts_per_day"), 0, maxStartsPerDay)
	bound(property(t, root, "storage.port"), 1, 65535)
	bound(property(t, root, "starts.starts"), 1, maxStartsPerDay)
}

func anys(values []string) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}

func bound(s *jsonschema.Schema, least, most int) *jsonschema.Schema {
	s.Minimum, s.Maximum = json.Number(strconv.Itoa(least)), json.Number(strconv.Itoa(most))
	return s
}

// settingBounds are the bounds of the settings that are whole numbers. TestSettingBounds holds them to what the
// settings take.
var settingBounds = map[string][2]int{
	"queue-target": {1, job.MaxQueueTarget}, "queue-target-max": {1, job.MaxQueueTarget}, "max-starts-per-day": {0, maxStartsPerDay},
	"max-retries": {0, job.MaxRetryLimit}, "audit-retention": {0, maxAuditDays}, "keep-jobs": {0, 1_000_000_000}, "backup-keep": {1, 100_000},
}

// settingValues are the values of the settings that have no others. TestSettingBounds holds them to what the
// settings take.
var settingValues = map[string][]string{
	"tls-min-version": {"1.3", "1.2"}, "log-level": {"debug", "info", "warn", "error"}, "log-format": {"text", "json"},
}

// addSettings puts the settings before the sections.
func addSettings(root *jsonschema.Schema) {
	sections := root.Properties
	root.Properties = jsonschema.NewProperties()
	within := map[string]*jsonschema.Schema{} // the mappings that have settings in them
	for _, s := range Settings() {
		key := s.key()
		if _, isSection := sections.Get(key); isSection {
			continue // auth
		}
		if mapping, name, ok := strings.Cut(key, "."); ok {
			if within[mapping] == nil {
				within[mapping] = &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
				root.Properties.Set(mapping, within[mapping])
			}
			within[mapping].Properties.Set(name, settingSchema(s))
			continue
		}
		root.Properties.Set(key, settingSchema(s))
	}
	for key, section := range sections.FromOldest() {
		root.Properties.Set(key, section)
	}
}

// settingSchema is what a setting may be.
func settingSchema(s Setting) *jsonschema.Schema {
	p := &jsonschema.Schema{Type: "string", Description: strings.ToUpper(s.Usage[:1]) + s.Usage[1:] + "."}
	if s.Default != "" {
		p.Default = s.Default
	}
	switch s.Kind {
	case "duration":
		p.Pattern = `^([0-9.]+(ms|s|m|h))+$`
	case "bool":
		p.Type, p.Default = "boolean", s.Default == "true"
	case "int", "days":
		p.Type = "integer"
		if n, err := strconv.Atoi(s.Default); err == nil {
			p.Default = n
		}
	}
	if b, ok := settingBounds[s.Name]; ok {
		bound(p, b[0], b[1])
	}
	if values, ok := settingValues[s.Name]; ok {
		p.Enum = anys(values)
		for _, v := range values {
			if n, err := strconv.ParseFloat(v, 64); err == nil {
				p.Type, p.Enum = "", append(p.Enum, n)
			}
		}
	}
	if s.Name == "queue-target" {
		number := &jsonschema.Schema{Type: "integer", Minimum: p.Minimum, Maximum: p.Maximum}
		p = &jsonschema.Schema{Description: p.Description, Default: p.Default, AnyOf: []*jsonschema.Schema{number, {Const: "auto"}}}
	}
	return p
}

// allowSingle lets a single value stand for an object that has nothing else.
func allowSingle(root *jsonschema.Schema, of any) {
	for typ := range types(reflect.TypeOf(of)) {
		for f := range typ.Fields() {
			if f.Tag.Get("single") == "" {
				continue
			}
			name := defName(typ)
			whole := root.Definitions[name]
			single, _ := whole.Properties.Get(f.Tag.Get("yaml"))
			root.Definitions[name] = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: single.Type, Enum: single.Enum, Description: single.Description}, whole}}
		}
	}
}

// types are the structs that a type holds, and itself.
func types(typ reflect.Type) map[reflect.Type]bool {
	all := map[reflect.Type]bool{}
	var add func(reflect.Type)
	add = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			add(typ.Elem())
		case reflect.Struct:
			all[typ] = true
			for field := range typ.Fields() {
				add(field.Type)
			}
		}
	}
	add(typ)
	return all
}

// TestSettingBounds holds what the schema says of settings to what they take.
func TestSettingBounds(t *testing.T) {
	for _, s := range Settings() {
		takes := func(value string) bool { return s.set(&Config{}, value) == nil }
		if b, ok := settingBounds[s.Name]; ok {
			for value, want := range map[int]bool{b[0] - 1: false, b[0]: true, b[1]: true, b[1] + 1: false} {
				if takes(strconv.Itoa(value)) != want {
					t.Errorf("%s takes %d: %t, and the schema says %t", s.Name, value, !want, want)
				}
			}
		} else if (s.Kind == "int" || s.Kind == "days") && takes("5") {
			t.Errorf("the schema has no bounds of %s", s.Name)
		}
		for _, value := range settingValues[s.Name] {
			if !takes(value) {
				t.Errorf("%s does not take %q", s.Name, value)
			}
		}
		if takes("x-unheard-of") && settingValues[s.Name] != nil {
			t.Errorf("%s takes more than %q", s.Name, settingValues[s.Name])
		}
	}
}

// TestExampleAsItIs loads the example on a machine that has nothing of what it names.
func TestExampleAsItIs(t *testing.T) {
	c, err := Load(Sources{File: "example.yaml", ReadFile: func(name string) ([]byte, error) {
		if name == "example.yaml" {
			return []byte(ExampleFile), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 || c.CheckReach() != nil || len(c.Profiles) < 5 || len(c.Accounts) != 2 || len(c.Inputs) != 2 {
		t.Errorf("warnings %v, reach %v, %d profiles, %d accounts, %d inputs", c.Warnings, c.CheckReach(), len(c.Profiles), len(c.Accounts), len(c.Inputs))
	}
}

// TestExampleShowsEverything finds each key of the schema that is a setting, a section or a key of one in the
// example.
func TestExampleShowsEverything(t *testing.T) {
	whole := Uncommented(ExampleFile)
	missing := func(key string) bool { return !strings.Contains(whole, key+":") }
	for _, s := range Settings() {
		key := s.key()
		if missing(key[strings.LastIndexByte(key, '.')+1:]) {
			t.Errorf("the example does not show %s", key)
		}
	}
	for typ := range types(reflect.TypeFor[document]()) {
		if typ.PkgPath() != "github.com/stokerd/stoker/internal/config" {
			continue
		}
		for _, key := range fieldsOf(reflect.New(typ).Elem()).names {
			secret := strings.TrimSuffix(strings.TrimSuffix(key, "_env"), "_file")
			shown := secret != key && (strings.Contains(whole, secret+"_env") || strings.Contains(whole, secret+"_file")) // one of the two is enough
			if !shown && !leftOut[key] && missing(key) {
				t.Errorf("the example does not show %s of %s", key, defName(typ))
			}
		}
	}
}

// leftOut are keys that the example leaves out: those of one more kind of storage, and of a variable.
var leftOut = map[string]bool{"credentials_env": true, "credentials_file": true, "signing_region": true, "access_style": true, "required": true, "prewarmed_encoder_pool_ids": true}

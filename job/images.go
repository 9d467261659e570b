package job

import "cmp"

// Deinterlace turns interlaced video into progressive. Empty fields leave the platform's defaults.
type Deinterlace struct {
	Parity             string `json:"parity,omitzero" yaml:"parity"`                             // AUTO, TOP_FIELD_FIRST or BOTTOM_FIELD_FIRST
	Mode               string `json:"mode,omitzero" yaml:"mode"`                                 // FRAME, FIELD, FRAME_NOSPATIAL or FIELD_NOSPATIAL
	FrameSelectionMode string `json:"frame_selection_mode,omitzero" yaml:"frame_selection_mode"` // ALL or INTERLACED
	AutoEnable         string `json:"auto_enable,omitzero" yaml:"auto_enable"`                   // ALWAYS_ON, META_DATA_BASED or META_DATA_AND_CONTENT_BASED
}

// Thumbnail is a series of single pictures.
type Thumbnail struct {
	Pattern    string    `json:"pattern,omitzero" yaml:"pattern"`         // file names, with %number% for the position; default thumbnail-%number%.png
	Height     int       `json:"height,omitzero" yaml:"height"`           // pixels; 0 with Width: follows the aspect ratio
	Width      int       `json:"width,omitzero" yaml:"width"`             // pixels; 0 with Height: follows the aspect ratio
	Interval   float64   `json:"interval,omitzero" yaml:"interval"`       // seconds between two pictures, at least 1; excludes Positions
	Positions  []float64 `json:"positions,omitempty" yaml:"positions"`    // in Unit
	Unit       string    `json:"unit,omitzero" yaml:"unit"`               // of Positions: SECONDS or PERCENTS; empty: the platform's default
	AspectMode string    `json:"aspect_mode,omitzero" yaml:"aspect_mode"` // with Height and Width: PAD, CROP or STRETCH; empty: the platform's default
	Directory  string    `json:"directory,omitzero" yaml:"directory"`     // below the job's output path; default thumbnails
}

// FileName is the pattern of the file names.
func (t Thumbnail) FileName() string { return cmp.Or(t.Pattern, "thumbnail-%number%.png") }

// Folder is the directory of the pictures below the job's output path.
func (t Thumbnail) Folder() string { return cmp.Or(t.Directory, "thumbnails") }

// Sprite is a picture of many small ones, for the time bar of a player.
type Sprite struct {
	SpriteName   string  `json:"sprite_name,omitzero" yaml:"sprite_name"`     // file name that ends in .jpg, .jpeg or .png; default sprite.jpg
	VTTName      string  `json:"vtt_name,omitzero" yaml:"vtt_name"`           // file name that ends in .vtt; default sprite.vtt
	Height       int     `json:"height,omitzero" yaml:"height"`               // pixels of one picture; 0 with Width: follows the aspect ratio
	Width        int     `json:"width,omitzero" yaml:"width"`                 // pixels of one picture; 0 with Height: follows the aspect ratio
	Distance     float64 `json:"distance,omitzero" yaml:"distance"`           // between two pictures, in Unit; default 10
	Unit         string  `json:"unit,omitzero" yaml:"unit"`                   // SECONDS or PERCENTS; default SECONDS
	HTiles       int     `json:"h_tiles,omitzero" yaml:"h_tiles"`             // rows of a file; together with VTiles; 0: one file for all
	VTiles       int     `json:"v_tiles,omitzero" yaml:"v_tiles"`             // columns of a file
	CreationMode string  `json:"creation_mode,omitzero" yaml:"creation_mode"` // INTERVAL_END or INTERVAL_START; empty: the platform's default
	AspectMode   string  `json:"aspect_mode,omitzero" yaml:"aspect_mode"`     // with Height and Width: PAD, CROP or STRETCH; empty: the platform's default
	Directory    string  `json:"directory,omitzero" yaml:"directory"`         // below the job's output path; default sprites
}

// The defaults of a [Sprite].
const (
	DefaultSpriteDistance = 10.0
	DefaultSpriteUnit     = "SECONDS"
)

// FileName is the name of the picture's file.
func (s Sprite) FileName() string { return cmp.Or(s.SpriteName, "sprite.jpg") }

// VTTFileName is the name of the file that tells where in the picture each small one is.
func (s Sprite) VTTFileName() string { return cmp.Or(s.VTTName, "sprite.vtt") }

// Folder is the directory of the files below the job's output path.
func (s Sprite) Folder() string { return cmp.Or(s.Directory, "sprites") }

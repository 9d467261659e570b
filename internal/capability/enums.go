package capability

import "slices"

// Enum is one of the platform's enumerations.
type Enum struct {
	Name   string // in the official SDKs
	Values []string
	// Newer are values among Values that came after the release of the SDK with which a test compares
	// the table.
	Newer []string

	what string // one value, in messages
}

// Enums returns the platform's enumerations that recipes and storages can hold.
func Enums() []Enum {
	return slices.Clone(allEnums)
}

// allEnums has every enumeration of this file.
var allEnums = []Enum{
	profileH264, profileH265, preset, presetAV1, levelH264, levelH265, dynamicRangeH264,
	dynamicRangeH265, dynamicRangeVP9, pixelFormat, streamMode, channelLayoutAAC, channelLayoutOpus,
	selectionMode, encodingMode, parity, deinterlaceMode, frameSelectionMode, autoEnable,
	thumbnailUnit, spriteUnit, aspectMode, creationMode, aclPermission, cloudRegion, regionAWS,
	regionGoogle, signatureVersion, storageClass, accessStyle, externalIDMode,
}

// The enumerations. A value that is missing here can still be used with allow_unknown.
var (
	profileH264 = Enum{Name: "ProfileH264", what: "profile", Values: []string{
		"BASELINE", "MAIN", "HIGH", "HIGH422",
	}}
	profileH265 = Enum{Name: "ProfileH265", what: "profile", Values: []string{
		"main", "main10",
	}}
	preset = Enum{Name: "PresetConfiguration", what: "preset", Values: []string{
		"LIVE_ULTRAHIGH_QUALITY", "LIVE_VERYHIGH_QUALITY", "LIVE_HIGH_QUALITY", "LIVE_STANDARD",
		"LIVE_LOW_LATENCY", "LIVE_LOWER_LATENCY", "LIVE_VERYLOW_LATENCY", "VOD_HIGH_QUALITY", "VOD_QUALITY",
		"VOD_STANDARD", "VOD_SPEED", "VOD_HIGH_SPEED", "VOD_VERYHIGH_SPEED", "VOD_EXTRAHIGH_SPEED",
		"VOD_SUPERHIGH_SPEED", "VOD_ULTRAHIGH_SPEED", "VOD_HARDWARE_SHORTFORM",
	}}
	presetAV1 = Enum{Name: "Av1PresetConfiguration", what: "preset", Values: []string{
		"VOD_QUALITY", "VOD_STANDARD", "VOD_SPEED",
	}}
	levelH264 = Enum{Name: "LevelH264", what: "level", Values: []string{
		"1", "1b", "1.1", "1.2", "1.3", "2", "2.1", "2.2", "3", "3.1", "3.2", "4", "4.1", "4.2", "5", "5.1",
		"5.2",
	}}
	levelH265 = Enum{Name: "LevelH265", what: "level", Values: []string{
		"1", "2", "2.1", "3", "3.1", "4", "4.1", "5", "5.1", "5.2", "6", "6.1", "6.2",
	}}
	dynamicRangeH264 = Enum{Name: "H264DynamicRangeFormat", what: "dynamic range format", Values: []string{
		"SDR",
	}}
	dynamicRangeH265 = Enum{Name: "H265DynamicRangeFormat", what: "dynamic range format", Values: []string{
		"DOLBY_VISION", "DOLBY_VISION_PROFILE_5", "DOLBY_VISION_PROFILE_8_1", "HDR10", "HLG", "SDR",
	}}
	dynamicRangeVP9 = Enum{Name: "Vp9DynamicRangeFormat", what: "dynamic range format", Values: []string{
		"HLG", "SDR",
	}}
	pixelFormat = Enum{Name: "PixelFormat", what: "pixel format", Values: []string{
		"YUV410P", "YUV411P", "YUV420P", "YUV422P", "YUV440P", "YUV444P", "YUVJ411P", "YUVJ420P",
		"YUVJ422P", "YUVJ440P", "YUVJ444P", "YUV420P10LE", "YUV422P10LE", "YUV440P10LE", "YUV444P10LE",
		"YUV420P12LE", "YUV422P12LE", "YUV440P12LE", "YUV444P12LE", "YUV420P10BE", "YUV422P10BE",
		"YUV440P10BE", "YUV444P10BE", "YUV420P12BE", "YUV422P12BE", "YUV440P12BE", "YUV444P12BE",
	}}
	streamMode = Enum{Name: "StreamMode", what: "mode", Values: []string{
		"STANDARD", "PER_TITLE_TEMPLATE", "PER_TITLE_TEMPLATE_FIXED_RESOLUTION",
		"PER_TITLE_TEMPLATE_FIXED_RESOLUTION_AND_BITRATE", "PER_TITLE_RESULT",
	}}
	channelLayoutAAC = Enum{Name: "AacChannelLayout", what: "channel layout", Values: []string{
		"NONE", "MONO", "STEREO", "SURROUND", "4.0", "5.0_BACK", "5.1_BACK", "7.1", "7.1_WIDE_BACK",
	}}
	channelLayoutOpus = Enum{Name: "OpusChannelLayout", what: "channel layout", Values: []string{
		"NONE", "MONO", "STEREO", "SURROUND", "QUAD", "4.1", "5.0_BACK", "5.1_BACK", "6.1", "7.1",
	}}
	selectionMode = Enum{Name: "StreamSelectionMode", what: "selection mode", Values: []string{
		"AUTO", "POSITION_ABSOLUTE", "VIDEO_RELATIVE", "AUDIO_RELATIVE", "SUBTITLE_RELATIVE",
	}}
	encodingMode = Enum{Name: "EncodingMode", what: "encoding mode", Values: []string{
		"STANDARD", "SINGLE_PASS", "TWO_PASS", "THREE_PASS", "SMART_PASS",
	}, Newer: []string{"SMART_PASS"}}
	parity = Enum{Name: "PictureFieldParity", what: "parity", Values: []string{
		"AUTO", "TOP_FIELD_FIRST", "BOTTOM_FIELD_FIRST",
	}}
	deinterlaceMode = Enum{Name: "DeinterlaceMode", what: "mode", Values: []string{
		"FRAME", "FIELD", "FRAME_NOSPATIAL", "FIELD_NOSPATIAL",
	}}
	frameSelectionMode = Enum{Name: "DeinterlaceFrameSelectionMode", what: "frame selection mode", Values: []string{
		"ALL", "INTERLACED",
	}}
	autoEnable = Enum{Name: "DeinterlaceAutoEnable", what: "auto enable", Values: []string{
		"ALWAYS_ON", "META_DATA_BASED", "META_DATA_AND_CONTENT_BASED",
	}}
	thumbnailUnit = Enum{Name: "ThumbnailUnit", what: "unit", Values: []string{
		"SECONDS", "PERCENTS",
	}}
	spriteUnit = Enum{Name: "SpriteUnit", what: "unit", Values: []string{
		"SECONDS", "PERCENTS",
	}}
	aspectMode = Enum{Name: "ThumbnailAspectMode", what: "aspect mode", Values: []string{
		"PAD", "CROP", "STRETCH",
	}}
	creationMode = Enum{Name: "SpriteCreationMode", what: "creation mode", Values: []string{
		"INTERVAL_END", "INTERVAL_START",
	}}
	aclPermission = Enum{Name: "AclPermission", what: "acl", Values: []string{
		"PUBLIC_READ", "PRIVATE",
	}}
	cloudRegion = Enum{Name: "CloudRegion", what: "cloud region", Values: []string{
		"AWS_US_EAST_1", "AWS_US_EAST_2", "AWS_US_WEST_1", "AWS_US_WEST_2", "AWS_EU_WEST_1",
		"AWS_EU_CENTRAL_1", "AWS_AP_SOUTHEAST_1", "AWS_AP_SOUTHEAST_2", "AWS_AP_NORTHEAST_1",
		"AWS_AP_NORTHEAST_2", "AWS_AP_SOUTH_1", "AWS_SA_EAST_1", "AWS_EU_WEST_2", "AWS_EU_WEST_3",
		"AWS_CA_CENTRAL_1", "AWS_EU_NORTH_1", "GOOGLE_US_CENTRAL_1", "GOOGLE_US_EAST_1",
		"GOOGLE_ASIA_EAST_1", "GOOGLE_EUROPE_WEST_1", "GOOGLE_US_WEST_1", "GOOGLE_ASIA_EAST_2",
		"GOOGLE_ASIA_NORTHEAST_1", "GOOGLE_ASIA_SOUTH_1", "GOOGLE_ASIA_SOUTHEAST_1",
		"GOOGLE_AUSTRALIA_SOUTHEAST_1", "GOOGLE_EUROPE_NORTH_1", "GOOGLE_EUROPE_WEST_2",
		"GOOGLE_EUROPE_WEST_3", "GOOGLE_EUROPE_WEST_4", "GOOGLE_NORTHAMERICA_NORTHEAST_1",
		"GOOGLE_SOUTHAMERICA_EAST_1", "GOOGLE_US_EAST_4", "GOOGLE_US_WEST_2", "GOOGLE_ME_CENTRAL_2",
		"AZURE_ASIA_EAST", "AZURE_ASIA_SOUTHEAST", "AZURE_AUSTRALIA_EAST", "AZURE_AUSTRALIA_SOUTHEAST",
		"AZURE_BRAZIL_SOUTH", "AZURE_CANADA_CENTRAL", "AZURE_EUROPE_NORTH", "AZURE_EUROPE_WEST",
		"AZURE_FRANCE_CENTRAL", "AZURE_GERMANY_WESTCENTRAL", "AZURE_INDIA_CENTRAL", "AZURE_INDIA_SOUTH",
		"AZURE_JAPAN_EAST", "AZURE_JAPAN_WEST", "AZURE_KOREA_CENTRAL", "AZURE_UAE_NORTH",
		"AZURE_US_CENTRAL", "AZURE_US_EAST", "AZURE_US_EAST2", "AZURE_US_WEST", "AZURE_US_WEST2",
		"AZURE_US_SOUTH_CENTRAL", "AZURE_US_NORTH_CENTRAL", "AZURE_UK_SOUTH", "AKAMAI_BR_GRU",
		"AKAMAI_ES_MAD", "AKAMAI_FR_PAR", "AKAMAI_ID_CGK", "AKAMAI_IN_MAA", "AKAMAI_IT_MIL",
		"AKAMAI_JP_OSA", "AKAMAI_NL_AMS", "AKAMAI_SE_STO", "AKAMAI_US_LAX", "AKAMAI_US_MIA",
		"AKAMAI_US_ORD", "AKAMAI_US_SEA", "OCI_EU_FRANKFURT_1", "OCI_US_ASHBURN_1", "NORTH_AMERICA",
		"SOUTH_AMERICA", "EUROPE", "AFRICA", "ASIA", "AUSTRALIA", "AWS", "GOOGLE", "EXTERNAL", "AUTO",
	}}
	regionAWS = Enum{Name: "AwsCloudRegion", what: "cloud region", Values: []string{
		"US_EAST_1", "US_EAST_2", "US_WEST_1", "US_WEST_2", "EU_WEST_1", "EU_CENTRAL_1", "AP_SOUTHEAST_1",
		"AP_SOUTHEAST_2", "AP_NORTHEAST_1", "AP_NORTHEAST_2", "AP_SOUTH_1", "SA_EAST_1", "EU_WEST_2",
		"EU_WEST_3", "CA_CENTRAL_1", "EU_NORTH_1",
	}}
	regionGoogle = Enum{Name: "GoogleCloudRegion", what: "cloud region", Values: []string{
		"US_CENTRAL_1", "US_EAST_1", "ASIA_EAST_1", "EUROPE_WEST_1", "US_WEST_1", "ASIA_EAST_2",
		"ASIA_NORTHEAST_1", "ASIA_SOUTH_1", "ASIA_SOUTHEAST_1", "AUSTRALIA_SOUTHEAST_1", "EUROPE_NORTH_1",
		"EUROPE_WEST_2", "EUROPE_WEST_3", "EUROPE_WEST_4", "NORTHAMERICA_NORTHEAST_1",
		"SOUTHAMERICA_EAST_1", "US_EAST_4", "US_WEST_2", "ME_CENTRAL_2",
	}}
	signatureVersion = Enum{Name: "S3SignatureVersion", what: "signature version", Values: []string{
		"S3_V2", "S3_V4",
	}}
	storageClass = Enum{Name: "S3StorageClass", what: "storage class", Values: []string{
		"GLACIER_IR", "INTELLIGENT_TIERING", "ONEZONE_IA", "REDUCED_REDUNDANCY", "STANDARD", "STANDARD_IA",
	}}
	accessStyle = Enum{Name: "S3AccessStyle", what: "access style", Values: []string{
		"VIRTUAL_HOSTED", "PATH",
	}}
	externalIDMode = Enum{Name: "ExternalIdMode", what: "external id mode", Values: []string{
		"CUSTOM", "GLOBAL", "GENERATED",
	}}
)

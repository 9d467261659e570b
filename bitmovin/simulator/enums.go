package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// The values of the platform's enumerations. The tables are the simulator's own: what a client
// believes to be a value is no reason for the simulator to believe it.
var (
	awsRegions = words(`
		US_EAST_1 US_EAST_2 US_WEST_1 US_WEST_2 EU_WEST_1 EU_CENTRAL_1 AP_SOUTHEAST_1 AP_SOUTHEAST_2
		AP_NORTHEAST_1 AP_NORTHEAST_2 AP_SOUTH_1 SA_EAST_1 EU_WEST_2 EU_WEST_3 CA_CENTRAL_1 EU_NORTH_1`)
	googleRegions = words(`
		US_CENTRAL_1 US_EAST_1 ASIA_EAST_1 EUROPE_WEST_1 US_WEST_1 ASIA_EAST_2 ASIA_NORTHEAST_1
		ASIA_SOUTH_1 ASIA_SOUTHEAST_1 AUSTRALIA_SOUTHEAST_1 EUROPE_NORTH_1 EUROPE_WEST_2 EUROPE_WEST_3
		EUROPE_WEST_4 NORTHAMERICA_NORTHEAST_1 SOUTHAMERICA_EAST_1 US_EAST_4 US_WEST_2 ME_CENTRAL_2`)
	azureRegions = words(`
		ASIA_EAST ASIA_SOUTHEAST AUSTRALIA_EAST AUSTRALIA_SOUTHEAST BRAZIL_SOUTH CANADA_CENTRAL
		EUROPE_NORTH EUROPE_WEST FRANCE_CENTRAL GERMANY_WESTCENTRAL INDIA_CENTRAL INDIA_SOUTH JAPAN_EAST
		JAPAN_WEST KOREA_CENTRAL UAE_NORTH US_CENTRAL US_EAST US_EAST2 US_WEST US_WEST2 US_SOUTH_CENTRAL
		US_NORTH_CENTRAL UK_SOUTH`)
	akamaiRegions = words(`
		BR_GRU ES_MAD FR_PAR ID_CGK IN_MAA IT_MIL JP_OSA NL_AMS SE_STO US_LAX US_MIA US_ORD US_SEA`)
	ociRegions   = words("EU_FRANKFURT_1 US_ASHBURN_1")
	otherRegions = words(`
		NORTH_AMERICA SOUTH_AMERICA EUROPE AFRICA ASIA AUSTRALIA AWS GOOGLE EXTERNAL AUTO`)

	presets = words(`
		LIVE_ULTRAHIGH_QUALITY LIVE_VERYHIGH_QUALITY LIVE_HIGH_QUALITY LIVE_STANDARD LIVE_LOW_LATENCY
		LIVE_LOWER_LATENCY LIVE_VERYLOW_LATENCY VOD_HIGH_QUALITY VOD_QUALITY VOD_STANDARD VOD_SPEED
		VOD_HIGH_SPEED VOD_VERYHIGH_SPEED VOD_EXTRAHIGH_SPEED VOD_SUPERHIGH_SPEED VOD_ULTRAHIGH_SPEED
		VOD_HARDWARE_SHORTFORM`)
	pixelFormats = words(`
		YUV410P YUV411P YUV420P YUV422P YUV440P YUV444P YUVJ411P YUVJ420P YUVJ422P YUVJ440P YUVJ444P
		YUV420P10LE YUV422P10LE YUV440P10LE YUV444P10LE YUV420P12LE YUV422P12LE YUV440P12LE YUV444P12LE
		YUV420P10BE YUV422P10BE YUV440P10BE YUV444P10BE YUV420P12BE YUV422P12BE YUV440P12BE YUV444P12BE`)
)

// words splits a text at white space.
func words(text string) []string { return strings.Fields(text) }

// cloudRegions are the regions of encodings: those of each provider, and larger ones.
var cloudRegions = joinRegions()

func joinRegions() []string {
	all := slices.Clone(otherRegions)
	for _, p := range regionProviders {
		for _, region := range p.regions {
			all = append(all, p.name+"_"+region)
		}
	}
	return all
}

// regionProviders are the providers and their regions.
var regionProviders = []struct {
	name    string
	regions []string
}{{"AWS", awsRegions}, {"GOOGLE", googleRegions}, {"AZURE", azureRegions}, {"AKAMAI", akamaiRegions}, {"OCI", ociRegions}}

// enumFields has the fields with an enumeration, by the type of resource. A type that is no key here has
// none.
var enumFields = map[string]map[string][]string{
	"H264": {
		"presetConfiguration": presets, "encodingMode": encodingModes, "pixelFormat": pixelFormats, "dynamicRangeFormat": words("SDR"),
		"profile": words("BASELINE MAIN HIGH HIGH422"),
		"level":   words("1 1b 1.1 1.2 1.3 2 2.1 2.2 3 3.1 3.2 4 4.1 4.2 5 5.1 5.2"),
	},
	"H265": {
		"presetConfiguration": presets, "encodingMode": encodingModes, "pixelFormat": pixelFormats,
		"dynamicRangeFormat": words("DOLBY_VISION DOLBY_VISION_PROFILE_5 DOLBY_VISION_PROFILE_8_1 HDR10 HLG SDR"),
		"profile":            words("main main10"),
		"level":              words("1 2 2.1 3 3.1 4 4.1 5 5.1 5.2 6 6.1 6.2"),
	},
	"VP9": {
		"presetConfiguration": presets, "encodingMode": encodingModes, "pixelFormat": pixelFormats, "dynamicRangeFormat": words("HLG SDR"),
	},
	"AV1": {
		"presetConfiguration": words("VOD_QUALITY VOD_STANDARD VOD_SPEED"), "encodingMode": encodingModes, "pixelFormat": pixelFormats,
	},

	"AAC":       {"channelLayout": aacLayouts},
	"HE_AAC_V1": {"channelLayout": aacLayouts},
	"HE_AAC_V2": {"channelLayout": aacLayouts},
	"OPUS":      {"channelLayout": words("NONE MONO STEREO SURROUND QUAD 4.1 5.0_BACK 5.1_BACK 6.1 7.1")},

	"DEINTERLACE": {
		"parity": words("AUTO TOP_FIELD_FIRST BOTTOM_FIELD_FIRST"), "mode": words("FRAME FIELD FRAME_NOSPATIAL FIELD_NOSPATIAL"),
		"frameSelectionMode": words("ALL INTERLACED"), "autoEnable": words("ALWAYS_ON META_DATA_BASED META_DATA_AND_CONTENT_BASED"),
	},
	"ENHANCED_DEINTERLACE": {
		"parity": words("TOP_FIELD_FIRST BOTTOM_FIELD_FIRST"), "mode": words("FRAME FIELD"), "autoEnable": words("ALWAYS_ON META_DATA_BASED"),
	},

	"S3":                  {"cloudRegion": awsRegions, "signatureVersion": signatures, "storageClass": storageClasses},
	"S3_ROLE_BASED":       {"cloudRegion": awsRegions, "signatureVersion": signatures, "externalIdMode": words("CUSTOM GLOBAL GENERATED")},
	"GCS":                 {"cloudRegion": googleRegions},
	"GCS_SERVICE_ACCOUNT": {"cloudRegion": googleRegions},
	"GENERIC_S3":          {"signatureVersion": signatures, "accessStyle": words("VIRTUAL_HOSTED PATH")},
}

var (
	aacLayouts     = words("NONE MONO STEREO SURROUND 4.0 5.0_BACK 5.1_BACK 7.1 7.1_WIDE_BACK")
	encodingModes  = words("STANDARD SINGLE_PASS TWO_PASS THREE_PASS SMART_PASS")
	signatures     = words("S3_V2 S3_V4")
	storageClasses = words("STANDARD STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING REDUCED_REDUNDANCY GLACIER_IR")
	streamModes    = words("STANDARD PER_TITLE_TEMPLATE PER_TITLE_TEMPLATE_FIXED_RESOLUTION" +
		" PER_TITLE_TEMPLATE_FIXED_RESOLUTION_AND_BITRATE PER_TITLE_RESULT")
)

// pictureFields has the fields with an enumeration of thumbnails and sprites.
var pictureFields = map[string][]string{
	"unit": words("SECONDS PERCENTS"), "aspectMode": words("PAD CROP STRETCH"), "creationMode": words("INTERVAL_END INTERVAL_START"),
}

// absentFields are fields that other types of resource have. The platform drops a field that it does
// not know; the simulator refuses these, because a client that sends one relies on it.
var absentFields = map[string][]string{
	"VP9": words("profile level"),
	"AV1": words("profile level dynamicRangeFormat minGop maxGop minKeyframeInterval maxKeyframeInterval"),
}

// checkEnums checks the fields of the resource that have an enumeration, and that it has no field that
// its type lacks.
func (c *checker) checkEnums() {
	fields := enumFields[c.kind.typ]
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		c.checkEnum(name, fields[name])
	}
	for _, name := range absentFields[c.kind.typ] {
		if c.has(name) {
			c.addError(name, "does not exist for %s", c.kind.typ)
		}
	}
}

// checkEnum checks one field, unless the simulator is told to take unknown values.
func (c *checker) checkEnum(name string, allowed []string) {
	if !c.s.TakeUnknownValues {
		c.oneOf(name, allowed...)
	}
}

// checkInputFields refuses fields that only outputs of the same type have.
func (c *checker) checkInputFields() {
	if c.kind.typ != "S3" && c.kind.typ != "S3_ROLE_BASED" {
		return
	}
	for _, name := range words("signatureVersion storageClass md5MetaTag acl") {
		if c.has(name) {
			c.addError(name, "exists for outputs only")
		}
	}
}

// checkAzure checks that there is one kind of credentials.
func (c *checker) checkAzure() {
	var principal map[string]json.RawMessage
	c.read("servicePrincipal", &principal)
	switch {
	case c.has("accountKey") == c.has("servicePrincipal"):
		c.addError("accountKey", "or servicePrincipal is required, and not both")
	case c.has("servicePrincipal") && (bare(principal["tenantId"]) || bare(principal["clientId"])):
		c.addError("servicePrincipal", "needs tenantId and clientId")
	case c.has("servicePrincipal") && bare(principal["clientSecret"]) && bare(principal["clientCertificate"]):
		c.addError("servicePrincipal", "needs clientSecret or clientCertificate")
	}
}

// bare reports whether a value is missing or empty.
func bare(value json.RawMessage) bool {
	return len(value) == 0 || bytes.Equal(value, []byte(`""`)) || bytes.Equal(value, []byte("null"))
}

// checkRegions checks the regions of an encoding: they exist, and those to fall back to have the
// provider of the first.
func (c *checker) checkRegions() {
	c.checkEnum("cloudRegion", cloudRegions)
	var first string
	var fallback []string
	c.read("cloudRegion", &first)
	c.read("fallbackCloudRegions", &fallback)
	provider := regionProvider(first)
	for _, region := range fallback {
		if !c.s.TakeUnknownValues && !slices.Contains(cloudRegions, region) {
			c.addError("fallbackCloudRegions", "contains %s, which is no region", region)
			continue
		}
		other := regionProvider(region)
		if provider != "" && other != "" && other != provider {
			c.addError("fallbackCloudRegions", "contains %s, which is not a region of %s", region, provider)
		}
		provider = cmp.Or(provider, other)
	}
}

// regionProvider is the provider of a region; empty for a larger region.
func regionProvider(region string) string {
	for _, p := range regionProviders {
		if strings.HasPrefix(region, p.name+"_") {
			return p.name
		}
	}
	return ""
}

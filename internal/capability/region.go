package capability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stokerd/stoker/job"
)

// CheckFallbackRegions lists what is wrong with the fallback regions of a template, whose first
// region is in the template itself.
func CheckFallbackRegions(regions []string, allowUnknown bool, path string) (violations, warnings []job.Violation) {
	c := &checker{path: path, allowUnknown: allowUnknown}
	c.checkFallbackRegions("", regions)
	return c.violations, c.warnings
}

func (c *checker) checkRegion(field, region string) {
	c.checkValue(field, region, cloudRegion, "")
}

// checkFallbackRegions checks that the fallback regions exist and have the same provider as the
// first region. If the platform chooses the first region, they have the same provider as each other.
func (c *checker) checkFallbackRegions(first string, regions []string) {
	provider, of := providerOf(first), first
	for i, region := range regions {
		field := fmt.Sprintf("fallback_regions[%d]", i)
		c.checkRegion(field, region)
		other := providerOf(region)
		if provider != "" && other != "" && other != provider {
			c.add(field, "%s is a region of %s, and %s one of %s; the platform takes fallback regions of one provider only", region, other, of, provider)
			continue
		}
		if provider == "" {
			provider, of = other, region
		}
	}
}

// providerOf returns the provider of a cloud region; empty for a continent, AUTO, EXTERNAL and an
// unknown region.
func providerOf(region string) string {
	name, _, _ := strings.Cut(region, "_")
	if slices.Contains([]string{"AWS", "GOOGLE", "AZURE", "AKAMAI", "OCI"}, name) {
		return name
	}
	return ""
}

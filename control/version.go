package control

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// versions of the namespace family, newest first; tools take the newest stable one.
// Source: spec/control-plane.md, section 1.1.
var versions = []string{
	"2025-02-15",
	"2025-11-15-preview", "2025-10-15-preview", "2025-07-15-preview", "2025-04-01-preview",
	"2024-12-15-preview", "2024-06-01-preview", "2023-12-15-preview", "2023-06-01-preview",
}

// Newest is the api-version with every property.
const Newest = "2025-11-15-preview"

var wellFormed = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(-preview)?$`)

// checkVersion reads api-version. Providers other than ours have versions of
// their own, of which only the form is looked at.
func (c *call) checkVersion(ours bool) *Error {
	version, given := c.query["api-version"]
	if !given || version == "" {
		return refuse(http.StatusBadRequest, "MissingApiVersionParameter",
			"The parameter api-version is missing; the newest version is %s.", Newest).at("api-version")
	}
	version = strings.ToLower(version)
	known := slices.Contains(versions, version)
	if !wellFormed.MatchString(version) || ours && !known && c.plane.o.StrictVersions {
		return refuse(http.StatusBadRequest, "InvalidApiVersionParameter",
			"The api-version %.40q is not known; the versions are %s.", version, strings.Join(versions, ", ")).at("api-version")
	}
	if ours && !known {
		c.plane.log.Warn("request with an unknown api-version was accepted", "version", version, "request", c.id)
	}
	c.version = version
	return nil
}

package gateway

import (
	"slices"
	"strings"
)

// flatVersion has the code and message of a token that failed as members of its entry.
const flatVersion = "2023-06-01-preview"

// Versions that are accepted. The newest behaviour is served for all (section 3.1).
var (
	topicVersions   = []string{flatVersion, "2023-09-01-preview", "2023-10-01-preview", "2023-11-01", "2024-06-01"}
	messageVersions = []string{"2025-02-15-preview", "2025-08-01-preview", "2025-11-16-preview"}
)

// readVersion checks the api-version.
func (c *call) readVersion() error {
	known := messageVersions
	switch {
	case c.target.op == PublishEvents:
		known = []string{customVersion}
	case c.target.op.ofTopic():
		known = topicVersions
	}
	version, given, bad := c.query.text("api-version")
	if bad != nil {
		return bad
	}
	if !given && c.target.op == PublishEvents {
		version = customVersion
	}
	c.version = strings.ToLower(version)
	if slices.Contains(known, c.version) {
		return nil
	}
	return badRequest("The query parameter `api-version` must be one of %s.", strings.Join(known, ", "))
}

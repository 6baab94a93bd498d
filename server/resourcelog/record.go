package resourcelog

import (
	"strings"
	"time"
)

// A Category is a kind of record.
type Category string

// The categories.
const (
	SuccessfulConnections Category = "SuccessfulMqttConnections"
	FailedConnections     Category = "FailedMqttConnections"
	Disconnections        Category = "MqttDisconnections"
	FailedPublishes       Category = "FailedMqttPublishedMessages"
	FailedSubscriptions   Category = "FailedMqttSubscriptionOperations"
	SuccessfulHTTP        Category = "SuccessfulHttpDataPlaneOperations"
	FailedHTTP            Category = "FailedHttpDataPlaneOperations"
)

// Categories are all of them.
func Categories() []Category {
	return []Category{SuccessfulConnections, FailedConnections, Disconnections, FailedPublishes, FailedSubscriptions, SuccessfulHTTP, FailedHTTP}
}

// A Record is one line. Its fields are in the order of the documents; Time and
// Properties.TraceID are set when it is written.
type Record struct {
	Time              string     `json:"time"`
	ResourceID        string     `json:"resourceId"`
	Location          string     `json:"location"`
	OperationName     string     `json:"operationName"`
	Category          Category   `json:"category"`
	ResultType        string     `json:"resultType"`
	ResultSignature   string     `json:"resultSignature,omitempty"`
	ResultDescription string     `json:"resultDescription,omitempty"`
	Identity          Identity   `json:"identity"`
	Properties        Properties `json:"properties"`
}

// An Identity is who a record is about.
type Identity struct {
	AuthenticationType string `json:"authenticationType,omitempty"`
	IdentitySource     string `json:"clientIdentitySource,omitempty"`
	Authority          string `json:"authenticationAuthority,omitempty"`
	ClientIdentity     string `json:"clientIdentity,omitempty"`
	ObjectID           string `json:"objectId,omitempty"` // of HTTP
}

// Properties are those of all categories; each has its own of them.
type Properties struct {
	SessionName string `json:"sessionName,omitempty"`
	Protocol    string `json:"protocol,omitempty"`
	TraceID     string `json:"traceId,omitempty"`

	QoS            *byte     `json:"qos,omitempty"`
	TopicName      string    `json:"topicName,omitempty"`
	TopicFilters   *[]string `json:"topicFilters,omitempty"`
	OperationCount int       `json:"operationCount,omitempty"`

	CallerIPAddress string `json:"callerIpAddress,omitempty"`
	NetworkAccess   string `json:"networkAccess,omitempty"`
	TLSVersion      string `json:"tlsVersion,omitempty"`
	TotalOperations int    `json:"totalOperations,omitempty"`
}

// Result types.
const (
	Succeeded = "Succeeded"
	Failed    = "Failed"
)

// together says whether records of a category are counted together.
func (c Category) together() bool {
	return c == FailedPublishes || c == SuccessfulHTTP || c == FailedHTTP
}

// traced says whether records of a category have a traceId.
func (c Category) traced() bool {
	return c == FailedConnections || c == FailedPublishes || c == FailedSubscriptions
}

// count notes that the record stands for so many.
func (r *Record) count(n int) {
	if r.Category == FailedPublishes {
		r.Properties.OperationCount = n
	} else {
		r.Properties.TotalOperations = n
	}
}

// timeFormat has seven digits, as the samples have.
const timeFormat = "2006-01-02T15:04:05.0000000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

const maxText = 1 << 10

// bound cuts off what is too long of the texts that clients choose.
func (r *Record) bound() {
	for _, s := range []*string{&r.ResultDescription, &r.Identity.ClientIdentity, &r.Properties.SessionName, &r.Properties.TopicName} {
		*s = Bounded(*s)
	}
}

// Bounded is the beginning of a text, as a copy and as UTF-8.
func Bounded(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return strings.ToValidUTF8(strings.Clone(s), "\uFFFD")
}

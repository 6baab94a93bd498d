package access

import (
	"fmt"

	"gridmq/topic"
)

// MaxTemplates is the number of topic templates in a topic space.
const MaxTemplates = 10

// A TopicSpace is a set of topics, given by templates.
// Source: spec/access-control.md, section 3.
type TopicSpace struct {
	Name        string // 3 to 50 letters, digits, hyphens; looked up ignoring case
	Templates   []*topic.Template
	Description string
}

// DecodeTopicSpace reads the properties of topicSpaces/{name}. The error joins an
// *identity.FieldError for each fault.
func DecodeTopicSpace(name string, properties []byte) (*TopicSpace, error) {
	var f faults
	f.name(name)
	read := f.object(properties)
	s := &TopicSpace{Name: name, Description: f.text("description", read["description"], maxDescription)}
	texts := f.texts("topicTemplates", read["topictemplates"], MaxTemplates)
	if len(texts) == 0 && f.err() == nil {
		f.add("topicTemplates", "want 1 to %d topic templates", MaxTemplates)
	}
	for i, text := range texts {
		t, err := topic.ParseTemplate(text)
		if err != nil {
			f.add(fmt.Sprintf("topicTemplates[%d]", i), "%v", err)
		}
		s.Templates = append(s.Templates, t)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Encode writes the properties of s.
func (s *TopicSpace) Encode() []byte {
	written := struct {
		TopicTemplates []string `json:"topicTemplates"`
		Description    string   `json:"description,omitempty"`
	}{[]string{}, s.Description}
	for _, t := range s.Templates {
		written.TopicTemplates = append(written.TopicTemplates, t.String())
	}
	return encode(written)
}

// Replaces says whether s may take the place of old, which may be nil: always, as
// nothing of a topic space is fixed.
func (s *TopicSpace) Replaces(*TopicSpace) error { return nil }

package access

import (
	"fmt"

	"gridmq/identity"
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
	p := identity.ReadProperties(properties)
	if err := p.Err(); err != nil { // there are no members to speak of
		return nil, err
	}
	p.Join(identity.CheckName(name))
	s := &TopicSpace{Name: name}
	s.Description, _ = p.Text("description", maxDescription)
	texts, read := p.Texts("topicTemplates", MaxTemplates)
	if _, given := p.Raw("topicTemplates"); len(texts) == 0 && (read || !given) {
		p.Fail("topicTemplates", fmt.Sprintf("want 1 to %d topic templates", MaxTemplates))
	}
	for i, text := range texts {
		t, err := topic.ParseTemplate(text)
		if err != nil {
			p.Fail(fmt.Sprintf("topicTemplates[%d]", i), err.Error())
		}
		s.Templates = append(s.Templates, t)
	}
	if err := p.Err(); err != nil {
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
	return identity.EncodeProperties(written)
}

// Replaces says whether s may take the place of old, which may be nil: always, as
// nothing of a topic space is fixed.
func (s *TopicSpace) Replaces(*TopicSpace) error { return nil }

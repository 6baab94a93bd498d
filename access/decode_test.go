package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gridmq/identity"
)

// decoders read a noun and write it again.
var decoders = map[string]func(name string, properties []byte) (encoded []byte, err error){
	"space":   decoder(DecodeTopicSpace),
	"binding": decoder(DecodeBinding),
	"role":    decoder(DecodeRoleAssignment),
}

func decoder[T interface{ Encode() []byte }](decode func(string, []byte) (T, error)) func(string, []byte) ([]byte, error) {
	return func(name string, properties []byte) ([]byte, error) {
		noun, err := decode(name, properties)
		if err != nil {
			return nil, err
		}
		return noun.Encode(), nil
	}
}

func TestDecode(t *testing.T) {
	const role = `{"principalId":"p","roleDefinitionId":"r","scope":"/subscriptions/s"}`
	tests := map[string]struct{ noun, name, in, want string }{
		"space":                    {"space", "abc", `{"topicTemplates":["a/#","${client.authenticationName}"],"description":"<x>"}`, `{"topicTemplates":["a/#","${client.authenticationName}"],"description":"<x>"}`},
		"space, names in any case": {"space", "a-B-1", `{"TOPICTEMPLATES":["a"],"Description":null}`, `{"topicTemplates":["a"]}`},
		"space, unknown members":   {"space", "abc", ` {"location":"x","provisioningState":"Succeeded","topicTemplates":["a"],"x":{"y":[1]}} `, `{"topicTemplates":["a"]}`},
		"space, longest name":      {"space", strings.Repeat("n", 50), `{"topicTemplates":["a"]}`, `{"topicTemplates":["a"]}`},
		"binding":                  {"binding", "abc", `{"clientGroupName":"g-1","topicSpaceName":"s-1","permission":"Subscriber","description":"d"}`, `{"clientGroupName":"g-1","topicSpaceName":"s-1","permission":"Subscriber","description":"d"}`},
		"binding, any case":        {"binding", "abc", `{"ClientGroupName":"$ALL","topicspacename":"s-1","PERMISSION":"pUBLISHER","description":null}`, `{"clientGroupName":"$all","topicSpaceName":"s-1","permission":"Publisher"}`},
		"role":                     {"role", "a.b_c", role, role},
		"role, synonyms":           {"role", "x", `{"principal":"p","role":"r","SCOPE":"/subscriptions/s","roleDefinitionId":null}`, role},
		"role, everything":         {"role", "x", `{"principalId":"p","principalType":"group","roleDefinitionId":"r","scope":"` + plant + `","dataActions":["a"],"notDataActions":["b"]}`, `{"principalId":"p","principalType":"Group","roleDefinitionId":"r","scope":"` + plant + `","dataActions":["a"],"notDataActions":["b"]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decoders[tt.noun](tt.name, []byte(tt.in))
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	long := strings.Repeat("x", maxDescription+1)
	tests := map[string]struct {
		noun, name, in string
		want           []string // Field: a part of Reason
	}{
		"no object":                    {"space", "abc", `[]`, []string{": object"}},
		"no JSON":                      {"space", "abc", `{"topicTemplates":["a"]`, []string{": object"}},
		"two objects":                  {"space", "abc", `{} {}`, []string{": object"}},
		"not UTF-8":                    {"space", "abc", "{\"topicTemplates\":[\"\xff\"]}", []string{": UTF-8"}},
		"huge":                         {"space", "abc", strings.Repeat(" ", 10) + `{"x":"` + strings.Repeat("x", 1<<20) + `"}`, []string{": longer"}},
		"deep":                         {"space", "abc", `{"x":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`, []string{": object"}},
		"twice":                        {"binding", "abc", `{"clientGroupName":"ggg","topicSpaceName":"sss","permission":"Publisher","Permission":"Subscriber"}`, []string{"Permission: twice"}},
		"short name":                   {"space", "ab", `{"topicTemplates":["a"]}`, []string{"name: 3 to 50"}},
		"long name":                    {"binding", strings.Repeat("n", 51), `{"clientGroupName":"ggg","topicSpaceName":"sss","permission":"Publisher"}`, []string{"name: 3 to 50"}},
		"name with a dot":              {"space", "a.bc", `{"topicTemplates":["a"]}`, []string{"name: letters, digits"}},
		"no templates":                 {"space", "abc", `{}`, []string{"topicTemplates: 1 to 10"}},
		"null templates":               {"space", "abc", `{"topicTemplates":null}`, []string{"topicTemplates: 1 to 10"}},
		"nothing at all":               {"space", "abc", ``, []string{"topicTemplates: 1 to 10"}},
		"null":                         {"space", "abc", `null`, []string{"topicTemplates: 1 to 10"}},
		"empty templates":              {"space", "abc", `{"topicTemplates":[]}`, []string{"topicTemplates: 1 to 10"}},
		"eleven templates":             {"space", "abc", `{"topicTemplates":["a","a","a","a","a","a","a","a","a","a","a"]}`, []string{"topicTemplates: 10 at most"}},
		"a template's position":        {"space", "abc", `{"topicTemplates":["a","b+","c/${x}"]}`, []string{"topicTemplates[1]: column 2", "topicTemplates[2]: column 5"}},
		"a template that is no string": {"space", "abc", `{"topicTemplates":["a",1]}`, []string{"topicTemplates: array of strings"}},
		"a null template":              {"space", "abc", `{"topicTemplates":["a",null]}`, []string{"topicTemplates: array of strings"}},
		"a string":                     {"space", "abc", `{"topicTemplates":"a"}`, []string{"topicTemplates: array of strings"}},
		"long description":             {"space", "abc", `{"topicTemplates":["a"],"description":"` + long + `"}`, []string{"description: 4096 characters"}},
		"description":                  {"space", "abc", `{"topicTemplates":["a"],"description":1}`, []string{"description: string"}},
		"everything is told":           {"binding", "a", `{"permission":"Owner","description":{}}`, []string{"name: 3 to 50", "clientGroupName: required", "topicSpaceName: required", "permission: Publisher or Subscriber", "description: string"}},
		"no permission":                {"binding", "abc", `{"clientGroupName":"ggg","topicSpaceName":"sss"}`, []string{"permission: Publisher or Subscriber"}},
		"permission is a number":       {"binding", "abc", `{"clientGroupName":"ggg","topicSpaceName":"sss","permission":1}`, []string{"permission: string"}},
		"names of nothing":             {"binding", "abc", `{"clientGroupName":"$none","topicSpaceName":"$all","permission":"Publisher"}`, []string{"clientGroupName: hyphens", "topicSpaceName: hyphens"}},
		"a role of nobody":             {"role", "", `{}`, []string{"name: 1 to 128", "principalId: required", "roleDefinitionId: required", "scope: required"}},
		"a role everywhere":            {"role", "x", `{"principalId":"p","role":"r","scope":"/"}`, []string{"scope: /subscriptions"}},
		"a role without slash":         {"role", "x", `{"principalId":"p","role":"r","scope":"subscriptions/x"}`, []string{"scope: /subscriptions"}},
		"a role half way":              {"role", "x", `{"principalId":"p","role":"r","scope":"/subscriptions/x/resourceGroups"}`, []string{"scope: /subscriptions"}},
		"a type of principal":          {"role", "x", `{"principalId":"p","role":"r","scope":"/subscriptions/x","principalType":"Robot","dataActions":"*"}`, []string{"principalType: Group", "dataActions: array"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := decoders[tt.noun](tt.name, []byte(tt.in))
			got := faultsOf(err)
			if len(got) != len(tt.want) {
				t.Fatalf("%v; want %q", err, tt.want)
			}
			for i, want := range tt.want {
				field, says, _ := strings.Cut(want, ": ")
				if got[i].Field != field || !strings.Contains(got[i].Reason, says) {
					t.Errorf("fault %q, want %q of %q", got[i], says, field)
				}
			}
		})
	}
}

// faultsOf takes a joined error apart.
func faultsOf(err error) (all []*identity.FieldError) {
	joined, _ := err.(interface{ Unwrap() []error })
	if joined == nil {
		return nil
	}
	for _, one := range joined.Unwrap() {
		if f, ok := errors.AsType[*identity.FieldError](one); ok {
			all = append(all, f)
		}
	}
	return all
}

func TestReplaces(t *testing.T) {
	role := func(principal, role, scope string) *RoleAssignment {
		return &RoleAssignment{Name: "r", Principal: principal, Role: role, Scope: scope}
	}
	old := role(objectA, PublisherRole, plant)
	for name, tt := range map[string]struct {
		now   *RoleAssignment
		wrong []string
	}{
		"the same":        {role(objectA, PublisherRole, plant), nil},
		"another role":    {role(objectA, SubscriberRole, plant), nil},
		"spelled apart":   {role(strings.ToLower(objectA), PublisherRole, strings.ToUpper(plant)+"/"), nil},
		"other principal": {role(groupB, PublisherRole, plant), []string{"principalId"}},
		"other scope":     {role(objectA, PublisherRole, plant+"/topicSpaces/one"), []string{"scope"}},
		"both":            {role(groupB, PublisherRole, "/subscriptions/s1"), []string{"principalId", "scope"}},
	} {
		var got []string
		for _, f := range faultsOf(tt.now.Replaces(old)) {
			got = append(got, f.Field)
		}
		if !reflect.DeepEqual(got, tt.wrong) {
			t.Errorf("%s: %q, want %q", name, got, tt.wrong)
		}
	}
	if old.Replaces(nil) != nil || space(t, "a", "b").Replaces(space(t, "a", "c")) != nil || bind("a", "b", "c", Publisher).Replaces(nil) != nil {
		t.Error("refused to replace")
	}
}

// Refusing bytes is fine; panicking on them, or reading them two ways, is not.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"topicTemplates":["a/${client.authenticationName|.x}/+/#"],"description":"d"}`, `{"clientGroupName":"$all","topicSpaceName":"sss","permission":"Publisher"}`,
		`{"principalId":"p","roleDefinitionId":"r","scope":"/subscriptions/s","dataActions":["*"]}`, `null`, `{"a":1,"A":2}`, `[]`, "{\"\xff\":1}",
	} {
		f.Add("abc", []byte(s))
	}
	f.Fuzz(func(t *testing.T, name string, properties []byte) {
		for noun, decode := range decoders {
			once, err := decode(name, properties)
			if err != nil {
				if len(faultsOf(err)) == 0 {
					t.Errorf("%s: %v holds no *identity.FieldError", noun, err)
				}
				continue
			}
			twice, err := decode(name, once)
			if err != nil || string(once) != string(twice) || !json.Valid(once) {
				t.Errorf("%s %q is written %s and then %s, %v", noun, properties, once, twice, fmt.Sprint(err))
			}
		}
	})
}

package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTemplate is what Azure's export writes, and what Bicep compiles to.
func TestTemplate(t *testing.T) {
	const exported = `{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": { "namespaces_plant_name": { "defaultValue": "plant", "type": "String" } },
  "variables": { "space": "[concat('tele', 'metry')]" },
  "resources": [
    { "type": "Microsoft.EventGrid/namespaces", "apiVersion": "2025-02-15", "name": "[parameters('namespaces_plant_name')]",
      "location": "[resourceGroup().location]", "sku": { "name": "Standard", "capacity": 1 },
      "properties": { "topicSpacesConfiguration": { "state": "Enabled" } } },
    { "type": "Microsoft.EventGrid/namespaces/topicSpaces", "name": "[concat(parameters('namespaces_plant_name'), '/', variables('space'))]",
      "dependsOn": [ "[resourceId('Microsoft.EventGrid/namespaces', parameters('namespaces_plant_name'))]" ],
      "properties": { "topicTemplates": [ "a/${client.authenticationName}/#", "[[literal]" ] } },
    { "type": "Microsoft.Authorization/roleAssignments", "name": "[guid('a', 'b')]",
      "scope": "[format('Microsoft.EventGrid/namespaces/{0}/topicSpaces/{1}', parameters('namespaces_plant_name'), variables('space'))]",
      "properties": { "roleDefinitionId": "[subscription().id]", "principalId": "p" } },
    { "type": "Microsoft.EventGrid/namespaces/providers/roleAssignments", "name": "plant/Microsoft.Authorization/r2", "properties": {} }
  ] }`
	const nested = `{ "languageVersion": "2.0", "parameters": { "n": { "type": "int" } }, "resources": { "ns": {
    "type": "Microsoft.EventGrid/namespaces", "name": "plant", "resources": [
      { "type": "clients", "name": "[format('press-{0}', copyIndex(1))]", "copy": { "name": "presses", "count": "[parameters('n')]" },
        "properties": { "attributes": { "floor": "[add(copyIndex('presses'), 10)]", "kind": "[if(equals(copyIndex(), 0), 'first', 'other')]" } } },
      { "type": "clients", "name": "never", "condition": "[not(true())]" } ] },
    "old": { "existing": true, "type": "Microsoft.EventGrid/namespaces", "name": "old" } } }`
	tests := map[string]struct {
		text string
		o    Options
		want []string
	}{
		"export": {exported, Options{}, []string{
			`Namespace plant {"location":"local","properties":{"topicSpacesConfiguration":{"state":"Enabled"}},"sku":{"capacity":1,"name":"Standard"}}`,
			`TopicSpace plant/telemetry {"properties":{"topicTemplates":["a/${client.authenticationName}/#","[literal]"]}}`,
			`RoleAssignment plant/1cba2b3c-8b87-5c4f-a4c8-4a84b7b0e5b1 at topicSpaces/telemetry {"properties":{"principalId":"p","roleDefinitionId":"/subscriptions/` + DefaultSubscription + `"}}`,
			`RoleAssignment plant/r2 {"properties":{}}`,
		}},
		"parameter": {`{"parameters":{"x":{"type":"string"}},"resources":[{"type":"Microsoft.EventGrid/namespaces","name":"[parameters('X')]"}]}`,
			Options{Parameters: map[string]any{"x": "hall-4"}}, []string{`Namespace hall-4 {}`}},
		"what is given is no expression": {`{"parameters":{"x":{"type":"string"}},"resources":[{"type":"Microsoft.EventGrid/namespaces","name":"n","location":"[parameters('x')]"}]}`,
			Options{Parameters: map[string]any{"x": "[resourceGroup().name]"}}, []string{`Namespace n {"location":"[resourceGroup().name]"}`}},
		"nested, loop, condition": {nested, Options{Parameters: map[string]any{"n": "2"}}, []string{
			`Namespace plant {}`,
			`Client plant/press-1 {"properties":{"attributes":{"floor":10,"kind":"first"}}}`,
			`Client plant/press-2 {"properties":{"attributes":{"floor":11,"kind":"other"}}}`,
		}},
		"unsupported, left out": {`{"resources":[{"type":"Microsoft.Storage/accounts","name":"x"},{"type":"Microsoft.EventGrid/namespaces","name":"n"}]}`,
			Options{SkipUnsupported: true}, []string{`Namespace n {}`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := Read("t.json", strings.NewReader(tt.text), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			got := list(set)
			for i := range got { // the value of guid() is checked by its own test
				if name == "export" && i == 2 {
					got[i], tt.want[i] = got[i][strings.Index(got[i], " at "):], tt.want[i][strings.Index(tt.want[i], " at "):]
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("read (-want +got):\n%s", d)
			}
		})
	}
}

func TestEvaluate(t *testing.T) {
	tests := map[string]string{ // expression -> value as text, or "error: part"
		"plain":                              "plain",
		"[[bracket]":                         "[bracket]",
		"[open":                              "[open",
		"['it''s']":                          "it's",
		"[concat('a', 1, true())]":           "a1True",
		"[format('{0}-{{x}}-{1}', 'a', -2)]": "a-{x}--2",
		"[toUpper(trim(' a '))]":             "A",
		"[join(split('a,b', ','), '|')]":     "a|b",
		"[string(createArray(1, 'x'))]":      `[1,"x"]`,
		"[createObject('a', 1).A]":           "1",
		"[createArray('x', 'y')[1]]":         "y",
		"[json('{\"a\":[5]}').a[0]]":         "5",
		"[length('äö')]":                     "2",
		"[base64ToString(base64('hi'))]":     "hi",
		"[replace('a.b', '.', '-')]":         "a-b",
		"[first('abc')]":                     "a",
		"[coalesce(null(), 'x')]":            "x",
		"[contains(createArray(1, 2), 2)]":   "True",
		"[and(true(), or(false(), true()))]": "True",
		"[resourceId('Microsoft.EventGrid/namespaces/topics', 'n', 't')]":   "/subscriptions/" + DefaultSubscription + "/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces/n/topics/t",
		"[resourceId('s', 'g', 'Microsoft.EventGrid/namespaces', 'n')]":     "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/n",
		"[extensionResourceId('/x', 'Microsoft.Authorization/locks', 'n')]": "/x/providers/Microsoft.Authorization/locks/n",
		"[parameters('p')]":            "error: no parameter \"p\"",
		"[parameters('needed')]":       "error: --parameter needed=VALUE",
		"[variables('loop')]":          "error: asks for itself",
		"[reference('x').y]":           "error: only Azure knows",
		"[listKeys('x', '1').key1]":    "error: only Azure knows",
		"[uniqueString('x')]":          "error: not a function that is known here",
		"[concat('a']":                 `error: want "," at column 12`,
		"['a' 'b']":                    "error: unexpected \"'\" at column 6",
		"[concat()]":                   "error: another number of arguments",
		"[copyIndex()]":                "error: no such loop",
		"[createArray()[3]]":           "error: there is no [3]",
		"[join(range(0, 100001), '')]": "error: how many",
		"[format('{7}', 'a')]":         "error: there is no value",
		"[format('{', 'a')]":           "error: there is no value",
		"[replace('aaaa', '', 'b')]":   "error: makes too much",
		"[" + strings.Repeat("trim(", 500) + "'x'" + strings.Repeat(")", 500) + "]": "error: nested too deeply",
	}
	e := newEnvironment(&Options{}, map[string]any{
		"parameters": map[string]any{"needed": map[string]any{"type": "string"}},
		"variables":  map[string]any{"loop": "[variables('LOOP')]"},
	})
	for expression, want := range tests {
		t.Run(expression[:min(len(expression), 40)], func(t *testing.T) {
			v, err := e.evaluate(expression)
			part, wantError := strings.CutPrefix(want, "error: ")
			switch {
			case wantError && (err == nil || !strings.Contains(err.Error(), part)):
				t.Errorf("%v, %v; want an error with %q", v, err, part)
			case !wantError && (err != nil || show(v) != want):
				t.Errorf("%v, %v; want %q", v, err, want)
			}
		})
	}
}

// TestGuid: RFC 9562, version and variant; the same again, and another for others.
func TestGuid(t *testing.T) {
	var e environment
	e.options = &Options{}
	one, _ := e.evaluate("[guid('a', 'b')]")
	again, _ := e.evaluate("[guid('a', 'b')]")
	other, _ := e.evaluate("[guid('a', 'c')]")
	s, _ := one.(string)
	if one != again || one == other || len(s) != 36 || s[14] != '5' || !strings.ContainsRune("89ab", rune(s[19])) {
		t.Errorf("guid %v, again %v, other %v", one, again, other)
	}
}

// TestGrowth: what expressions make is bounded.
func TestGrowth(t *testing.T) {
	text := `{"variables":{"a":"` + strings.Repeat("x", 1000) + `"`
	for i := range 20 {
		text += strings.NewReplacer("N", string(rune('b'+i)), "P", string(rune('a'+i))).Replace(`,"N":"[concat(variables('P'), variables('P'), variables('P'), variables('P'))]"`)
	}
	text += `},"resources":[{"type":"Microsoft.EventGrid/namespaces","name":"n","location":"[variables('u')]"}]}`
	if _, err := Read("t.json", strings.NewReader(text), Options{}); err == nil || !strings.Contains(err.Error(), "makes too much") {
		t.Errorf("error %.200v, want that it makes too much", err)
	}
}

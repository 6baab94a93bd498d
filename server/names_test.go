package server

import (
	"errors"
	"strings"
	"testing"

	"gridmq/control"
	"gridmq/identity"
	"gridmq/store/memory"
)

// What config check says of a namespace's name is what serve does with it.
func TestOneRuleForNames(t *testing.T) {
	st := memory.New(memory.Options{})
	defer st.Close()
	plane, err := control.Open(t.Context(), control.Options{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	defer plane.Close()
	for name, want := range map[string]bool{
		"plant": true, "a-b": true, "123": true, "p" + strings.Repeat("x", 49): true, "sys": true, "my-system": true,
		"ab": false, "p": false, "p" + strings.Repeat("x", 50): false, "system": false, "systems": false, "eventgrid-1": false, "microsoftplant": false,
		"-ab": false, "a_b": false, "a.b": false, "plänt": false,
	} {
		_, _, checked := load(t, "namespaces: {\""+name+"\": {}}\n")
		served := checked // serve reads the file in the same way, and then makes the namespaces
		if err := plane.EnsureNamespace(t.Context(), name, configured(Namespace{Profile: "standard"})); err != nil {
			served = err
		}
		if checked == nil && served != nil {
			t.Errorf("%q: config check accepts it, and serve says %v", name, served)
		}
		if (checked == nil) != want || (served == nil) != want {
			t.Errorf("%q: config check says %v, serve %v; want it good: %t", name, checked, served, want)
		}
	}
	if e := new(identity.FieldError); errors.As(plane.EnsureNamespace(t.Context(), "ab", nil), &e) && e.Field != "name" {
		t.Errorf("%+v", e)
	}
}

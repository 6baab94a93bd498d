package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"gridmq/server"
)

const passwordDocuments = `
kind: Namespace
name: plant
properties: {topicSpacesConfiguration: {state: Enabled}, gridmq: {passwords: {enabled: true}}}
---
kind: Client
namespace: plant
name: lamp-3
properties:
  authenticationName: lamp-3.plant
  attributes: {hall: 7}
  gridmq: {password: a long phrase that nobody guesses}
`

// TestApplyPassword: the same password again is no change, another one is, and so is
// anything else beside the same one.
func TestApplyPassword(t *testing.T) {
	d := newDesk(t, nil)
	file := func(old, fresh string) string {
		return d.file("lamp.yaml", strings.ReplaceAll(passwordDocuments, old, fresh))
	}
	d.must(0, "created Namespace plant\ncreated Client plant/lamp-3\n", "apply -f", file("", ""))
	for _, line := range []string{"apply -f", "apply --dry-run -f", "apply -f"} {
		d.must(0, "unchanged Namespace plant\nunchanged Client plant/lamp-3\n", line, file("", ""))
	}
	for _, change := range [][2]string{{"nobody", "somebody"}, {"hall: 7", "hall: 8"}} {
		if s := d.run("apply -f", file(change[0], change[1])); s.code != 0 || !strings.Contains(s.out, "\nchanged Client plant/lamp-3\n") {
			t.Errorf("%v: %+v", change, s)
		}
		d.run("apply -f", file("", ""))
		d.must(0, "unchanged Namespace plant\nunchanged Client plant/lamp-3\n", "apply -f", file("", ""))
	}
}

func TestPassword(t *testing.T) {
	d := newDesk(t, nil)
	d.run("apply -f", d.file("lamp.yaml", passwordDocuments))
	shape := regexp.MustCompile(`(?m)^lamp-3 +lamp-3\.plant +(gmq_[\w-]{43}[0-9a-f]{8})\n`)
	s := d.run("password --client lamp-3 -n plant")
	if got := shape.FindStringSubmatch(s.out); s.code != 0 || s.errs != "" || len(got) == 0 || strings.Count(s.out, "gmq_") != 1 {
		t.Fatalf("%+v", s)
	} else {
		// It is the client's now, and all else of the client is as it was.
		d.must(0, "unchanged Client plant/lamp-3\n", "apply -f", d.file("now.yaml", strings.NewReplacer("a long phrase that nobody guesses", got[1]).Replace(
			passwordDocuments[strings.Index(passwordDocuments, "---\n")+4:])))
	}
	var shown struct{ Namespace, Client, AuthenticationName, Password, PasswordHash string }
	s = d.run("password --client lamp-3 -o json")
	if err := json.Unmarshal([]byte(s.out), &shown); err != nil || shown.Namespace != "plant" || shown.Client != "lamp-3" || shown.AuthenticationName != "lamp-3.plant" ||
		!strings.HasPrefix(shown.Password, "gmq_") || !strings.HasPrefix(shown.PasswordHash, "$argon2id$") {
		t.Errorf("%+v, %v", s, err)
	}
	if s := d.run("get client lamp-3 -o json"); strings.Contains(s.out, "argon2id") || !strings.Contains(s.out, "hasPassword") {
		t.Errorf("%s", s.out)
	}
	// Without a client nobody is asked.
	shown.Password, shown.PasswordHash = "", ""
	if s := d.run("password -o json"); json.Unmarshal([]byte(s.out), &shown) != nil || !strings.HasPrefix(shown.Password, "gmq_") || strings.Contains(s.out, "client") {
		t.Errorf("%+v", s)
	}
	if s := d.run("password"); !regexp.MustCompile(`^PASSWORD +HASH\ngmq_\S+ +\$argon2id\$\S+\n$`).MatchString(s.out) {
		t.Errorf("%+v", s)
	}
	for line, want := range map[string]string{
		"password --client nobody":                `namespace plant has no client "nobody"; make one with gridmq apply`,
		"password --client lamp-3 -n mill":        `there is no namespace "mill"`,
		"password --client lamp-3 -o yaml":        "yaml",
		"password --client= -n plant":             "--client: want the name of a client",
		"password lamp-3":                         "lamp-3",
		"password --client lamp-3 --token-file x": "exclude",
	} {
		if s := d.run(line); s.code == 0 || !strings.Contains(s.errs, want) || strings.Contains(s.out, "gmq_") {
			t.Errorf("gridmq %s: %+v, want %q", line, s, want)
		}
	}
	if s := d.runAs("reader-token", "", "password --client lamp-3"); s.code != exitRefused || strings.Contains(s.out, "gmq_") {
		t.Errorf("a reader: %+v", s)
	}
	d.run("apply -f", d.file("off.yaml", "kind: Namespace\nname: plant\nproperties: {topicSpacesConfiguration: {state: Enabled}, gridmq: {passwords: {enabled: false}}}\n"))
	if s := d.run("password --client lamp-3"); s.code != 0 || !strings.Contains(s.errs, "properties.gridmq.passwords.enabled") {
		t.Errorf("passwords are off: %+v", s)
	}
	if a, _ := server.NewDevicePassword(); a == shown.Password {
		t.Error("the same password twice")
	}
}

package mqtt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// judged are the normative statements of MQTT 5.0, chapters 1 to 4, that a
// codec alone can obey or judge. Each must be named beside the code that obeys
// it and, where the codec refuses something, in a test.
var judged = map[string]bool{ // true: named in a test too
	"MQTT-1.5.4-1": true, "MQTT-1.5.4-2": true, "MQTT-1.5.4-3": true, "MQTT-1.5.5-1": true, "MQTT-1.5.7-1": true,
	"MQTT-2.1.3-1": true, "MQTT-2.2.1-2": false, "MQTT-2.2.1-3": true, "MQTT-2.2.1-4": false, "MQTT-2.2.2-1": true,
	"MQTT-3.1.2-1": true, "MQTT-3.1.2-2": true, "MQTT-3.1.2-3": true, "MQTT-3.1.2-9": true, "MQTT-3.1.2-11": true, "MQTT-3.1.2-12": true,
	"MQTT-3.1.2-13": true, "MQTT-3.1.2-16": true, "MQTT-3.1.2-17": true, "MQTT-3.1.2-18": true, "MQTT-3.1.2-19": true, "MQTT-3.1.2-24": false,
	"MQTT-3.1.3-1": false, "MQTT-3.1.3-3": true, "MQTT-3.1.3-4": true, "MQTT-3.1.3-10": true, "MQTT-3.1.3-11": true, "MQTT-3.1.3-12": true,
	"MQTT-3.2.2-1": true, "MQTT-3.2.2-6": true, "MQTT-3.2.2-8": true, "MQTT-3.2.2-15": true, "MQTT-3.2.2-19": true, "MQTT-3.2.2-20": false,
	"MQTT-3.3.1-1": false, "MQTT-3.3.1-2": true, "MQTT-3.3.1-4": true, "MQTT-3.3.2-1": true, "MQTT-3.3.2-2": true, "MQTT-3.3.2-4": false,
	"MQTT-3.3.2-8": true, "MQTT-3.3.2-13": true, "MQTT-3.3.2-14": true, "MQTT-3.3.2-18": true, "MQTT-3.3.2-19": true,
	"MQTT-3.4.2-1": true, "MQTT-3.4.2-2": true, "MQTT-3.4.2-3": true, "MQTT-3.5.2-1": true, "MQTT-3.6.1-1": true, "MQTT-3.6.2-1": true, "MQTT-3.7.2-1": true,
	"MQTT-3.8.1-1": true, "MQTT-3.8.3-1": true, "MQTT-3.8.3-2": true, "MQTT-3.8.3-4": true, "MQTT-3.8.3-5": true, "MQTT-3.9.3-1": false, "MQTT-3.9.3-2": true,
	"MQTT-3.10.1-1": true, "MQTT-3.10.3-1": true, "MQTT-3.10.3-2": true, "MQTT-3.11.3-1": false, "MQTT-3.11.3-2": true,
	"MQTT-3.14.1-1": true, "MQTT-3.14.2-1": true, "MQTT-3.15.1-1": true, "MQTT-3.15.2-1": true,
	"MQTT-4.7.0-1": true, "MQTT-4.7.3-1": true, "MQTT-4.7.3-2": false, "MQTT-4.7.3-3": false,
}

func TestEveryStatementIsNamed(t *testing.T) {
	code, tests := readSources(t)
	for tag, tested := range judged {
		if !strings.Contains(code, "["+tag+"]") {
			t.Errorf("[%s] stands beside no line of code", tag)
		}
		if tested && !strings.Contains(tests, "["+tag+"]") {
			t.Errorf("[%s] is named in no test", tag)
		}
	}
}

// readSources returns the code and the tests of this package, without this file.
func readSources(t *testing.T) (code, tests string) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case f == "conformance_test.go":
		case strings.HasSuffix(f, "_test.go"):
			tests += string(b)
		default:
			code += string(b)
		}
	}
	return code, tests
}

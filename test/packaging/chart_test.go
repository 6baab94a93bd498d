package packaging

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

var chartDir = filepath.Join(root(), "packaging", "helm", "gridmq")

// An object is one document of a chart.
type object = map[string]any

// render does what helm template does, with the same functions, for what our templates
// use: helm itself takes minutes to compile. helm_test.go compares with the real one.
func render(t *testing.T, name string, values object) (text string, err error) {
	t.Helper()
	var defaults object
	decodeFile(t, filepath.Join(chartDir, "values.yaml"), &defaults)
	all := merge(defaults, values)
	if err := validate(t, all); err != nil {
		return "", err
	}
	var chart struct{ Name, Version, AppVersion string }
	var raw map[string]any
	decodeFile(t, filepath.Join(chartDir, "Chart.yaml"), &raw)
	chart.Name, chart.Version, chart.AppVersion = raw["name"].(string), raw["version"].(string), raw["appVersion"].(string)

	root := template.New("chart").Option("missingkey=zero")
	root.Funcs(sprig.TxtFuncMap()).Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var out strings.Builder
			err := root.ExecuteTemplate(&out, name, data)
			return out.String(), err
		},
		"toYaml": func(v any) (string, error) {
			b, err := toYAML(v)
			return strings.TrimSuffix(string(b), "\n"), err
		},
		"fromYamlArray": func(text string) (list []any, err error) { return list, yaml.Unmarshal([]byte(text), &list) },
	})
	files, err := filepath.Glob(filepath.Join(chartDir, "templates", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := root.New(filepath.Base(f)).Parse(string(b)); err != nil {
			t.Fatal(err)
		}
	}
	data := object{"Values": all, "Chart": chart, "Release": object{"Name": name, "Namespace": "plant", "Service": "Helm"}}
	var out strings.Builder
	for _, f := range files {
		if filepath.Ext(f) != ".yaml" && filepath.Base(f) != "NOTES.txt" {
			continue
		}
		var one strings.Builder
		if err := root.ExecuteTemplate(&one, filepath.Base(f), data); err != nil {
			return "", err
		}
		if filepath.Ext(f) == ".yaml" {
			fmt.Fprintf(&out, "---\n%s\n", one.String())
		}
	}
	return strings.ReplaceAll(out.String(), "<no value>", ""), nil
}

// toYAML writes as helm does: by way of JSON, two blanks, keys in order.
func toYAML(v any) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := e.Encode(v)
	return out.Bytes(), err
}

// merge lays b over a, map by map, as helm does with values.
func merge(a, b object) object {
	out := maps.Clone(a)
	for k, v := range b {
		if inner, ok := v.(object); ok {
			if below, ok := out[k].(object); ok {
				v = merge(below, inner)
			}
		}
		out[k] = v
	}
	return out
}

func decodeFile(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// validate checks values against the chart's schema, with the library that helm has.
func validate(t *testing.T, values object) error {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(chartDir, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(plain)
}

// objects are the documents of a rendered chart, by kind and name.
func objects(t *testing.T, text string) map[string]object {
	t.Helper()
	all := map[string]object{}
	d := yaml.NewDecoder(strings.NewReader(text))
	for {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if o == nil {
			continue
		}
		all[fmt.Sprintf("%v/%v", o["kind"], at(o, "metadata", "name"))] = o
	}
	return all
}

// at walks into maps and lists; nil where there is nothing.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(object)
			v = m[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				return nil
			}
			v = list[p]
		}
	}
	return v
}

var chartCases = map[string]object{
	"defaults": {},
	"everything": {
		"image":             object{"digest": "sha256:" + fmt.Sprintf("%x", sha256.Sum256(nil)), "pullSecrets": []any{object{"name": "registry"}}},
		"config":            object{"log": object{"level": "debug"}, "namespaces": object{"default": object{"profile": "azure"}}, "tls": object{"minimum_version": "1.3"}},
		"hosts":             []any{"mqtt.plant.example"},
		"tls":               object{"existingSecret": "plant-tls"},
		"extraEnv":          []any{object{"name": "A", "value": "b"}},
		"extraVolumes":      []any{object{"name": "letters", "secret": object{"secretName": "letters"}}},
		"extraVolumeMounts": []any{object{"name": "letters", "mountPath": "/etc/gridmq/letters"}},
		"service":           object{"type": "LoadBalancer", "loadBalancerSourceRanges": []any{"10.0.0.0/8"}, "externalTrafficPolicy": "Local", "annotations": object{"a": "b"}},
		"persistence":       object{"storageClassName": "fast", "size": "100Gi"},
		"networkPolicy":     object{"enabled": true, "managementFrom": []any{object{"podSelector": object{}}}, "metricsFrom": []any{object{"namespaceSelector": object{}}}},
		"serviceAccount":    object{"annotations": object{"c": "d"}},
		"podLabels":         object{"team": "plant"},
		"podAnnotations":    object{"e": "f"},
		"nodeSelector":      object{"disk": "ssd"},
		"tolerations":       []any{object{"key": "broker", "operator": "Exists"}},
		"affinity":          object{"nodeAffinity": object{}},
		"priorityClassName": "high",
	},
	"trial": {
		"persistence":    object{"enabled": false},
		"management":     object{"enabled": false},
		"metrics":        object{"annotations": false},
		"serviceAccount": object{"create": false},
		"networkPolicy":  object{"enabled": true},
	},
	"claim": {"persistence": object{"existingClaim": "mine"}, "fullnameOverride": "broker"},
}

// TestChart: what the chart gives fits together, and the configuration in it is one that the
// broker takes.
func TestChart(t *testing.T) {
	program := filepath.Join(mustUnpack(t), "gridmq")
	for name, values := range chartCases {
		t.Run(name, func(t *testing.T) {
			text, err := render(t, "plant", values)
			if err != nil {
				t.Fatal(err)
			}
			all := objects(t, text)
			checkObjects(t, all)
			for key, o := range all {
				if !strings.HasPrefix(key, "ConfigMap/") {
					continue
				}
				config := filepath.Join(t.TempDir(), "gridmq.yaml")
				content, _ := at(o, "data", "gridmq.yaml").(string)
				if tls := at(values, "tls", "existingSecret"); tls != nil { // the files of the secret are not here
					content = strings.NewReplacer("certificate: /etc/gridmq/tls/tls.crt", "certificate: "+ownCertificate(t), "key: /etc/gridmq/tls/tls.key", "key: "+ownKey(t)).Replace(content)
				}
				if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := run(t.TempDir(), nil, program, "config", "check", config); err != nil {
					t.Errorf("%v\n%s", err, content)
				}
			}
		})
	}
}

// checkObjects: names, selectors, ports, mounts and rights.
func checkObjects(t *testing.T, all map[string]object) {
	t.Helper()
	var set object
	for key, o := range all {
		if at(o, "apiVersion") == nil || len(fmt.Sprint(at(o, "metadata", "name"))) > 63 || at(o, "metadata", "labels", "app.kubernetes.io/instance") != "plant" {
			t.Errorf("%s: want a version, a name of 63 characters at most, and labels", key)
		}
		if o["kind"] == "StatefulSet" {
			set = o
		}
	}
	pod := at(set, "spec", "template")
	container := at(pod, "spec", "containers", 0)
	ports := map[any]bool{}
	list, _ := at(container, "ports").([]any)
	for _, p := range list {
		ports[at(p, "name")] = true
	}
	if len(ports) < 3 {
		t.Fatalf("the container has the ports %v", ports)
	}
	for key, o := range all {
		if o["kind"] == "Service" {
			selects(t, key, at(o, "spec", "selector"), at(pod, "metadata", "labels"))
			list, _ := at(o, "spec", "ports").([]any)
			for _, p := range list {
				if !ports[at(p, "targetPort")] {
					t.Errorf("%s leads to the port %v, which the container does not have", key, at(p, "targetPort"))
				}
			}
		}
		if o["kind"] == "NetworkPolicy" {
			selects(t, key, at(o, "spec", "podSelector", "matchLabels"), at(pod, "metadata", "labels"))
		}
	}
	selects(t, "StatefulSet", at(set, "spec", "selector", "matchLabels"), at(pod, "metadata", "labels"))
	if all[fmt.Sprintf("Service/%v", at(set, "spec", "serviceName"))] == nil {
		t.Errorf("the service %v of the StatefulSet is not there", at(set, "spec", "serviceName"))
	}
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		if at(container, probe, "httpGet", "port") != "operations" {
			t.Errorf("%s asks the port %v", probe, at(container, probe, "httpGet", "port"))
		}
	}
	volumes := map[any]bool{}
	for _, where := range []any{at(pod, "spec", "volumes"), at(set, "spec", "volumeClaimTemplates")} {
		list, _ := where.([]any)
		for _, v := range list {
			name := at(v, "name")
			if name == nil {
				name = at(v, "metadata", "name")
			}
			if volumes[name] {
				t.Errorf("the volume %v is there twice", name)
			}
			volumes[name] = true
		}
	}
	list, _ = at(container, "volumeMounts").([]any)
	for _, m := range list {
		if !volumes[at(m, "name")] {
			t.Errorf("%v is mounted, and there is no such volume", at(m, "name"))
		}
	}
	if at(pod, "spec", "securityContext", "runAsNonRoot") != true || at(container, "securityContext", "readOnlyRootFilesystem") != true ||
		at(container, "securityContext", "allowPrivilegeEscalation") != false || at(container, "securityContext", "capabilities", "drop", 0) != "ALL" ||
		at(pod, "spec", "automountServiceAccountToken") != false {
		t.Error("the pod has rights that it does not need (securityContext)")
	}
}

func selects(t *testing.T, who string, selector, labels any) {
	t.Helper()
	s, _ := selector.(object)
	if len(s) == 0 {
		t.Errorf("%s selects everything", who)
	}
	for k, v := range s {
		if at(labels, k) != v {
			t.Errorf("%s selects %s=%v, and the pod has %v", who, k, v, at(labels, k))
		}
	}
}

// TestChartRefuses: the schema knows typing errors.
func TestChartRefuses(t *testing.T) {
	for name, values := range map[string]object{
		"unknown value":  {"replicas": 3},
		"unknown inside": {"persistence": object{"sise": "1Gi"}},
		"port":           {"service": object{"ports": object{"mqtts": 70000}}},
		"size":           {"persistence": object{"size": "8 GB"}},
		"service type":   {"service": object{"type": "Loadbalancer"}},
		"digest":         {"image": object{"digest": "latest"}},
	} {
		if _, err := render(t, "plant", values); err == nil {
			t.Errorf("%s: %v is taken", name, values)
		}
	}
}

// TestChartDecides: what the pod relies on cannot be configured away by accident.
func TestChartDecides(t *testing.T) {
	text, err := render(t, "plant", object{"config": object{"data": "/elsewhere", "operations": object{"address": "127.0.0.1:1"},
		"listeners": object{"mqtts": object{"address": ":1", "max_connections": 7}}}})
	if err != nil {
		t.Fatal(err)
	}
	content, _ := at(objects(t, text)["ConfigMap/plant-gridmq"], "data", "gridmq.yaml").(string)
	var c object
	if err := yaml.Unmarshal([]byte(content), &c); err != nil {
		t.Fatal(err)
	}
	if at(c, "data") != "/data" || at(c, "operations", "address") != ":9464" || at(c, "listeners", "mqtts", "address") != ":8883" || at(c, "listeners", "mqtts", "max_connections") != 7 {
		t.Errorf("the configuration is\n%s", content)
	}
}

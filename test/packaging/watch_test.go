package packaging

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"
)

// A question is an expression of the dashboard or of an alert, and the labels that its
// texts name.
type question struct {
	where, expr string
	named       []string
}

var (
	legendLabels = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	alertLabels  = regexp.MustCompile(`\{\{\s*\$labels\.(\w+)`)
)

func names(re *regexp.Regexp, text string) (list []string) {
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// dashboard reads what Grafana would ask.
func dashboard(t *testing.T) (all []question) {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ Expr, LegendFormat string }
		}
		Annotations struct {
			List []struct{ Name, Expr string }
		}
	}
	text, err := os.ReadFile(filepath.Join(root(), "packaging", "grafana", "gridmq.json"))
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*")
	for _, p := range d.Panels {
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %s is wider than the page", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, question{"panel " + p.Title, fill.Replace(target.Expr), names(legendLabels, target.LegendFormat)})
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, question{"annotation " + a.Name, fill.Replace(a.Expr), nil})
	}
	return all
}

// alerts reads the rules. Each has words, a severity, and a paragraph in the documents.
func alerts(t *testing.T) (all []question) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(root(), "packaging", "prometheus", "gridmq.rules.yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root(), "docs", "operate.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) || r.Annotations["summary"] == "" {
				t.Errorf("%s has no severity, or says nothing", r.Alert)
			}
			if r.For != "" {
				if _, err := model.ParseDuration(r.For); err != nil {
					t.Errorf("%s: for: %v", r.Alert, err)
				}
			}
			if !strings.Contains(string(doc), "| `"+r.Alert+"` |") {
				t.Errorf("docs/operate.md does not say what to do about %s", r.Alert)
			}
			all = append(all, question{"alert " + r.Alert, r.Expr, names(alertLabels, r.Annotations["summary"])})
		}
	}
	return all
}

// What the scraper adds, not the broker.
var (
	scraped = []string{"instance", "job"}
	scraper = []string{"up"}
)

// have says whether a family has a series with a label (of that value, if it is not empty).
func have(f *dto.MetricFamily, name, value string) bool {
	return slices.ContainsFunc(f.Metric, func(m *dto.Metric) bool {
		return slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool {
			return l.GetName() == name && (value == "" || l.GetValue() == value)
		}) || name == "le" && m.Histogram != nil
	})
}

// Everything that the dashboard and the alerts name is exposed by a broker that has seen
// traffic: metrics, the labels they are chosen and grouped by, and the values of labels.
func TestDashboardAndAlertsNameWhatIsThere(t *testing.T) {
	families := scrapeBusyBroker(t)
	find := func(name string) *dto.MetricFamily {
		if f := families[name]; f != nil {
			return f
		}
		if f := families[strings.TrimSuffix(name, "_bucket")]; f != nil && f.GetType() == dto.MetricType_HISTOGRAM {
			return f
		}
		return nil
	}
	all := append(dashboard(t), alerts(t)...)
	for _, q := range all {
		expr, err := parser.ParseExpr(q.expr)
		if err != nil {
			t.Errorf("%s: %s: %v", q.where, q.expr, err)
			continue
		}
		var grouped []string
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			if a, ok := n.(*parser.AggregateExpr); ok && !a.Without {
				grouped = append(grouped, a.Grouping...)
			}
			return nil
		})
		parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
			v, ok := n.(*parser.VectorSelector)
			if !ok || slices.Contains(scraper, v.Name) {
				return nil
			}
			f := find(v.Name)
			if f == nil {
				t.Errorf("%s names %s, which the broker does not expose", q.where, v.Name)
				return nil
			}
			if strings.HasSuffix(v.Name, "_total") != (f.GetType() == dto.MetricType_COUNTER) {
				t.Errorf("%s: %s is a %v", q.where, v.Name, f.GetType())
			}
			wanted := slices.Clone(q.named)
			for _, p := range path {
				if a, ok := p.(*parser.AggregateExpr); ok {
					wanted = append(wanted, a.Grouping...)
				}
			}
			for _, name := range wanted {
				if !slices.Contains(scraped, name) && !have(f, name, "") {
					t.Errorf("%s: %s has no label %s", q.where, v.Name, name)
				}
			}
			for _, m := range v.LabelMatchers {
				if m.Name == labels.MetricName || slices.Contains(scraped, m.Name) {
					continue
				}
				value := ""
				if m.Type == labels.MatchEqual {
					value = m.Value
				}
				if !have(f, m.Name, value) {
					t.Errorf("%s: %s has no label %s with the value %q", q.where, v.Name, m.Name, value)
				}
			}
			return nil
		})
		for _, name := range q.named { // an aggregation loses the others
			if len(grouped) > 0 && !slices.Contains(grouped, name) {
				t.Errorf("%s shows the label %s, which its aggregation does not keep", q.where, name)
			}
		}
	}
	if len(all) < 60 {
		t.Errorf("only %d expressions were read", len(all))
	}
}

const watchConfig = `
dev: {enabled: true}
tracing: {endpoint: "http://127.0.0.1:1"}
log: {resource: {file: resource.log}}
listeners:
  mqtts: {namespace: default}
  wss: {namespace: default}
bridges:
  loop:
    namespace: default
    address: mqtt://127.0.0.1:1
    topics:
      all: {filter: "#", direction: out}
`

const watchPlant = `
kind: Topic
name: orders
---
kind: EventSubscription
name: orders/billing
properties: {deliveryConfiguration: {deliveryMode: Queue}}
`

// scrapeBusyBroker has a broker do a bit of everything, and reads its metrics.
func scrapeBusyBroker(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "gridmq")
	must(t, root(), nil, "go", "build", "-o", program, "./cmd/gridmq")
	for name, text := range map[string]string{"gridmq.yaml": watchConfig, "plant.yaml": watchPlant} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	cmd := exec.Command(program, "serve", "--free-ports", "--config", "gridmq.yaml", "--data", data)
	cmd.Dir = dir
	b := startBroker(t, cmd, data)
	b.roundTrip(t, "watch/a", places(b.MQTT), places(b.MQTT))
	must(t, dir, nil, program, "apply", "-n", "default", "-f", "plant.yaml", "--data", data)
	must(t, dir, nil, program, "events", "publish", "orders", "--type", "placed", "--data", data)
	must(t, dir, nil, program, "events", "receive", "orders/billing", "--ack", "--data", data)
	for _, refused := range [][]string{
		append([]string{"pub", "-t", "$SYS/x", "-m", "x", "-q", "1"}, places(b.MQTT)...),
		append([]string{"pub", "-t", "a", "-m", "x", "--cafile", b.CA}, places(strings.Replace(b.MQTTS, "127.0.0.1", "localhost", 1))...),
	} {
		if out, err := run(dir, nil, program, refused...); err == nil {
			t.Fatalf("gridmq %q was not refused: %s", refused, out)
		}
	}
	subscribeBadly(t, b.MQTT)
	answer, err := http.Get("http://" + b.Operations + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var p expfmt.TextParser
	families, err := p.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// subscribeBadly asks for a filter that is none, which our own client would not send.
func subscribeBadly(t *testing.T, address string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	connect := []byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'w'}
	subscribe := []byte{0x82, 10, 0, 1, 0, 5, 'a', '/', '#', '/', 'b', 0}
	if _, err := c.Write(append(connect, subscribe...)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4+5)
	if _, err := io.ReadFull(c, answer); err != nil || answer[8] != 0x80 {
		t.Fatalf("CONNACK and SUBACK are % x, %v; want a refusal", answer, err)
	}
}

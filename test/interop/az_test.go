package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	manage "gridmq/control/client"
)

// A cli is az, unchanged, with its files in a folder of its own.
type cli struct {
	*testing.T
	path string
	env  []string
}

func newCLI(t *testing.T, ca string) *cli {
	t.Helper()
	path, err := exec.LookPath("az")
	if err != nil {
		say := "needs Debian's azure-cli: make tools installs it (" + err.Error() + ")"
		if os.Getenv("CI") == "true" {
			t.Fatal(say)
		}
		t.Skip(say)
	}
	return &cli{t, path, append(os.Environ(), "AZURE_CONFIG_DIR="+t.TempDir(), "REQUESTS_CA_BUNDLE="+ca,
		"AZURE_CORE_COLLECT_TELEMETRY=no", "AZURE_CORE_NO_COLOR=true", "AZURE_CORE_ONLY_SHOW_ERRORS=true")}
}

// run runs a command, whose arguments that have blanks follow the line.
func (c *cli) run(line string, more ...string) (out string, err error) {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), c.path, append(strings.Fields(line), more...)...)
	cmd.Env = c.env
	var failed strings.Builder
	cmd.Stderr = &failed
	text, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("az %s: %w: %s", line, err, failed.String())
	}
	return strings.TrimSpace(string(text)), err
}

func (c *cli) must(line string, more ...string) string {
	c.Helper()
	out, err := c.run(line, more...)
	if err != nil {
		c.Fatal(err)
	}
	return out
}

// TestAz is a transcript of az with a cloud of our own: az cloud, login, group, resource,
// rest and deployment. The extension for az eventgrid is not in Debian.
func TestAz(t *testing.T) {
	t.Parallel()
	secret, hash := appSecret(t)
	var flags []string
	for name, value := range map[string]string{"client_id": "robot", "object_id": "object-of-robot", "secret_hashes": hash} {
		flags = append(flags, "--set", "tokens.apps.robot."+name+"="+value)
	}
	b := start(t, flags...)
	body := `{"properties":{"principalId":"object-of-robot","roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"}}`
	if _, _, _, err := (&house{T: t, broker: b}).plane(t).Put(t.Context(), "/providers/Microsoft.Authorization/roleAssignments/robot", []byte(body), manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	az := newCLI(t, b.CA)
	az.must("cloud register -n GridMQ --endpoint-resource-manager " + b.Management)
	az.must("cloud set -n GridMQ")
	if _, err := az.run("login --service-principal -u robot -p wrong --tenant adfs"); err == nil {
		t.Error("az login with a wrong secret succeeds")
	}
	az.must("login --service-principal -u robot --tenant adfs -p " + secret)
	az.must("group create -n rg -l local")

	az.must("resource create -g rg --namespace Microsoft.EventGrid --resource-type namespaces -n plant -l local --properties", `{"topicSpacesConfiguration":{"state":"Enabled"}}`)
	id := az.must("resource show -g rg --namespace Microsoft.EventGrid --resource-type namespaces -n plant --query id -o tsv")
	az.must("resource create -g rg --namespace Microsoft.EventGrid --parent namespaces/plant --resource-type topics -n orders --properties", "{}")
	az.must("resource create --id "+id+"/topics/orders/eventSubscriptions/billing --properties", `{"deliveryConfiguration":{"deliveryMode":"Queue","queue":{"receiveLockDurationInSeconds":60}}}`)
	if mode := az.must("resource show --ids " + id + "/topics/orders/eventSubscriptions/billing --query properties.deliveryConfiguration.deliveryMode -o tsv"); mode != "Queue" {
		t.Errorf("the delivery mode is %q", mode)
	}
	if key := az.must("resource invoke-action --action listKeys --query key1 -o tsv --ids " + id); len(key) < 32 {
		t.Errorf("the access key is %q", key)
	}
	if hours := az.must("resource update --set properties.topicSpacesConfiguration.maximumSessionExpiryInHours=4 --query properties.topicSpacesConfiguration.maximumSessionExpiryInHours -o tsv --ids " + id); hours != "4" {
		t.Errorf("the session expiry is %q", hours)
	}
	if names := az.must("rest -m get --query value[].name -o tsv -u " + id + "/topics?api-version=2025-02-15"); names != "orders" {
		t.Errorf("topics: %q", names)
	}
	if names := az.must("resource list -g rg --query [].name -o tsv"); names != "plant" {
		t.Errorf("resources: %q", names)
	}
	if kind := az.must("account get-access-token --resource https://eventgrid.azure.net --query tokenType -o tsv"); kind != "Bearer" {
		t.Errorf("the token is %q", kind)
	}

	file := filepath.Join(t.TempDir(), "template.json")
	if err := os.WriteFile(file, []byte(azTemplate), 0o600); err != nil {
		t.Fatal(err)
	}
	var deployed struct {
		Properties struct {
			ProvisioningState string
			OutputResources   []struct{ ID string }
			Outputs           map[string]struct{ Value string }
		}
	}
	if err := json.Unmarshal([]byte(az.must("deployment group create -g rg -n first --parameters name=second --template-file "+file)), &deployed); err != nil {
		t.Fatal(err)
	}
	if p := deployed.Properties; p.ProvisioningState != "Succeeded" || len(p.OutputResources) != 3 || !strings.HasSuffix(p.Outputs["id"].Value, "/namespaces/second") {
		t.Errorf("deployed %+v", p)
	}
	if state := az.must("deployment group show -g rg -n first --query properties.provisioningState -o tsv"); state != "Succeeded" {
		t.Errorf("the deployment is %q", state)
	}
	if query := az.must("resource show -g rg --namespace Microsoft.EventGrid --parent namespaces/second --resource-type clientGroups -n presses --query properties.query -o tsv"); query != "attributes.kind = 'press'" {
		t.Errorf("the group's query is %q", query)
	}

	az.must("resource delete --ids " + id + "/topics/orders/eventSubscriptions/billing")
	if _, err := az.run("resource show --ids " + id + "/topics/orders/eventSubscriptions/billing"); err == nil || !strings.Contains(err.Error(), "ResourceNotFound") {
		t.Errorf("what was deleted: %v", err)
	}
	az.must("resource delete --ids " + id)
	az.must("group delete --yes -n rg")
	if names := az.must("resource list --query [].name -o tsv"); strings.Contains(names, "second") {
		t.Errorf("left: %q", names)
	}
}

const azTemplate = `{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0",
 "parameters":{"name":{"type":"string"}},
 "resources":[
  {"type":"Microsoft.EventGrid/namespaces/clientGroups","apiVersion":"2025-02-15","name":"[concat(parameters('name'),'/presses')]",
   "dependsOn":["[resourceId('Microsoft.EventGrid/namespaces', parameters('name'))]"],"properties":{"query":"attributes.kind = 'press'"}},
  {"type":"Microsoft.EventGrid/namespaces","apiVersion":"2025-02-15","name":"[parameters('name')]","location":"[resourceGroup().location]",
   "properties":{"topicSpacesConfiguration":{"state":"Enabled","routeTopicResourceId":"[resourceId('Microsoft.EventGrid/namespaces/topics', parameters('name'), 'telemetry')]"}}},
  {"type":"Microsoft.EventGrid/namespaces/topics","apiVersion":"2025-02-15","name":"[concat(parameters('name'),'/telemetry')]",
   "dependsOn":["[resourceId('Microsoft.EventGrid/namespaces', parameters('name'))]"],"properties":{}}],
 "outputs":{"id":{"type":"string","value":"[resourceId('Microsoft.EventGrid/namespaces', parameters('name'))]"}}}`

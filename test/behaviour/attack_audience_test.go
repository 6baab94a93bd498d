package behaviour

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"gridmq/control/role"
	"gridmq/mqtt"
	"gridmq/server"
)

// TestAttackAudiences: a token of the server's own issuer is good for what it was
// made for. One for MQTT, which devices hold and webhooks may see, does not open the
// management plane, whatever its owner may do there; and the other way round.
func TestAttackAudiences(t *testing.T) {
	t.Parallel()
	secret, hash := server.NewAppSecret()
	s := besieged(t, "tokens.apps.robot.client_id=robot", "tokens.apps.robot.object_id=o-robot", "tokens.apps.robot.secret_hashes="+hash)
	s.house.journal.allow("token that is not valid")
	s.open("cloud", "", "")
	s.assign(place.ID("cloud"), "r1", role.Owner, "o-robot")
	s.assign(place.ID("cloud"), "r2", role.TopicSpacesPublisher, "o-robot")
	v := s.visitor("127.0.0.1", "")
	token := func(audience string) string {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {secret}, "scope": {audience + "/.default"}}
		status, answer, _ := v.do("POST", "/adfs/oauth2/token", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
		var a struct {
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(answer), &a); err != nil || status != 200 {
			t.Fatalf("token for %s: %d %s", audience, status, answer)
		}
		return a.Token
	}
	data, plane := token("https://eventgrid.azure.net"), token(strings.Replace(s.house.addresses["management"].URL, "127.0.0.1", "localhost", 1))
	if r := s.enter(caller{ns: "cloud", id: "robot", method: oauth2JWT, data: data}); !r.publishes("devices/o-robot/x") {
		t.Error("the application may not publish")
	}
	s.refuse(caller{ns: "cloud", id: "plane", method: oauth2JWT, data: plane}, mqtt.NotAuthorized, "not for us")
	v.token = plane
	if status, answer, _ := v.do("GET", place.ID("cloud")+version, nil); status != 200 {
		t.Errorf("a token for the management plane there: %d %s", status, answer)
	}
	t.Run("MQTT token at the management plane", func(t *testing.T) {
		v.token = data
		if status, answer, _ := v.do("GET", place.ID("cloud")+version, nil); status != 401 {
			t.Errorf("it was answered: %d %.200s", status, answer)
		}
	})
}

package interop

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	eg "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/eventgrid/armeventgrid/v2"
)

// Dead letters in object stores: Azurite is Microsoft's emulator of Azure Blob storage,
// s3rver one of S3 that checks signatures.

// nodeServer starts a program of javascript/node_modules, and returns the address that it
// says it listens on.
func nodeServer(t *testing.T, name string, args ...string) (address string) {
	t.Helper()
	node := nodeWith(t, ".bin", name)
	cmd := exec.Command(node, append([]string{filepath.Join("javascript", "node_modules", ".bin", name)}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	found := make(chan string, 1)
	go func() { // ends with the program
		listening := regexp.MustCompile(`listen\w* on (?:http://)?(127\.0\.0\.1:\d+)`)
		for s := bufio.NewScanner(out); s.Scan(); {
			if m := listening.FindStringSubmatch(s.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	select {
	case address = <-found:
		return address
	case <-time.After(patience):
		t.Fatalf("%s does not say where it listens", name)
		return ""
	}
}

// The account of Azurite, which everybody knows.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// accountSAS is a shared access signature for an hour.
func accountSAS(t *testing.T) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(azuriteKey)
	if err != nil {
		t.Fatal(err)
	}
	const version, permissions, services, kinds = "2021-12-02", "rwcl", "b", "sco"
	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, strings.Join([]string{azuriteAccount, permissions, services, kinds, "", end, "", "https,http", version, "", ""}, "\n"))
	return url.Values{"sv": {version}, "sp": {permissions}, "ss": {services}, "srt": {kinds}, "se": {end}, "spr": {"https,http"},
		"sig": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}.Encode()
}

// rejectOne publishes an event whose subscription has its dead letters in an account,
// receives it and rejects it.
func (h *house) rejectOne(account string) {
	h.Helper()
	ctx := h.Context()
	atOnce(h, "subscription", func() (*runtime.Poller[eg.NamespaceTopicEventSubscriptionsClientCreateOrUpdateResponse], error) {
		return h.sdk.NewNamespaceTopicEventSubscriptionsClient().BeginCreateOrUpdate(ctx, group, plant, "orders", account, eg.Subscription{Properties: &eg.SubscriptionProperties{
			DeliveryConfiguration: &eg.DeliveryConfiguration{DeliveryMode: to.Ptr(eg.DeliveryModeQueue), Queue: &eg.QueueInfo{
				DeadLetterDestinationWithResourceIdentity: &eg.DeadLetterWithResourceIdentity{DeadLetterDestination: &eg.StorageBlobDeadLetterDestination{
					EndpointType: to.Ptr(eg.DeadLetterEndPointTypeStorageBlob), Properties: &eg.StorageBlobDeadLetterDestinationProperties{
						BlobContainerName: to.Ptr("dead"), ResourceID: to.Ptr("/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/" + account)}}}}}}}, nil)
	})
	keys, err := h.sdk.NewNamespacesClient().ListSharedAccessKeys(ctx, group, plant, nil)
	if err != nil {
		h.Fatal(err)
	}
	p := h.withKey(h.T, h.HTTPS+"/ns/"+plant+"/", "orders", account, *keys.Key1)
	if err := p.send("orders/17"); err != nil {
		h.Fatal(err)
	}
	got, err := p.receiver.ReceiveEvents(ctx, nil)
	if err != nil || len(got.Details) != 1 {
		h.Fatalf("received %d events, %v", len(got.Details), err)
	}
	done, err := p.receiver.RejectEvents(ctx, []string{*got.Details[0].BrokerProperties.LockToken}, nil)
	if err != nil || len(done.SucceededLockTokens) != 1 {
		h.Fatalf("rejected %v, %v", done, err)
	}
}

// await looks until it finds a letter.
func awaitLetter(t *testing.T, look func() []byte) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(50 * time.Millisecond) {
		text := look()
		if text == nil {
			continue
		}
		var letters []struct {
			DeadLetterProperties struct{ DeadLetterReason string }
			Event                struct{ Subject string }
		}
		if err := json.Unmarshal(text, &letters); err != nil || len(letters) != 1 ||
			letters[0].DeadLetterProperties.DeadLetterReason != "Event was rejected." || letters[0].Event.Subject != "orders/17" {
			t.Errorf("the letter is %s (%v)", text, err)
		}
		return
	}
	t.Fatal("there is no dead letter")
}

// TestLettersAzure: a real client of the Blob service's API would find them in Azurite.
func TestLettersAzure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := "http://" + nodeServer(t, "azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", "0", "--location", dir, "--disableTelemetry") + "/" + azuriteAccount
	sas := accountSAS(t)
	ask := func(method, path, query string) (int, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, store+path+"?"+query+sas, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Ms-Version", "2021-12-02")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, text
	}
	if status, text := ask(http.MethodPut, "/dead", "restype=container&"); status != http.StatusCreated {
		t.Fatalf("make the container: %d %s", status, text)
	}
	file := filepath.Join(dir, "sas")
	if err := os.WriteFile(file, []byte("?"+sas+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, "--set", "events.dead_letters.letters.kind=azure-blob", "--set", "events.dead_letters.letters.url="+store,
		"--set", "events.dead_letters.letters.sas_file="+file)
	h.orders()
	h.rejectOne("letters")
	awaitLetter(t, func() []byte {
		status, text := ask(http.MethodGet, "/dead", "restype=container&comp=list&")
		var list struct {
			Blobs struct {
				Blob []struct{ Name string }
			}
		}
		if err := xml.Unmarshal(text, &list); err != nil || status != http.StatusOK {
			t.Fatalf("list: %d %s", status, text)
		}
		if len(list.Blobs.Blob) == 0 {
			return nil
		}
		name := list.Blobs.Blob[0].Name
		if !regexp.MustCompile(`^plant/orders/letters/\d{4}/\d{1,2}/\d{1,2}/\d{1,2}/[0-9a-f-]{36}\.json$`).MatchString(name) {
			t.Errorf("the blob is called %q", name)
		}
		_, text = ask(http.MethodGet, "/dead/"+name, "")
		return text
	})
}

// TestLettersS3: what s3rver takes is signed as S3 wants it.
func TestLettersS3(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := "http://" + nodeServer(t, "s3rver", "-d", filepath.Join(dir, "s3"), "-a", "127.0.0.1", "-p", "0", "--configure-bucket", "dead")
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte("S3RVER\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	account := func(name, key string) []string {
		at := "events.dead_letters." + name + "."
		return []string{"--set", at + "kind=s3", "--set", at + "url=" + store, "--set", at + "region=us-east-1", "--set", at + "access_key_id=" + key, "--set", at + "secret_file=" + file}
	}
	h := newHouse(t, append(account("archive", "S3RVER"), account("wrong", "NOBODY")...)...)
	h.orders()
	h.rejectOne("archive")
	awaitLetter(t, func() (text []byte) {
		err := filepath.WalkDir(filepath.Join(dir, "s3", "dead", "plant", "orders", "archive"), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".json._S3rver_object") {
				text, err = os.ReadFile(path)
			}
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return text
	})
	h.rejectOne("wrong")
	for begin := time.Now(); !strings.Contains(h.journal.String(), "InvalidAccessKeyId"); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatalf("the log does not say why a letter is not written:\n%s", h.journal.String())
		}
	}
}

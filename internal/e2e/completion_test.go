package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/platform"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// TestCompletionWithinAccounts completes every kind of name that a service knows, as a principal of one account: by
// the command that the shells ask, and by bash itself. Nothing of another account is offered. An admin is offered all
// of it.
func TestCompletionWithinAccounts(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// What is of the other account has the word in its name.
	const foreign = "vault"
	write("vault.yaml", strings.ReplaceAll(sample.SecretTemplate, "${secret:drm}", "${vault_owner}"))
	write("list.csv", "key,input_path,output_path\nvault-a,a.mov,a\n")
	write("own.csv", "key,input_path,output_path\nnews-a,a.mov,a\n")
	db := filepath.Join(home, "stoker.db")
	config := write("stoker.yaml", fmt.Sprintf(`
listen: 127.0.0.1:0
http_listen: 127.0.0.1:0
web_listen: 127.0.0.1:0
admin_listen: 127.0.0.1:0
auth: required
log_format: json
bitmovin_url: %s
db: %s
accounts: [{id: news, api_key_file: %[3]s}, {id: vault, api_key_file: %[3]s}]
templates: {vault-titles: {file: vault.yaml, accounts: [vault]}}
profiles: {vault-hevc: {accounts: [vault], videos: [{codec: H265, height: 720, bitrate: 2500000}], muxings: [{container: FMP4}]}}
storages:
  - {name: default, use: input, type: HTTPS, host: masters.example.com}
  - {name: vault-in, use: input, type: HTTPS, host: vault.example.com, accounts: [vault]}
  - {name: default, use: output, type: S3, bucket: encodes, access_key_env: ACCESS, secret_key_env: ACCESS}
  - {name: vault-out, use: output, type: S3, bucket: vault, access_key_env: ACCESS, secret_key_env: ACCESS, accounts: [vault]}
`, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}), db, write("apikey", "key")))
	principals := map[string]*user{}
	for name, flags := range map[string]string{"ops": "--role admin", "vault-ci": "--role operator --account vault", "desk": "--role operator --account news"} {
		u := &user{t: t, dir: home}
		code, token, stderr := u.types(append([]string{"token", "create", name, "--db", db}, strings.Fields(flags)...)...)
		if code != 0 {
			t.Fatalf("token create: %s", stderr)
		}
		u.token = strings.TrimSpace(token)
		principals[name] = u
	}
	p := start(t, []string{"ACCESS=x"}, "serve", "--config", config)
	line, ok := p.hears(`"msg":"listening"`)
	if !ok {
		t.Fatalf("the service did not start: exit code %d", p.wait(processTimeout))
	}
	submit := func(who string, args ...string) (number string) {
		t.Helper()
		u := principals[who]
		u.server = field(line, "grpc")
		code, stdout, stderr := u.types(append([]string{"submit"}, args...)...)
		if code != 0 {
			t.Fatalf("submit as %s: exit code %d: %s", who, code, stderr)
		}
		return strings.Fields(stdout)[0]
	}
	theirs := submit("vault-ci", "list.csv", "--account", "vault", "--name", "vault night", "--label", "vault=1", "--keep-open")
	own := submit("desk", "own.csv", "--account", "news", "--name", "desk night", "--label", "desk=1", "--keep-open")
	desk, admin := principals["desk"], principals["ops"]
	admin.server = desk.server

	// offered returns what is offered, once something is that has to be. A service that is slow is not waited for by a
	// completion, so that it is asked again.
	offered := func(u *user, want string, complete func(*user) string) string {
		t.Helper()
		late := time.Now().Add(processTimeout)
		for {
			got := complete(u)
			if strings.Contains(got, want) || time.Now().After(late) {
				return got
			}
		}
	}
	bash := func(words []string) func(*user) string {
		return func(u *user) string { return u.completesInBash(words) }
	}
	command := func(words []string) func(*user) string {
		return func(u *user) string {
			_, stdout, _ := u.types(append([]string{"__complete"}, words[1:]...)...)
			return stdout
		}
	}
	for _, tt := range []struct {
		typed     string // the last word is completed
		own, hide string // what an admin is offered besides
	}{
		{"stoker cancel ", own + "\t", theirs + "\t"},
		{"stoker cancel desk", "desk night", ""},
		{"stoker cancel vault", ":", "vault night"},
		{"stoker cancel " + theirs + "/", ":", theirs + "/1"},
		{"stoker cancel " + own + "/", own + "/1", ""},
		{"stoker cancel " + own + "/news", own + "/news-a", ""},
		{"stoker cancel " + theirs + "/vault", ":", theirs + "/vault-a"},
		{"stoker jobs " + theirs + " --key ", ":", "vault-a"},
		{"stoker close ", own + "\t", theirs + "\t"},
		{"stoker batches --by ", "desk", "vault-ci"},
		{"stoker failures --label ", "desk=1", "vault=1"},
		{"stoker update " + own + " --set-label ", "desk=1", "vault=1"},
		{"stoker account set ", "news", "vault"},
		{"stoker find x --account ", "news", "vault"},
		{"stoker submit own.csv --account ", "news", "vault"},
		{"stoker submit own.csv --profile ", "default", "vault-hevc"},
		{"stoker submit own.csv --template ", ":", "vault-titles"},
		{"stoker submit own.csv --template vault-titles --var ", ":", "vault_owner="},
		{"stoker submit own.csv --input ", "default", "vault-in"},
		{"stoker submit own.csv --output ", "default", "vault-out"},
	} {
		words := strings.Split(tt.typed, " ")
		got := offered(desk, tt.own, command(words))
		if !strings.Contains(got, tt.own) || tt.hide != "" && strings.Contains(got, tt.hide) || strings.Contains(got, foreign) {
			t.Errorf("%q: the principal is offered %q, want %q and nothing of another account", tt.typed, got, tt.own)
		}
		if got := offered(admin, tt.hide, command(words)); !strings.Contains(got, tt.hide) {
			t.Errorf("%q: an admin is offered %q, want %q besides", tt.typed, got, tt.hide)
		}
	}
	for _, tt := range []struct{ typed, own, hide string }{
		{"stoker cancel ", own, theirs},
		{"stoker submit own.csv --account ", "news", "vault"},
		{"stoker submit own.csv --output ", "default", "vault-out"},
	} {
		words := strings.Split(tt.typed, " ")
		got := strings.Fields(offered(admin, tt.hide, bash(words)))
		if !slices.Contains(got, tt.hide) {
			t.Errorf("%q in bash: an admin is offered %q, want %q", tt.typed, got, tt.hide)
		}
		got = strings.Fields(offered(desk, tt.own, bash(words)))
		if !slices.Contains(got, tt.own) || slices.Contains(got, tt.hide) || strings.Contains(strings.Join(got, " "), foreign) {
			t.Errorf("%q in bash: the principal is offered %q, want %q and nothing of another account", tt.typed, got, tt.own)
		}
	}
}

// completesInBash returns what bash offers for the last of some words, which begin with stoker.
func (u *user) completesInBash(words []string) string {
	u.t.Helper()
	const script = `
source /usr/share/bash-completion/bash_completion
source <(stoker completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=9 COMP_KEY=9
COMP_POINT=${#COMP_LINE}
__start_stoker
printf '%s\n' "${COMPREPLY[@]}"`
	dir := u.t.TempDir()
	if err := os.Symlink(binary(u.t), filepath.Join(dir, "stoker")); err != nil {
		u.t.Fatal(err)
	}
	cmd := u.command()
	cmd.Path, cmd.Err = "/bin/bash", nil
	cmd.Args = append([]string{"bash", "--norc", "--noprofile", "-c", script, "bash"}, words...)
	cmd.Env = append(cmd.Env, "PATH="+dir+":"+os.Getenv("PATH"))
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		u.t.Fatalf("bash: %v: %s", err, said.String())
	}
	return out.String()
}

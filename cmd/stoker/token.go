package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

func tokenCommand(c *cli) *cobra.Command {
	return groupCommand("token", "Make, list and revoke the tokens of callers.",
		tokenCreateCommand(c), tokenListCommand(c), tokenRevokeCommand(c))
}

// dbUsage is the help of --db.
const dbUsage = "work on this job table, a `FILE` or the URL of a database, instead of asking the service"

// tokenTable is the tokens of a job table that no service is asked about.
type tokenTable interface {
	Create(ctx context.Context, t access.Token, e access.Entry) error
	Revoke(ctx context.Context, id string, now time.Time, e access.Entry) (access.Token, error)
	Tokens(ctx context.Context) ([]access.Token, error)
	Close() error
}

// openTokens opens the tokens of the job table in the file or database db.
func openTokens(ctx context.Context, db string) (tokenTable, error) {
	if postgres.IsURL(db) {
		return postgres.OpenTokens(ctx, db)
	}
	return sqlite.OpenTokens(ctx, db)
}

func tokenCreateCommand(c *cli) *cobra.Command {
	var role, expires, db string
	var accounts []string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token, and print its secret.",
		Long: `The secret is shown this once: the service keeps no more than a hash of it. Whoever
shows it is token:NAME. Two tokens may have one name, to replace one by the other.

  viewer      reads batches, jobs, failures and accounts
  submitter   also submits, and steers the batches that it has created itself
  operator    also steers every batch and account
  admin       also manages tokens, and reads the audit log

The first token is made on the service's machine, with --db and as the service's user.`,
		Example: `  stoker token create ops --role admin --db stoker.db > ops.token
  stoker token create ci --role submitter --expires 90d > ci.token`,
		Args: oneArgAndNotEmpty("account", "expires"),
	}
	cmd.Flags().StringVar(&role, "role", "", "the `ROLE`, which says what the token allows: "+strings.Join(access.RoleNames(), ", "))
	cmd.Flags().StringArrayVar(&accounts, "account", nil, "bind the token to this `ACCOUNT`; may be repeated (default: all accounts)")
	cmd.Flags().StringVar(&expires, "expires", "", "how `LONG` the token works, such as 12h, 90d or 1y (default: until it is revoked)")
	cmd.Flags().StringVar(&db, "db", "", dbUsage)
	completeFlag(cmd, "role", access.RoleNames())
	return tokenFileCommand(c, cmd, &db, func(ctx context.Context, conn *client.Client, file tokenTable, args []string) error {
		parsed, lifetime, err := checkNewToken(args[0], role, expires)
		if err != nil {
			return err
		}
		if file != nil {
			return createTokenInFile(ctx, c, file, args[0], parsed, accounts, lifetime)
		}
		req := &stokerv1.CreateTokenRequest{Name: args[0], Role: stokerv1.Role(parsed), Accounts: accounts}
		if lifetime != 0 {
			req.Lifetime = durationpb.New(lifetime)
		}
		resp, err := conn.Access().CreateToken(ctx, req)
		if err != nil {
			return err
		}
		return printNewToken(c, resp)
	})
}

// checkNewToken checks what a new token is to be.
func checkNewToken(name, roleName, expires string) (access.Role, time.Duration, error) {
	if err := access.CheckTokenName(name); err != nil {
		return 0, 0, usagef("%q: %w", name, err)
	}
	if roleName == "" {
		return 0, 0, usagef("--role: say what the token allows: %s", strings.Join(access.RoleNames(), ", "))
	}
	role, err := access.ParseRole(roleName)
	if err != nil {
		return 0, 0, usagef("--role %s: %w", roleName, err)
	}
	if expires == "" {
		return role, 0, nil
	}
	lifetime, err := parseLifetime(expires)
	if err != nil {
		return 0, 0, usagef("--expires %s: %w", expires, err)
	}
	return role, lifetime, nil
}

// parseLifetime parses a time such as 12h, 90d, 4w or 1y.
func parseLifetime(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	for suffix, unit := range map[string]time.Duration{"d": day, "w": 7 * day, "y": 365 * day} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseUint(digits, 10, 31)
			if err != nil || time.Duration(n) > access.MaxLifetime/unit {
				return 0, errLifetime
			}
			return checkLifetime(time.Duration(n) * unit)
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errLifetime
	}
	return checkLifetime(d)
}

var errLifetime = errors.New("want 1 minute to 10 years, for example 12h, 90d or 1y")

func checkLifetime(d time.Duration) (time.Duration, error) {
	if d < access.MinLifetime || d > access.MaxLifetime {
		return 0, errLifetime
	}
	return d, nil
}

// printNewToken prints the secret of a new token for programs, and what the token is for people.
func printNewToken(c *cli, resp *stokerv1.CreateTokenResponse) error {
	c.noteReadableOutput()
	if c.out.Chosen() {
		return c.printMessage(resp)
	}
	t := resp.GetToken()
	expires := "never expires"
	if t.GetExpireTime() != nil {
		expires = "expires at " + t.GetExpireTime().AsTime().Format(time.RFC3339)
	}
	c.note("Token %s of token:%s: %s, %s, %s. The line below is shown this once.",
		t.GetId(), t.GetName(), ui.Role(t.GetRole()), ui.BoundTo(t.GetAccounts()), expires)
	return output.WriteLine(c.stdout, resp.GetSecret())
}

// createTokenInFile makes a token in a job table.
func createTokenInFile(ctx context.Context, c *cli, file tokenTable, name string, role access.Role, accounts []string, lifetime time.Duration) error {
	now := time.Now()
	t, secret, err := access.NewToken(name, role, accounts, lifetime, access.LocalName, now)
	if err != nil {
		return usageError(err)
	}
	e := hostEntry("CreateToken", t.ID, fmt.Sprintf("name %q; role %s", name, strings.ToUpper(role.String())), now)
	if err := file.Create(ctx, t, e); err != nil {
		return runError(err)
	}
	return printNewToken(c, &stokerv1.CreateTokenResponse{Token: tokenMessage(t), Secret: secret})
}

// hostEntry is the entry of the audit log of what was done on the machine of the service itself.
func hostEntry(method, target, detail string, now time.Time) access.Entry {
	detail += "; on the service's machine"
	if u, err := user.Current(); err == nil {
		detail += ", by user " + u.Username
	}
	return access.Entry{
		ID: access.NewEntryID(now), Time: now, Principal: access.LocalName, Kind: access.LocalKind, Method: "AccessService/" + method, Target: target,
		Outcome: access.OutcomeOK, Detail: detail,
	}
}

func tokenListCommand(c *cli) *cobra.Command {
	var db string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tokens, the newest first.",
		Long: `Tokens that are revoked or expired stay in the list: the audit log refers to them.
Their secrets are nowhere: nobody keeps them.`,
		Example: "  stoker token list\n  stoker token list -o json --jq '.[].name'",
		Args:    noArgs,
	}
	cmd.Flags().StringVar(&db, "db", "", dbUsage)
	c.addListingFlags(cmd, ui.Tokens(time.Time{}).ColumnNames())
	return tokenFileCommand(c, cmd, &db, func(ctx context.Context, conn *client.Client, file tokenTable, _ []string) error {
		to, err := newWriter(c, ui.Tokens(time.Now()))
		if err != nil {
			return err
		}
		tokens, err := readTokens(ctx, conn, file)
		if err != nil {
			return err
		}
		return writeAll(to, tokens)
	})
}

// readTokens reads all tokens, from a job table or else from the service.
func readTokens(ctx context.Context, conn *client.Client, file tokenTable) ([]*stokerv1.Token, error) {
	var all []*stokerv1.Token
	if file != nil {
		tokens, err := file.Tokens(ctx)
		if err != nil {
			return nil, runError(err)
		}
		slices.SortFunc(tokens, func(a, b access.Token) int { return b.CreateTime.Compare(a.CreateTime) })
		for _, t := range tokens {
			all = append(all, tokenMessage(t))
		}
		return all, nil
	}
	for request := (&stokerv1.ListTokensRequest{PageSize: job.MaxPageSize}); ; {
		resp, err := conn.Access().ListTokens(ctx, request)
		if err != nil {
			return nil, err
		}
		all = append(all, resp.GetTokens()...)
		if request.PageToken = resp.GetNextPageToken(); request.PageToken == "" {
			return all, nil
		}
	}
}

func tokenRevokeCommand(c *cli) *cobra.Command {
	var db string
	cmd := &cobra.Command{
		Use:   "revoke ID...",
		Short: "Revoke tokens: they prove nothing any more.",
		Long: `The ids are those that stoker token list shows. It takes a second at most, and watches
that were opened with a token end. Revoking a revoked token changes nothing.`,
		Example: `  stoker token revoke 5fJ2kQx9Za`,
		Args:    atLeastOneArg,
	}
	cmd.Flags().StringVar(&db, "db", "", dbUsage)
	return tokenFileCommand(c, cmd, &db, func(ctx context.Context, conn *client.Client, file tokenTable, ids []string) error {
		for i, id := range ids {
			t, err := revokeToken(ctx, conn, file, id)
			if err != nil && len(ids) > 1 {
				noteLeft(c, "revoked", ids[i:], err)
			}
			if err != nil {
				return err
			}
			if !c.out.Chosen() {
				c.note("Token %s of token:%s is revoked.", t.GetId(), t.GetName())
			} else if err := c.printMessage(t); err != nil {
				return err
			}
		}
		return nil
	})
}

func revokeToken(ctx context.Context, conn *client.Client, file tokenTable, id string) (*stokerv1.Token, error) {
	if file == nil {
		resp, err := conn.Access().RevokeToken(ctx, &stokerv1.RevokeTokenRequest{TokenId: id})
		return resp.GetToken(), err
	}
	now := time.Now()
	e := hostEntry("RevokeToken", id, "revoked", now)
	t, err := file.Revoke(ctx, id, now, e)
	if errors.Is(err, job.ErrNotFound) {
		return nil, usagef("there is no token with the id %q; stoker token list --db shows those that there are", id)
	}
	if err != nil {
		return nil, runError(err)
	}
	return tokenMessage(t), nil
}

// tokenMessage is a token of a job table as the API has it.
func tokenMessage(t access.Token) *stokerv1.Token {
	return &stokerv1.Token{
		Id: t.ID, Name: t.Name, Role: stokerv1.Role(t.Role), Accounts: t.Accounts, CreatedBy: t.CreatedBy,
		CreateTime: timestampOf(t.CreateTime), ExpireTime: timestampOf(t.ExpireTime), RevokeTime: timestampOf(t.RevokeTime), LastUseTime: timestampOf(t.LastUseTime),
	}
}

// timestampOf is nil for the zero time.
func timestampOf(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// tokenFileCommand makes cmd run do with a client of the service or, if --db names a job table, with that.
func tokenFileCommand(c *cli, cmd *cobra.Command, db *string, do func(ctx context.Context, conn *client.Client, file tokenTable, args []string) error) *cobra.Command {
	c.clientCommand(cmd, answerTimeout, func(ctx context.Context, conn *client.Client, args []string) error {
		return do(ctx, conn, nil, args)
	})
	ask := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if *db == "" {
			return ask(cmd, args)
		}
		if strings.Contains(*db, "\x00") {
			return usagef("--db: want the path of a file")
		}
		file, err := openTokens(cmd.Context(), *db)
		if err != nil {
			if errors.Is(err, sqlite.ErrOlder) {
				return runError(err)
			}
			return runError(explainJobTable(*db, "--db", err))
		}
		err = do(cmd.Context(), nil, file, args)
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		return err
	}
	return cmd
}

package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/job"
)

const (
	defaultTokensPage  = 100 // tokens on a page if the request has no page_size
	defaultEntriesPage = 100 // entries of the audit log, likewise
)

// accessService implements AccessService and AuditService.
type accessService struct {
	stokerv1.UnimplementedAccessServiceServer
	stokerv1.UnimplementedAuditServiceServer

	store           AccessStore
	identifier      *identity.Identifier
	accounts        AccountStore
	inlineTemplates bool // are allowed to submitters
}

// WhoAmI returns the principal of the caller.
func (s *accessService) WhoAmI(ctx context.Context, _ *stokerv1.WhoAmIRequest) (*stokerv1.WhoAmIResponse, error) {
	p := grantOf(ctx).principal
	return &stokerv1.WhoAmIResponse{
		Principal:              &stokerv1.Principal{Name: p.Name, Kind: kindMessage(p.Kind), Role: stokerv1.Role(p.Role), Accounts: p.Accounts},
		ExpireTime:             timestamp(p.ExpireTime),
		InlineTemplatesAllowed: p.Role >= access.Operator || p.Role == access.Submitter && s.inlineTemplates,
	}, nil
}

func kindMessage(k access.Kind) stokerv1.PrincipalKind {
	return stokerv1.PrincipalKind(stokerv1.PrincipalKind_value["PRINCIPAL_KIND_"+strings.ToUpper(string(k))])
}

// CreateToken makes a token. It works when CreateToken has returned.
func (s *accessService) CreateToken(ctx context.Context, req *stokerv1.CreateTokenRequest) (*stokerv1.CreateTokenResponse, error) {
	var found findings
	known := mapSlice(s.accounts.AccountStatuses(), func(a job.AccountStatus) string { return a.ID })
	for i, id := range req.GetAccounts() {
		if !slices.Contains(known, id) {
			found.addUnknown(fmt.Sprintf("accounts[%d]", i), "account", id, known)
		}
	}
	if req.GetRole() == stokerv1.Role_ROLE_ADMIN && len(req.GetAccounts()) > 0 {
		found.add("accounts", "%s", access.ErrBoundAdmin.Error())
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	token, secret, err := access.NewToken(req.GetName(), access.Role(req.GetRole()), req.GetAccounts(), req.GetLifetime().AsDuration(), grantOf(ctx).principal.Name, time.Now())
	if err != nil {
		return nil, invalid("name", err.Error())
	}
	access.RecordOf(ctx).Describe(token.ID, "")
	if err := s.store.CreateToken(ctx, token); err != nil {
		return nil, fmt.Errorf("create token: %w", err)
	}
	if err := s.identifier.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("create token: %w", err)
	}
	return &stokerv1.CreateTokenResponse{Token: tokenMessage(token), Secret: secret}, nil
}

// ListTokens lists tokens, the newest first.
func (s *accessService) ListTokens(ctx context.Context, req *stokerv1.ListTokensRequest) (*stokerv1.ListTokensResponse, error) {
	after, err := parseNameToken(req.GetPageToken(), tokenTokenKind)
	if err != nil {
		return nil, err
	}
	tokens, err := s.store.Tokens(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	slices.SortFunc(tokens, func(a, b access.Token) int {
		return cmp.Or(b.CreateTime.Compare(a.CreateTime), cmp.Compare(a.ID, b.ID))
	})
	if after != "" {
		at := slices.IndexFunc(tokens, func(t access.Token) bool { return t.ID == after })
		if at < 0 {
			return nil, badPageToken()
		}
		tokens = tokens[at+1:]
	}
	size := cmp.Or(int(req.GetPageSize()), defaultTokensPage)
	resp := &stokerv1.ListTokensResponse{Tokens: pageOf(tokens[:min(size, len(tokens))], tokenMessage)}
	if n := len(resp.Tokens); n < len(tokens) {
		resp.NextPageToken = nameToken(tokenTokenKind, tokens[n-1].ID)
	}
	return resp, nil
}

// RevokeToken revokes a token. It has no effect any more when RevokeToken has returned.
func (s *accessService) RevokeToken(ctx context.Context, req *stokerv1.RevokeTokenRequest) (*stokerv1.RevokeTokenResponse, error) {
	token, err := s.store.RevokeToken(ctx, req.GetTokenId(), time.Now())
	if err != nil {
		return nil, fmt.Errorf("revoke token: %w", err)
	}
	access.RecordOf(ctx).Describe("", fmt.Sprintf("name %q", token.Name))
	if err := s.identifier.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("revoke token: %w", err)
	}
	return &stokerv1.RevokeTokenResponse{Token: tokenMessage(token)}, nil
}

func tokenMessage(t access.Token) *stokerv1.Token {
	return &stokerv1.Token{
		Id: t.ID, Name: t.Name, Role: stokerv1.Role(t.Role), Accounts: t.Accounts, CreatedBy: t.CreatedBy,
		CreateTime: timestamp(t.CreateTime), ExpireTime: timestamp(t.ExpireTime), RevokeTime: timestamp(t.RevokeTime), LastUseTime: timestamp(t.LastUseTime),
	}
}

// ListEntries lists entries of the audit log, the newest first.
func (s *accessService) ListEntries(ctx context.Context, req *stokerv1.ListEntriesRequest) (*stokerv1.ListEntriesResponse, error) {
	if req.GetSince() != nil && req.GetUntil() != nil && !req.GetSince().AsTime().Before(req.GetUntil().AsTime()) {
		return nil, invalid("until", "is not after since, so that no call is between them")
	}
	list, err := listHash(req, func(r *stokerv1.ListEntriesRequest) { r.PageSize, r.PageToken = 0, "" })
	if err != nil {
		return nil, err
	}
	token, err := parsePageToken(req.GetPageToken(), list)
	if err != nil {
		return nil, err
	}
	size := cmp.Or(int(req.GetPageSize()), defaultEntriesPage)
	f := access.EntryFilter{
		Principal: req.GetPrincipal(), Methods: req.GetMethods(), Target: req.GetTarget(), Outcomes: req.GetOutcomes(),
		CallID: req.GetCallId(), BeforeID: token.position, Limit: size + 1,
	}
	if req.GetSince() != nil {
		f.Since = req.GetSince().AsTime()
	}
	if req.GetUntil() != nil {
		f.Until = req.GetUntil().AsTime()
	}
	entries, err := s.store.Entries(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("list entries: %w", err)
	}
	resp := &stokerv1.ListEntriesResponse{Entries: pageOf(entries[:min(size, len(entries))], entryMessage)}
	if n := len(resp.Entries); n < len(entries) {
		resp.NextPageToken = pageToken{list: list, position: entries[n-1].ID}.String()
	}
	return resp, nil
}

func entryMessage(e access.Entry) *stokerv1.Entry {
	return &stokerv1.Entry{
		Id: fmt.Sprintf("%016x", e.ID), Time: timestamp(e.Time), Principal: e.Principal, Kind: kindMessage(e.Kind), Address: e.Address, Method: e.Method,
		Target: e.Target, Outcome: e.Outcome, Detail: e.Detail, CallId: e.CallID, RefusedCount: e.Refused,
	}
}

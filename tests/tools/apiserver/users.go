// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// rule grants verbs on resources, or on paths that are no resources. "*"
// stands for everything, "pods/status" for a subresource and "*/status" for
// that of all resources.
type rule struct {
	Verbs     []string `json:"verbs"`
	Groups    []string `json:"groups"`
	Resources []string `json:"resources"`
	// Namespaces limits the rule to these; empty means everywhere, and
	// lists of all namespaces too.
	Namespaces []string `json:"namespaces"`
	// Names limits the rule to objects of these names.
	Names []string `json:"names"`
	// Paths are such as "/metrics" or "/logs/*".
	Paths []string `json:"paths"`
}

// account is one entry of the users file.
type account struct {
	Token  string   `json:"token"`
	User   string   `json:"user"`
	Groups []string `json:"groups"`
	Rules  []rule   `json:"rules"`
}

// userStore knows who may do what. It looks at its file with every request,
// so that a change holds from the next request on.
type userStore struct {
	path string

	mu      sync.Mutex
	content []byte
	tokens  map[string]account
	rules   map[string][]rule // by user name
}

func newUserStore(path string) (*userStore, error) {
	s := &userStore{path: path}
	return s, s.load()
}

// load reads the file if it changed. The lock must be held, or the store new.
func (s *userStore) load() error {
	if s.path == "" {
		return nil
	}
	content, err := os.ReadFile(s.path)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	if bytes.Equal(content, s.content) {
		return nil
	}
	var accounts []account
	if err := json.Unmarshal(content, &accounts); err != nil {
		return fmt.Errorf("users: %s: %w", s.path, err)
	}
	tokens := map[string]account{}
	rules := map[string][]rule{}
	for _, a := range accounts {
		if a.Token == "" || a.User == "" {
			return fmt.Errorf("users: %s: an entry lacks token or user", s.path)
		}
		tokens[a.Token] = a
		rules[a.User] = append(rules[a.User], a.Rules...)
	}
	s.content, s.tokens, s.rules = content, tokens, rules
	return nil
}

// refresh reads the file if it changed; a broken one changes nothing.
func (s *userStore) refresh() {
	if err := s.load(); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
	}
}

// AuthenticateToken implements authenticator.Token.
func (s *userStore) AuthenticateToken(_ context.Context, token string) (*authenticator.Response, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	a, ok := s.tokens[token]
	if !ok {
		return nil, false, nil
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: a.User, Groups: slices.Clone(a.Groups)}}, true, nil
}

// Authenticator recognises bearer tokens. As in a cluster, a request without
// a token is anonymous, and one with a wrong token is refused.
func (s *userStore) Authenticator() authenticator.Request {
	return union.NewFailOnError(
		group.NewAuthenticatedGroupAdder(bearertoken.New(s)),
		anonymous.NewAuthenticator(nil),
	)
}

// Authorizer decides by the rules of the user; members of system:masters may
// do everything.
func (s *userStore) Authorizer() authorizer.Authorizer {
	return authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		who := a.GetUser()
		if who == nil {
			return authorizer.DecisionNoOpinion, "", errors.New("request without a user")
		}
		if slices.Contains(who.GetGroups(), user.SystemPrivilegedGroup) || basicRight(a) {
			return authorizer.DecisionAllow, "", nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refresh()
		for _, r := range s.rules[who.GetName()] {
			if r.allows(a) {
				return authorizer.DecisionAllow, "", nil
			}
		}
		return authorizer.DecisionNoOpinion, "", nil
	})
}

// basicRight is what a cluster grants to everyone (system:public-info-viewer)
// and to every known user (system:discovery and system:basic-user).
func basicRight(a authorizer.Attributes) bool {
	known := slices.Contains(a.GetUser().GetGroups(), user.AllAuthenticated)
	if a.IsResourceRequest() {
		return known && a.GetVerb() == "create" && a.GetAPIGroup() == "authorization.k8s.io" &&
			a.GetResource() == "selfsubjectaccessreviews" && a.GetSubresource() == ""
	}
	if a.GetVerb() != "get" && a.GetVerb() != "head" {
		return false
	}
	public := []string{"/healthz", "/livez", "/readyz", "/version", "/version/"}
	discovery := []string{"/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"}
	return matchesPath(public, a.GetPath()) || known && matchesPath(discovery, a.GetPath())
}

func (r rule) allows(a authorizer.Attributes) bool {
	if !matches(r.Verbs, a.GetVerb()) {
		return false
	}
	if !a.IsResourceRequest() {
		return matchesPath(r.Paths, a.GetPath())
	}
	resource := a.GetResource()
	anyResource := resource
	if a.GetSubresource() != "" {
		resource += "/" + a.GetSubresource()
		anyResource = "*/" + a.GetSubresource()
	}
	return matches(r.Groups, a.GetAPIGroup()) &&
		(matches(r.Resources, resource) || slices.Contains(r.Resources, anyResource)) &&
		(len(r.Namespaces) == 0 || slices.Contains(r.Namespaces, a.GetNamespace())) &&
		(len(r.Names) == 0 || slices.Contains(r.Names, a.GetName()))
}

func matches(granted []string, wanted string) bool {
	return slices.Contains(granted, "*") || slices.Contains(granted, wanted)
}

func matchesPath(granted []string, path string) bool {
	return slices.ContainsFunc(granted, func(g string) bool {
		prefix, isPrefix := strings.CutSuffix(g, "*")
		return g == path || isPrefix && strings.HasPrefix(path, prefix)
	})
}

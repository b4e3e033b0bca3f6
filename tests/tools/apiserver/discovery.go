// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// aggregatedType is the media type of the discovery document that lists all
// groups with their resources.
const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

// withGroupList makes /apis list the groups of custom resources too.
//
// The aggregated discovery document knows them by itself. The older list of
// groups, which clients ask for without the media type of the former, comes
// from a server that is missing here; it is made of the aggregated document.
func withGroupList(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(r.URL.Path, "/")
		if path != "/apis" || r.Method != http.MethodGet || strings.Contains(r.Header.Get("Accept"), "g=apidiscovery.k8s.io") {
			next.ServeHTTP(w, r)
			return
		}
		inner := r.Clone(r.Context())
		inner.Header = http.Header{"Accept": {aggregatedType}}
		recorded := recorder{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(&recorded, inner)

		var aggregated apidiscovery.APIGroupDiscoveryList
		if recorded.status != http.StatusOK || json.Unmarshal(recorded.body.Bytes(), &aggregated) != nil {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(groupList(aggregated))
	})
}

func groupList(aggregated apidiscovery.APIGroupDiscoveryList) metav1.APIGroupList {
	list := metav1.APIGroupList{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"},
		Groups:   []metav1.APIGroup{},
	}
	for _, item := range aggregated.Items {
		group := metav1.APIGroup{Name: item.Name}
		for _, version := range item.Versions {
			group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{
				GroupVersion: item.Name + "/" + version.Version,
				Version:      version.Version,
			})
		}
		if len(group.Versions) > 0 {
			group.PreferredVersion = group.Versions[0]
			list.Groups = append(list.Groups, group)
		}
	}
	return list
}

// recorder keeps a response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

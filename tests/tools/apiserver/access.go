// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// accessReview serves SelfSubjectAccessReview, with which a client asks
// whether it may do something. Nothing is stored.
type accessReview struct {
	authorizer authorizer.UnconditionalAuthorizer
}

func (a *accessReview) New() runtime.Object     { return &authorizationv1.SelfSubjectAccessReview{} }
func (a *accessReview) Destroy()                {}
func (a *accessReview) NamespaceScoped() bool   { return false }
func (a *accessReview) GetSingularName() string { return "selfsubjectaccessreview" }

// Create implements rest.Creater.
func (a *accessReview) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	review, ok := obj.(*authorizationv1.SelfSubjectAccessReview)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a SelfSubjectAccessReview: %T", obj))
	}
	if (review.Spec.ResourceAttributes == nil) == (review.Spec.NonResourceAttributes == nil) {
		return nil, apierrors.NewBadRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified")
	}
	if validate != nil {
		if err := validate(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	who, ok := request.UserFrom(ctx)
	if !ok {
		return nil, apierrors.NewBadRequest("no user present on request")
	}
	attributes := authorizer.AttributesRecord{User: who}
	if r := review.Spec.ResourceAttributes; r != nil {
		attributes.ResourceRequest = true
		attributes.Verb, attributes.Namespace, attributes.Name = r.Verb, r.Namespace, r.Name
		attributes.APIGroup, attributes.APIVersion = r.Group, r.Version
		attributes.Resource, attributes.Subresource = r.Resource, r.Subresource
	} else {
		attributes.Verb, attributes.Path = review.Spec.NonResourceAttributes.Verb, review.Spec.NonResourceAttributes.Path
	}
	decision, reason, err := a.authorizer.Authorize(ctx, attributes)
	review.Status = authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow,
		Denied:  decision == authorizer.DecisionDeny,
		Reason:  reason,
	}
	if err != nil {
		review.Status.EvaluationError = err.Error()
	}
	return review, nil
}

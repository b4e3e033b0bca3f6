// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

// The built-in resources. kube-apiserver has an internal type for every
// kind, besides the public ones; here the public type of v1 is the internal
// one too, so that no conversion is needed.
var (
	coreScheme   = runtime.NewScheme()
	coreCodecs   = serializer.NewCodecFactory(coreScheme)
	coreVersions = []schema.GroupVersion{
		corev1.SchemeGroupVersion, batchv1.SchemeGroupVersion, authorizationv1.SchemeGroupVersion,
	}
)

// eventTTL is how long a cluster keeps events.
const eventTTL = time.Hour

// maxDataSize is the limit of the data of a config map or secret.
const maxDataSize = corev1.MaxSecretSize

func init() {
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, batchv1.AddToScheme, authorizationv1.AddToScheme,
	} {
		utilruntime.Must(add(coreScheme))
	}
	coreScheme.AddUnversionedTypes(corev1.SchemeGroupVersion,
		&metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	for _, version := range coreVersions {
		utilruntime.Must(coreScheme.SetVersionPriority(version))
	}
	for _, r := range builtIn {
		r.register()
	}
	coreScheme.AddKnownTypes(internal(authorizationv1.SchemeGroupVersion), &authorizationv1.SelfSubjectAccessReview{})
}

func internal(version schema.GroupVersion) schema.GroupVersion {
	return schema.GroupVersion{Group: version.Group, Version: runtime.APIVersionInternal}
}

// builtIn lists the built-in resources that are stored.
var builtIn = []installable{
	&resource[*corev1.Namespace]{
		version: corev1.SchemeGroupVersion, plural: "namespaces", singular: "namespace", shortNames: []string{"ns"},
		new:          func() *corev1.Namespace { return &corev1.Namespace{} },
		newList:      func() runtime.Object { return &corev1.NamespaceList{} },
		validateName: apivalidation.ValidateNamespaceName,
		fields:       func(n *corev1.Namespace) fields.Set { return fields.Set{"status.phase": string(n.Status.Phase)} },
		prepare: func(n, old *corev1.Namespace) {
			if old == nil {
				n.Status.Phase = corev1.NamespaceActive
			}
			labels := maps.Clone(n.Labels)
			if labels == nil {
				labels = map[string]string{}
			}
			labels[corev1.LabelMetadataName] = n.Name
			n.Labels = labels
		},
		setSpec:   func(n, from *corev1.Namespace) { n.Spec = from.Spec },
		setStatus: func(n, from *corev1.Namespace) { n.Status = from.Status },
	},
	&resource[*corev1.ConfigMap]{
		version: corev1.SchemeGroupVersion, plural: "configmaps", singular: "configmap", shortNames: []string{"cm"},
		namespaced: true,
		new:        func() *corev1.ConfigMap { return &corev1.ConfigMap{} },
		newList:    func() runtime.Object { return &corev1.ConfigMapList{} },
		validate:   validateConfigMap,
	},
	&resource[*corev1.Secret]{
		version: corev1.SchemeGroupVersion, plural: "secrets", singular: "secret",
		namespaced: true,
		new:        func() *corev1.Secret { return &corev1.Secret{} },
		newList:    func() runtime.Object { return &corev1.SecretList{} },
		fields:     func(s *corev1.Secret) fields.Set { return fields.Set{"type": string(s.Type)} },
		prepare:    prepareSecret,
		validate:   validateSecret,
	},
	&resource[*corev1.Event]{
		version: corev1.SchemeGroupVersion, plural: "events", singular: "event", shortNames: []string{"ev"},
		namespaced: true,
		new:        func() *corev1.Event { return &corev1.Event{} },
		newList:    func() runtime.Object { return &corev1.EventList{} },
		fields: func(e *corev1.Event) fields.Set {
			return fields.Set{
				"involvedObject.kind":      e.InvolvedObject.Kind,
				"involvedObject.namespace": e.InvolvedObject.Namespace,
				"involvedObject.name":      e.InvolvedObject.Name,
				"involvedObject.uid":       string(e.InvolvedObject.UID),
				"reason":                   e.Reason,
				"source":                   e.Source.Component,
				"type":                     e.Type,
			}
		},
		ttl: eventTTL,
	},
	&resource[*batchv1.Job]{
		version: batchv1.SchemeGroupVersion, plural: "jobs", singular: "job",
		namespaced: true,
		new:        func() *batchv1.Job { return &batchv1.Job{} },
		newList:    func() runtime.Object { return &batchv1.JobList{} },
		fields: func(j *batchv1.Job) fields.Set {
			return fields.Set{"status.successful": fmt.Sprint(j.Status.Succeeded)}
		},
		prepare: func(j, old *batchv1.Job) {
			if old == nil {
				j.Status = batchv1.JobStatus{}
				j.Generation = 1
			} else if !equality.Semantic.DeepEqual(j.Spec, old.Spec) {
				j.Generation = old.Generation + 1
			}
		},
		setSpec:   func(j, from *batchv1.Job) { j.Spec = from.Spec },
		setStatus: func(j, from *batchv1.Job) { j.Status = from.Status },
	},
	&resource[*batchv1.CronJob]{
		version: batchv1.SchemeGroupVersion, plural: "cronjobs", singular: "cronjob", shortNames: []string{"cj"},
		namespaced: true,
		new:        func() *batchv1.CronJob { return &batchv1.CronJob{} },
		newList:    func() runtime.Object { return &batchv1.CronJobList{} },
		prepare: func(j, old *batchv1.CronJob) {
			if old == nil {
				j.Status = batchv1.CronJobStatus{}
				j.Generation = 1
			} else if !equality.Semantic.DeepEqual(j.Spec, old.Spec) {
				j.Generation = old.Generation + 1
			}
		},
		setSpec:   func(j, from *batchv1.CronJob) { j.Spec = from.Spec },
		setStatus: func(j, from *batchv1.CronJob) { j.Status = from.Status },
	},
}

// installCore installs the built-in resources in the server.
func installCore(server *genericapiserver.GenericAPIServer, options generic.RESTOptionsGetter) error {
	stored := map[schema.GroupVersion]map[string]rest.Storage{
		authorizationv1.SchemeGroupVersion: {
			"selfsubjectaccessreviews": &accessReview{authorizer: server.Authorizer},
		},
	}
	for _, r := range builtIn {
		if err := r.install(stored, options); err != nil {
			return err
		}
	}
	for _, version := range coreVersions {
		info := genericapiserver.NewDefaultAPIGroupInfo(version.Group, coreScheme, runtime.NewParameterCodec(coreScheme), coreCodecs)
		info.PrioritizedVersions = []schema.GroupVersion{version}
		info.VersionedResourcesStorageMap[version.Version] = stored[version]
		var err error
		if version.Group == "" {
			err = server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, &info)
		} else {
			err = server.InstallAPIGroup(&info)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", version, err)
		}
	}
	return nil
}

func validateConfigMap(m, old *corev1.ConfigMap) field.ErrorList {
	var errs field.ErrorList
	size := 0
	for key, value := range m.Data {
		errs = append(errs, validateKey(field.NewPath("data"), key)...)
		if _, twice := m.BinaryData[key]; twice {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(key), key, "duplicate of key present in binaryData"))
		}
		size += len(value)
	}
	for key, value := range m.BinaryData {
		errs = append(errs, validateKey(field.NewPath("binaryData"), key)...)
		size += len(value)
	}
	if size > maxDataSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "" /* unused */, maxDataSize))
	}
	if old != nil && old.Immutable != nil && *old.Immutable {
		if m.Immutable == nil || !*m.Immutable {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), "field is immutable when `immutable` is set"))
		}
		if !maps.Equal(m.Data, old.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set"))
		}
		if !equality.Semantic.DeepEqual(m.BinaryData, old.BinaryData) {
			errs = append(errs, field.Forbidden(field.NewPath("binaryData"), "field is immutable when `immutable` is set"))
		}
	}
	return errs
}

// prepareSecret turns stringData into data, as the defaults of v1 do.
func prepareSecret(s, old *corev1.Secret) {
	if len(s.StringData) > 0 {
		data := maps.Clone(s.Data)
		if data == nil {
			data = map[string][]byte{}
		}
		for key, value := range s.StringData {
			data[key] = []byte(value)
		}
		s.Data, s.StringData = data, nil
	}
	if s.Type == "" && old != nil {
		s.Type = old.Type
	}
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
}

func validateSecret(s, old *corev1.Secret) field.ErrorList {
	var errs field.ErrorList
	size := 0
	for key, value := range s.Data {
		errs = append(errs, validateKey(field.NewPath("data"), key)...)
		size += len(value)
	}
	if size > maxDataSize {
		errs = append(errs, field.TooLong(field.NewPath("data"), "" /* unused */, maxDataSize))
	}
	if old != nil {
		errs = append(errs, apivalidation.ValidateImmutableField(s.Type, old.Type, field.NewPath("type"))...)
		if old.Immutable != nil && *old.Immutable {
			if s.Immutable == nil || !*s.Immutable {
				errs = append(errs, field.Forbidden(field.NewPath("immutable"), "field is immutable when `immutable` is set"))
			}
			if !equality.Semantic.DeepEqual(s.Data, old.Data) {
				errs = append(errs, field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set"))
			}
		}
	}
	return errs
}

func validateKey(path *field.Path, key string) field.ErrorList {
	var errs field.ErrorList
	for _, problem := range validation.IsConfigMapKey(key) {
		errs = append(errs, field.Invalid(path.Key(key), key, problem))
	}
	return errs
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
)

// installable is a resource of any type.
type installable interface {
	register()
	install(stored map[schema.GroupVersion]map[string]rest.Storage, options generic.RESTOptionsGetter) error
}

// object is a pointer to an API type.
type object interface {
	runtime.Object
	metav1.Object
	comparable
}

// resource describes a built-in resource.
type resource[T object] struct {
	version          schema.GroupVersion
	plural, singular string
	shortNames       []string
	namespaced       bool
	new              func() T
	newList          func() runtime.Object

	// All of the following may be left out.

	validateName apivalidation.ValidateNameFunc
	// fields are what field selectors can select by, besides the metadata.
	fields func(T) fields.Set
	// prepare completes an object that is written; old is nil on creation.
	prepare func(obj, old T)
	// validate finds what is wrong; old is nil on creation.
	validate func(obj, old T) field.ErrorList
	// setSpec and setStatus copy the part of that name. A resource that has
	// them has a status subresource.
	setSpec, setStatus func(obj, from T)
	// ttl is after how long an object vanishes.
	ttl time.Duration
}

// register makes the type known in the scheme.
func (r *resource[T]) register() {
	coreScheme.AddKnownTypes(internal(r.version), r.new(), r.newList())
	kinds, _, err := coreScheme.ObjectKinds(r.new())
	if err != nil {
		panic(err)
	}
	selectable := fields.Set{}
	if r.fields != nil {
		selectable = r.fields(r.new())
	}
	err = coreScheme.AddFieldLabelConversionFunc(r.version.WithKind(kinds[0].Kind), func(label, value string) (string, string, error) {
		if _, ok := selectable[label]; ok {
			return label, value, nil
		}
		return runtime.DefaultMetaV1FieldSelectorConversion(label, value)
	})
	if err != nil {
		panic(err)
	}
}

func (r *resource[T]) install(stored map[schema.GroupVersion]map[string]rest.Storage, options generic.RESTOptionsGetter) error {
	s := strategy[T]{ObjectTyper: coreScheme, NameGenerator: names.SimpleNameGenerator, resource: r}
	qualified := r.version.WithResource(r.plural).GroupResource()
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return r.new() },
		NewListFunc:               r.newList,
		DefaultQualifiedResource:  qualified,
		SingularQualifiedResource: r.version.WithResource(r.singular).GroupResource(),
		CreateStrategy:            s,
		UpdateStrategy:            s,
		DeleteStrategy:            s,
		TableConvertor:            rest.NewDefaultTableConvertor(qualified),
	}
	if r.ttl > 0 {
		store.TTLFunc = func(runtime.Object, uint64, bool) (uint64, error) { return uint64(r.ttl / time.Second), nil }
	}
	if err := store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options, AttrFunc: r.attributes}); err != nil {
		return fmt.Errorf("%s: %w", qualified, err)
	}
	storages := stored[r.version]
	if storages == nil {
		storages = map[string]rest.Storage{}
		stored[r.version] = storages
	}
	storages[r.plural] = &resourceStorage{Store: store, shortNames: r.shortNames}
	if r.setStatus != nil {
		statusStore := *store
		statusStore.UpdateStrategy = statusStrategy[T]{s}
		storages[r.plural+"/status"] = &statusStorage{store: &statusStore}
	}
	return nil
}

// attributes are what selectors can select by.
func (r *resource[T]) attributes(obj runtime.Object) (labels.Set, fields.Set, error) {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return nil, nil, err
	}
	selectable := fields.Set{"metadata.name": accessor.GetName()}
	if r.namespaced {
		selectable["metadata.namespace"] = accessor.GetNamespace()
	}
	if typed, ok := obj.(T); ok && r.fields != nil {
		selectable = fields.Set(labels.Merge(labels.Set(selectable), labels.Set(r.fields(typed))))
	}
	return accessor.GetLabels(), selectable, nil
}

// strategy is how objects of a resource are written.
type strategy[T object] struct {
	runtime.ObjectTyper
	names.NameGenerator
	resource *resource[T]
}

func (s strategy[T]) NamespaceScoped() bool { return s.resource.namespaced }

func (s strategy[T]) PrepareForCreate(_ context.Context, obj runtime.Object) {
	if s.resource.prepare != nil {
		var none T
		s.resource.prepare(obj.(T), none)
	}
}

func (s strategy[T]) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	if s.resource.setStatus != nil {
		s.resource.setStatus(obj.(T), old.(T))
	}
	if s.resource.prepare != nil {
		s.resource.prepare(obj.(T), old.(T))
	}
}

func (s strategy[T]) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	var none T
	return s.check(obj.(T), none)
}

func (s strategy[T]) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	errs := apivalidation.ValidateObjectMetaAccessorUpdate(obj.(T), old.(T), field.NewPath("metadata"))
	return append(errs, s.check(obj.(T), old.(T))...)
}

func (s strategy[T]) check(obj, old T) field.ErrorList {
	validateName := s.resource.validateName
	if validateName == nil {
		validateName = apivalidation.NameIsDNSSubdomain
	}
	errs := apivalidation.ValidateObjectMetaAccessor(obj, s.resource.namespaced, validateName, field.NewPath("metadata"))
	if s.resource.validate != nil {
		errs = append(errs, s.resource.validate(obj, old)...)
	}
	return errs
}

func (s strategy[T]) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }
func (s strategy[T]) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}
func (s strategy[T]) Canonicalize(runtime.Object)                   {}
func (s strategy[T]) AllowCreateOnUpdate(context.Context) bool      { return false }
func (s strategy[T]) AllowUnconditionalUpdate(context.Context) bool { return true }

// statusStrategy is how the status of an object is written.
type statusStrategy[T object] struct {
	strategy[T]
}

func (s statusStrategy[T]) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	s.resource.setSpec(obj.(T), old.(T))
}

// resourceStorage is a store with short names for clients such as kubectl.
type resourceStorage struct {
	*genericregistry.Store
	shortNames []string
}

func (s *resourceStorage) ShortNames() []string { return s.shortNames }

// statusStorage serves the status subresource of a store.
type statusStorage struct {
	store *genericregistry.Store
}

func (s *statusStorage) New() runtime.Object { return s.store.New() }

// Destroy does nothing: the storage belongs to the resource itself.
func (s *statusStorage) Destroy() {}

func (s *statusStorage) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, options)
}

func (s *statusStorage) Update(ctx context.Context, name string, objInfo rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc, updateValidation rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, objInfo, createValidation, updateValidation, false, options)
}

func (s *statusStorage) ConvertToTable(ctx context.Context, obj, tableOptions runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, obj, tableOptions)
}

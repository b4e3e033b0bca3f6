// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"reflect"

	extensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	extensionsopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	openapi "k8s.io/kube-openapi/pkg/common"
	openapiutil "k8s.io/kube-openapi/pkg/util"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

func definitionNamer() *openapinamer.DefinitionNamer {
	return openapinamer.NewDefinitionNamer(extensions.Scheme, coreScheme)
}

// openAPIDefinitions describes the types of the built-in resources. The full
// descriptions are part of kube-apiserver and of no library; those here say
// "an object with metadata" and leave the rest open.
func openAPIDefinitions(ref openapi.ReferenceCallback) map[string]openapi.OpenAPIDefinition {
	definitions := maps.Clone(extensionsopenapi.GetOpenAPIDefinitions(ref))
	for _, version := range coreVersions {
		for kind, goType := range coreScheme.KnownTypes(version) {
			name := openapiutil.GetCanonicalTypeName(reflect.New(goType).Interface())
			if _, known := definitions[name]; !known {
				definitions[name] = openDefinition(kind, goType, ref)
			}
		}
	}
	return definitions
}

func openDefinition(kind string, goType reflect.Type, ref openapi.ReferenceCallback) openapi.OpenAPIDefinition {
	properties := map[string]spec.Schema{
		"apiVersion": *spec.StringProperty(),
		"kind":       *spec.StringProperty(),
	}
	var dependencies []string
	reference := func(sample any) *spec.Schema {
		name := openapiutil.GetCanonicalTypeName(sample)
		dependencies = append(dependencies, name)
		return &spec.Schema{SchemaProps: spec.SchemaProps{Ref: ref(name)}}
	}
	if _, ok := goType.FieldByName("ObjectMeta"); ok {
		properties["metadata"] = *reference(metav1.ObjectMeta{})
	}
	if _, ok := goType.FieldByName("ListMeta"); ok {
		properties["metadata"] = *reference(metav1.ListMeta{})
	}
	if items, ok := goType.FieldByName("Items"); ok {
		properties["items"] = *spec.ArrayProperty(reference(reflect.New(items.Type.Elem()).Interface()))
	}
	return openapi.OpenAPIDefinition{
		Schema: spec.Schema{
			SchemaProps: spec.SchemaProps{
				Description: kind + ", described in outline only.",
				Type:        []string{"object"},
				Properties:  properties,
			},
			VendorExtensible: spec.VendorExtensible{Extensions: spec.Extensions{
				"x-kubernetes-preserve-unknown-fields": true,
			}},
		},
		Dependencies: dependencies,
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	extensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	extensionsoptions "k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	"k8s.io/apiserver/pkg/registry/generic"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	corev1 "k8s.io/api/core/v1"
)

// etcdPrefix is the one of kube-apiserver.
const etcdPrefix = "/registry"

// systemNamespaces exist from the first start on.
var systemNamespaces = []string{metav1.NamespaceDefault, metav1.NamespaceSystem}

type serverConfig struct {
	listener        net.Listener
	certs           certificates
	users           *userStore
	etcdURL         string
	history         *history
	watchCache      bool
	checkNamespaces bool
}

// server is the API server.
type server struct {
	generic *genericapiserver.GenericAPIServer
	client  kubernetes.Interface
}

// newServer puts the API server together. What an option group of
// k8s.io/apiserver sets is taken from there; left out are delegated
// authentication and authorization, audit, tracing, webhooks, and priority
// and fairness, all of which need the rest of a cluster.
func newServer(c serverConfig) (*server, error) {
	run := genericoptions.NewServerRunOptions()
	if err := run.Complete(); err != nil {
		return nil, err
	}
	recommended := genericapiserver.NewRecommendedConfig(extensions.Codecs)
	config := &recommended.Config
	if err := run.ApplyTo(config); err != nil {
		return nil, err
	}
	config.EffectiveVersion = releasedVersion{config.EffectiveVersion}
	config.ExternalAddress = c.listener.Addr().String()
	config.EnableProfiling = false
	config.MergedResourceConfig = extensions.DefaultAPIResourceConfigSource()
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(openAPIDefinitions, definitionNamer())
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(openAPIDefinitions, definitionNamer())
	config.BuildHandlerChainFunc = func(handler http.Handler, c *genericapiserver.Config) http.Handler {
		return genericapiserver.DefaultBuildHandlerChain(withGroupList(handler), c)
	}
	config.Authentication.Authenticator = c.users.Authenticator()
	config.Authorization.Authorizer = c.users.Authorizer()

	serving := genericoptions.NewSecureServingOptions()
	serving.Listener = c.listener
	serving.ServerCert.CertKey.CertFile = c.certs.certFile
	serving.ServerCert.CertKey.KeyFile = c.certs.keyFile
	if err := serving.WithLoopback().ApplyToConfig(config); err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config.LoopbackClientConfig)
	if err != nil {
		return nil, err
	}
	recommended.SharedInformerFactory = informers.NewSharedInformerFactory(client, 0)

	if c.checkNamespaces {
		plugin, err := lifecycle.NewLifecycle(sets.New(systemNamespaces...))
		if err != nil {
			return nil, err
		}
		plugin.SetExternalKubeClientSet(client)
		plugin.SetExternalKubeInformerFactory(recommended.SharedInformerFactory)
		config.AdmissionControl = admission.NewChainHandler(plugin)
	}

	etcd := genericoptions.NewEtcdOptions(storagebackend.NewDefaultConfig(
		etcdPrefix, extensions.Codecs.LegacyCodec(apiextensionsv1.SchemeGroupVersion)))
	etcd.StorageConfig.Transport.ServerList = []string{c.etcdURL}
	etcd.StorageConfig.StorageObjectCountTracker = config.StorageObjectCountTracker
	// Nothing is compacted but by command: tests must not depend on time.
	etcd.StorageConfig.CompactionInterval = 0
	etcd.EnableWatchCache = c.watchCache
	if err := etcd.ApplyTo(config); err != nil {
		return nil, err
	}
	remember := func(getter generic.RESTOptionsGetter) generic.RESTOptionsGetter {
		if !c.watchCache {
			return getter
		}
		return restOptions{RESTOptionsGetter: getter, history: c.history}
	}
	config.RESTOptionsGetter = remember(config.RESTOptionsGetter)

	completed := (&extensions.Config{
		GenericConfig: recommended,
		ExtraConfig: extensions.ExtraConfig{
			CRDRESTOptionsGetter: remember(extensionsoptions.NewCRDRESTOptionsGetter(*etcd, nil, config.StorageObjectCountTracker)),
			ServiceResolver:      webhook.NewDefaultServiceResolver(),
			AuthResolverWrapper:  func(r webhook.AuthenticationInfoResolver) webhook.AuthenticationInfoResolver { return r },
			MasterCount:          1,
		},
	}).Complete()
	// In a cluster another server in front of this one serves /apis.
	completed.GenericConfig.EnableDiscovery = true
	crds, err := completed.New(genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	s := &server{generic: crds.GenericAPIServer, client: client}
	// What is still open then are watches, which never end by themselves.
	s.generic.ShutdownTimeout = 200 * time.Millisecond

	coreEtcd := *etcd
	coreEtcd.StorageConfig.Codec = coreCodecs.LegacyCodec(coreVersions...)
	coreOptions := remember(coreEtcd.CreateRESTOptionsGetter(
		&genericoptions.SimpleStorageFactory{StorageConfig: coreEtcd.StorageConfig}, nil))
	if err := installCore(s.generic, coreOptions); err != nil {
		return nil, err
	}
	s.generic.AddPostStartHookOrDie("create-system-namespaces", s.createSystemNamespaces)
	return s, nil
}

func (s *server) createSystemNamespaces(hook genericapiserver.PostStartHookContext) error {
	for _, name := range systemNamespaces {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		err := wait.PollUntilContextCancel(hook, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			_, err := s.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
			return err == nil || apierrors.IsAlreadyExists(err), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Run serves until the context ends, and then until the connections are done.
func (s *server) Run(ctx context.Context) error {
	return s.generic.PrepareRun().RunWithContext(ctx)
}

// WaitReady waits until /readyz says so, which is when the informers and
// controllers of custom resource definitions work. It fails if the server
// ends before.
func (s *server) WaitReady(ctx context.Context, ended <-chan error) error {
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("ended before it was ready")
			}
			return err
		case <-ticker.C:
			body, err := s.client.Discovery().RESTClient().Get().AbsPath("/readyz").Param("verbose", "").DoRaw(ctx)
			if err == nil {
				return nil
			}
			if ctx.Err() != nil {
				return fmt.Errorf("not ready when told to stop: %s", body)
			}
		}
	}
}

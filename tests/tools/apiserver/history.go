// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/cacher"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
)

// history makes the watch caches forget what a compaction of etcd drops.
//
// A watch cache keeps a window of past events of its own. In a busy cluster
// the window moves on within minutes; in a test nothing happens for it to
// move on, so that a watch could begin from a compacted revision. A history
// lets every watch cache of the server answer as one whose window begins at
// the compaction.
type history struct {
	mu     sync.Mutex
	oldest int64
	caches map[*cachedStorage]struct{}
}

// forget makes the watch caches answer as if compacted to the revision.
func (h *history) forget(revision int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.oldest = revision
	for c := range h.caches {
		// Pages of a list that began before come from etcd from now on,
		// which says that the continue token has expired.
		if err := c.cacher.Compact(strconv.FormatInt(revision, 10)); err != nil {
			return err
		}
	}
	return nil
}

// expired says whether a watch from the resource version must be refused.
// As in etcd, the first event that a watch wants is the one after it.
func (h *history) expired(resourceVersion string) error {
	version, err := strconv.ParseInt(resourceVersion, 10, 64)
	if err != nil || version == 0 {
		return nil // No version, or one for the storage to complain about.
	}
	h.mu.Lock()
	oldest := h.oldest
	h.mu.Unlock()
	if version+1 >= oldest {
		return nil
	}
	return apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", version, oldest))
}

// decorator makes storage with a watch cache, as
// k8s.io/apiserver/pkg/registry/generic/registry.StorageWithCacher does, and
// keeps hold of it.
func (h *history) decorator(
	config *storagebackend.ConfigForResource,
	resourcePrefix string,
	keyFunc func(runtime.Object) (string, error),
	newFunc, newListFunc func() runtime.Object,
	attributes storage.AttrFunc,
	triggers storage.IndexerFuncs,
	indexers *cache.Indexers,
) (storage.Interface, factory.DestroyFunc, error) {
	raw, destroyRaw, err := generic.NewRawStorage(config, newFunc, newListFunc, resourcePrefix)
	if err != nil {
		return nil, nil, err
	}
	watchCache, err := cacher.NewCacherFromConfig(cacher.Config{
		Storage:             raw,
		Versioner:           storage.APIObjectVersioner{},
		GroupResource:       config.GroupResource,
		EventsHistoryWindow: config.EventsHistoryWindow,
		ResourcePrefix:      resourcePrefix,
		KeyFunc:             keyFunc,
		NewFunc:             newFunc,
		NewListFunc:         newListFunc,
		GetAttrsFunc:        attributes,
		IndexerFuncs:        triggers,
		Indexers:            indexers,
		Codec:               config.Codec,
	})
	if err != nil {
		destroyRaw()
		return nil, nil, err
	}
	delegator := cacher.NewCacheDelegator(watchCache, raw)
	cached := &cachedStorage{Interface: delegator, cacher: watchCache, history: h}

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.caches == nil {
		h.caches = map[*cachedStorage]struct{}{}
	}
	h.caches[cached] = struct{}{}
	var once sync.Once
	return cached, func() {
		once.Do(func() {
			h.mu.Lock()
			delete(h.caches, cached)
			h.mu.Unlock()
			delegator.Stop()
			watchCache.Stop()
			destroyRaw()
		})
	}, nil
}

// cachedStorage is storage with a watch cache.
type cachedStorage struct {
	storage.Interface
	cacher  *cacher.Cacher
	history *history
}

// Watch refuses to begin before the history in the way of the watch cache:
// the request succeeds, and its first and only event is the error.
func (c *cachedStorage) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	if opts.SendInitialEvents == nil || !*opts.SendInitialEvents {
		if err := c.history.expired(opts.ResourceVersion); err != nil {
			return newErrorWatch(err), nil
		}
	}
	return c.Interface.Watch(ctx, key, opts)
}

// errorWatch is a watch of one event, an error.
type errorWatch chan watch.Event

func newErrorWatch(err error) errorWatch {
	w := make(errorWatch, 1)
	status := metav1.Status{Status: metav1.StatusFailure, Message: err.Error()}
	if known, ok := err.(apierrors.APIStatus); ok {
		status = known.Status()
	}
	w <- watch.Event{Type: watch.Error, Object: &status}
	close(w)
	return w
}

// Stop implements watch.Interface.
func (w errorWatch) Stop() {}

// ResultChan implements watch.Interface.
func (w errorWatch) ResultChan() <-chan watch.Event { return w }

// restOptions hands out storage options with the decorator of a history.
type restOptions struct {
	generic.RESTOptionsGetter
	history *history
}

func (r restOptions) GetRESTOptions(resource schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	options, err := r.RESTOptionsGetter.GetRESTOptions(resource, example)
	options.Decorator = r.history.decorator
	return options, err
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

// compactKey is where API servers note the revision they compacted to. The
// watch cache of an API server looks at it.
const compactKey = "compact_rev_key"

// etcdServer is an etcd of one member inside this process.
type etcdServer struct {
	etcd   *embed.Etcd
	client *clientv3.Client
}

func startEtcd(ctx context.Context, dir string, verbosity int) (*etcdServer, error) {
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.ListenClientUrls = anyPort
	cfg.AdvertiseClientUrls = anyPort
	cfg.ListenPeerUrls = anyPort
	cfg.AdvertisePeerUrls = anyPort
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	// The data must survive a killed process, not a lost machine.
	cfg.UnsafeNoFsync = true
	// A lone member has nobody to wait for: elect at once.
	cfg.TickMs = 10
	cfg.ElectionMs = 100
	cfg.QuotaBackendBytes = 8 << 30
	cfg.LogLevel = "fatal"
	if verbosity > 0 {
		cfg.LogLevel = "warn"
	}
	cfg.LogOutputs = []string{"stderr"}

	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	s := &etcdServer{etcd: etcd, client: v3client.New(etcd.Server)}
	select {
	case <-etcd.Server.ReadyNotify():
		return s, nil
	case err := <-etcd.Err():
		err = fmt.Errorf("did not start: %w", err)
		s.Close()
		return nil, err
	case <-ctx.Done():
		s.Close()
		return nil, ctx.Err()
	case <-time.After(time.Minute):
		s.Close()
		return nil, errors.New("not ready after a minute")
	}
}

// URL is where clients reach the server.
func (s *etcdServer) URL() string {
	return "http://" + s.etcd.Clients[0].Addr().String()
}

// Revision is the newest revision, the resourceVersion of the last write.
func (s *etcdServer) Revision(ctx context.Context) (int64, error) {
	response, err := s.client.Get(ctx, compactKey, clientv3.WithCountOnly())
	if err != nil {
		return 0, err
	}
	return response.Header.Revision, nil
}

// Compact drops the history up to the newest revision, in the way of an API
// server, and returns that revision. Only the present state can be read then:
// continue tokens handed out before have expired, and watches can begin only
// from the last write or later.
func (s *etcdServer) Compact(ctx context.Context) (int64, error) {
	revision, err := s.Revision(ctx)
	if err != nil {
		return 0, err
	}
	// The note is a write itself; with it the newest revision is one higher.
	revision++
	note, err := s.client.Put(ctx, compactKey, strconv.FormatInt(revision, 10))
	if err != nil {
		return 0, err
	}
	revision = note.Header.Revision
	_, err = s.client.Compact(ctx, revision, clientv3.WithCompactPhysical())
	return revision, err
}

// Close stops the server.
func (s *etcdServer) Close() {
	_ = s.client.Close()
	s.etcd.Close()
}

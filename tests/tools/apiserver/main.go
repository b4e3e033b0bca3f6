// SPDX-License-Identifier: Apache-2.0

// Command apiserver is a real Kubernetes API server for tests. It is built of
// k8s.io/apiserver and k8s.io/apiextensions-apiserver, the libraries that
// kube-apiserver itself is built of, with an etcd inside the same process.
// Nothing else of a cluster runs: no nodes, no scheduler, no controllers
// besides those of custom resource definitions.
//
// The program prints one line of JSON on standard output when it is ready,
// takes commands as lines of JSON on standard input and ends when standard
// input ends. README.md describes both.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/klog/v2"
)

// shutdownLimit bounds a clean shutdown; after it the process just ends.
const shutdownLimit = 10 * time.Second

type options struct {
	dataDir         string
	listen          string
	usersFile       string
	featureGates    string
	watchCache      bool
	checkNamespaces bool
	stdin           bool
	verbosity       int
}

func main() {
	var o options
	flag.StringVar(&o.dataDir, "data-dir", "", "directory for etcd data and certificates; a restart with the same directory continues")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback address to serve on; port 0 takes a free one")
	flag.StringVar(&o.usersFile, "users", "", "JSON file of tokens, users and their rights; read again whenever it changes")
	flag.StringVar(&o.featureGates, "feature-gates", "", "comma-separated list of Gate=true|false")
	flag.BoolVar(&o.watchCache, "watch-cache", true, "serve lists and watches from the watch cache; without it there is no WatchList")
	flag.BoolVar(&o.checkNamespaces, "check-namespaces", true, "refuse objects in namespaces that do not exist, as a cluster does")
	flag.BoolVar(&o.stdin, "stdin", true, "take commands from standard input and end with it")
	flag.IntVar(&o.verbosity, "v", 0, "log verbosity; 0 logs warnings and errors of the program's own only")
	flag.Parse()

	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.dataDir == "" || flag.NArg() > 0 {
		return errors.New("usage: apiserver --data-dir DIR [--users FILE] [--listen ADDRESS] (see --help)")
	}
	if err := setUpLogs(o.verbosity); err != nil {
		return err
	}
	if o.featureGates != "" {
		if err := utilfeature.DefaultMutableFeatureGate.Set(o.featureGates); err != nil {
			return fmt.Errorf("--feature-gates: %w", err)
		}
	}
	dataDir, err := filepath.Abs(o.dataDir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return err
	}

	lock, err := lockDirectory(dataDir)
	if err != nil {
		return err
	}
	defer lock.Close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-ctx.Done()
		time.Sleep(shutdownLimit)
		fmt.Fprintln(os.Stderr, "apiserver: clean shutdown took too long")
		os.Exit(1)
	}()

	// Standard input is read from the very beginning, so that a parent which
	// dies while the server starts takes it along.
	commands := make(chan []byte, 16)
	if o.stdin {
		go readLines(os.Stdin, commands, cancel)
	}

	listener, err := listenLoopback(o.listen)
	if err != nil {
		return err
	}
	users, err := newUserStore(o.usersFile)
	if err != nil {
		return err
	}
	certs, err := ensureCertificates(dataDir)
	if err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	etcd, err := startEtcd(ctx, filepath.Join(dataDir, "etcd"), o.verbosity)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer etcd.Close()

	history := &history{}
	server, err := newServer(serverConfig{
		listener:        listener,
		certs:           certs,
		users:           users,
		etcdURL:         etcd.URL(),
		history:         history,
		watchCache:      o.watchCache,
		checkNamespaces: o.checkNamespaces,
	})
	if err != nil {
		return err
	}

	served := make(chan error, 1)
	go func() { served <- server.Run(ctx) }()
	if err := server.WaitReady(ctx, served); err != nil {
		return err
	}

	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]any{
		"url": "https://" + listener.Addr().String(),
		"ca":  certs.caFile,
		"pid": os.Getpid(),
	}); err != nil {
		return err
	}
	for {
		select {
		case line := <-commands:
			if err := out.Encode(answer(ctx, line, etcd, history)); err != nil {
				return err
			}
		case err := <-served:
			return err
		}
	}
}

// answer carries out one command line and returns what to print for it.
func answer(ctx context.Context, line []byte, etcd *etcdServer, history *history) map[string]any {
	var command struct {
		Do string `json:"do"`
	}
	if err := json.Unmarshal(line, &command); err != nil {
		return map[string]any{"error": "not a JSON object: " + err.Error()}
	}
	var revision int64
	var err error
	switch command.Do {
	case "revision":
		revision, err = etcd.Revision(ctx)
	case "compact":
		if revision, err = etcd.Compact(ctx); err == nil {
			err = history.forget(revision)
		}
	default:
		err = fmt.Errorf("unknown command %q", command.Do)
	}
	if err != nil {
		return map[string]any{"do": command.Do, "error": err.Error()}
	}
	return map[string]any{"do": command.Do, "revision": revision}
}

// readLines passes on the lines of in and calls ended at its end.
func readLines(in io.Reader, lines chan<- []byte, ended func()) {
	defer ended()
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		lines <- bytes.Clone(scanner.Bytes())
	}
	if err := scanner.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver: standard input:", err)
	}
}

// lockDirectory keeps a second server off the directory, until the file is
// closed or the process ends.
func lockDirectory(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s is in use by another server: %w", dir, err)
	}
	return file, nil
}

func listenLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("--listen: %q is not a loopback address", host)
	}
	return net.Listen("tcp", address)
}

// setUpLogs sends the log of the libraries to standard error, or nowhere at
// verbosity 0: they warn about much that is of no interest in tests.
func setUpLogs(verbosity int) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	settings := []string{"logtostderr=true", fmt.Sprintf("v=%d", verbosity)}
	if verbosity == 0 {
		settings = []string{"logtostderr=false", "alsologtostderr=false", "stderrthreshold=FATAL", "legacy_stderr_threshold_behavior=false"}
		klog.SetOutput(io.Discard)
	}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		if flags.Lookup(name) == nil {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("klog %s: %w", name, err)
		}
	}
	return nil
}

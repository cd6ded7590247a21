package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"go.yaml.in/yaml/v4"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// child runs one of the contenders in this process.
func child(what, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	switch what {
	case "parse":
		_, err := parse(text)
		return err
	case "parse-and-print":
		return parseAndPrint(text)
	case "kustomize":
		return kustomize(text)
	}
	return fmt.Errorf("unknown contender %s", what)
}

func parse(text []byte) ([]*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var docs []*yaml.Node
	for {
		var n yaml.Node
		if err := loader.Load(&n); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, &n)
	}
}

func parseAndPrint(text []byte) error {
	docs, err := parse(text)
	if err != nil {
		return err
	}
	dumper, err := yaml.NewDumper(os.Stdout, yaml.WithV3Defaults(), yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return err
	}
	for _, n := range docs {
		if err := dumper.Dump(n); err != nil {
			return err
		}
	}
	return dumper.Close()
}

func kustomize(text []byte) error {
	files := filesys.MakeFsInMemory()
	if err := errors.Join(
		files.WriteFile(filepath.Join("app", "all.yaml"), text),
		files.WriteFile(filepath.Join("app", "kustomization.yaml"), []byte("nameSuffix: -canary\nresources: [all.yaml]\n")),
	); err != nil {
		return err
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "app")
	if err != nil {
		return err
	}
	out, err := built.AsYaml()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

// parsedSize returns the memory of the parsed trees of a text, in MB.
func parsedSize(text []byte) (float64, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	docs, err := parse(text)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(docs)
	return float64(after.HeapAlloc-before.HeapAlloc) / 1e6, err
}

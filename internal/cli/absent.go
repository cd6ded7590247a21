package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/similar"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

// absence says where no release was found.
type absence struct {
	text string
	// wrong means that the place does not exist, so that the command is wrong.
	wrong bool
}

// absent explains why there is no release, or none with a name.
func (f *engineFlags) absent(ctx context.Context, engine wiring.Hub, namespace, name string) (absence, error) {
	context := f.contextWords()
	if namespace == "" {
		return absence{text: "there are no releases in any namespace" + context}, nil
	}
	at, err := survey.FindNamespace(ctx, engine.Cluster(), namespace)
	if err != nil {
		return absence{}, err
	}
	if at.Known && !at.Exists {
		return absence{fmt.Sprintf("the namespace %s does not exist%s%s", namespace, context, meaning(at.Similar)), true}, nil
	}
	doubt := ""
	if !at.Known {
		doubt = "; whether this namespace exists is unknown, because you may not read it"
	}
	if name == "" {
		return absence{text: fmt.Sprintf("there are no releases in namespace %s%s%s; canarize status -A lists those of all namespaces", namespace, context, doubt)}, nil
	}
	others, err := survey.Releases(ctx, engine.Cluster(), namespace, "")
	if err != nil {
		return absence{}, err
	}
	var names []string
	for _, o := range others {
		names = append(names, o.Name)
	}
	return absence{fmt.Sprintf("there is no release %s in namespace %s%s%s%s; canarize status -A lists the releases of all namespaces", name, namespace, context, doubt, meaning(similar.Name(name, names))), true}, nil
}

// meaning names what was probably meant.
func meaning(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("; perhaps you mean %s", name)
}

// contextWords names the context in which was looked.
func (f *engineFlags) contextWords() string {
	if name := f.target.ContextName(); name != "" {
		return fmt.Sprintf(" (context %s)", name)
	}
	return ""
}

// sayAbsent says on stderr where no release was found. A place that does not exist is an error.
func (f *engineFlags) sayAbsent(ctx context.Context, engine wiring.Hub, namespace, name string, streams Streams) error {
	a, err := f.absent(ctx, engine, namespace, name)
	if err == nil && !a.wrong {
		fmt.Fprintln(streams.Err, "canarize: "+codedLine(a.text))
	}
	return a.failure(err)
}

// mustExist returns an error if a namespace does not exist.
func (f *engineFlags) mustExist(ctx context.Context, engine wiring.Hub, namespace, name string) error {
	a, err := f.absent(ctx, engine, namespace, name)
	return a.failure(err)
}

// failure returns err, or an error if the place does not exist.
func (a absence) failure(err error) error {
	switch {
	case err != nil:
		return foreign(err)
	case a.wrong:
		return errors.New(a.text)
	}
	return nil
}

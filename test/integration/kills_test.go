//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarize/canarize/internal/rollout"
)

// kills counts the kills that are left, and their results. All victims share it.
type kills struct {
	mu                        sync.Mutex
	left, done                int
	releases, turned          int // turned: the canary began to fail between two processes
	promoted, rejected, mixed int
	verbs                     map[string]int // kills by verb
	phases                    map[rollout.Phase]int
}

// spend uses up one of the kills that are left, and reports whether there was one.
func (k *kills) spend() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left == 0 {
		return false
	}
	k.left--
	return true
}

func (k *kills) count(change func(*kills)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k)
}

func (k *kills) String() string {
	return fmt.Sprintf("%d kills -9 at random instants over %d releases: %d promoted, %d rejected, %d rejected while stable was being replaced; %d turned bad between two processes; kills by verb %v, and by the phase that was found then %v",
		k.done, k.releases, k.promoted, k.rejected, k.mixed, k.turned, k.verbs, k.phases)
}

// testKills kills canarize at random instants of whole releases, and runs it again until
// the release has ended. Healthy versions are promoted, failing ones are not, and no object
// of a canary is left. CANARIZE_KILLS sets the number of kills.
func (s suite) testKills(t *testing.T) {
	n := 10
	if text := os.Getenv("CANARIZE_KILLS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("CANARIZE_KILLS=%s: expected a number of kills", text)
		}
	}
	k := &kills{left: n, verbs: map[string]int{}, phases: map[rollout.Phase]int{}}
	t.Run("lanes", func(t *testing.T) {
		for lane := range uint64(4) {
			t.Run(fmt.Sprintf("kills %d", lane), func(t *testing.T) {
				t.Parallel()
				sh := newShop(t, s.site(t))
				v := victims{shop: sh, users: newUsers(t, sh), kills: k, random: rand.New(rand.NewPCG(14, lane)), stable: "v1"}
				for n := 0; !t.Failed() && k.some(); n++ {
					v.release(t, fmt.Sprintf("r%d", n))
				}
			})
		}
	})
	t.Log(k)
	if !t.Failed() && k.done != n {
		t.Errorf("%d kills, expected %d", k.done, n)
	}
}

func (k *kills) some() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.left > 0
}

// victims are the processes of consecutive releases in a namespace.
type victims struct {
	shop
	users  *users
	kills  *kills
	random *rand.Rand
	stable string // the tag of the stable version
	bad    bool   // the canary fails
}

// The processes of one release are killed leastKills to mostKills times.
const leastKills, mostKills = 2, 4

// release releases a version, by a run or step by step, and checks how it ended.
func (v *victims) release(t *testing.T, tag string) {
	t.Helper()
	v.bad = false
	left := leastKills + v.random.IntN(mostKills-leastKills+1)
	commands := [][]string{v.users.run(t, tag, "")}
	if v.random.IntN(3) == 0 {
		commands = [][]string{v.deploy(t, tag), shift("10"), shift("50"), promote}
		if v.random.IntN(2) == 0 {
			commands[3] = reject
		}
	} else {
		v.bad = v.random.IntN(4) == 0
	}
	v.users.set(func(u *users) { u.bad = map[bool]float64{true: 1}[v.bad] })
	v.kills.count(func(k *kills) { k.releases++ })
	aim := v.random.IntN(len(commands)) // the next command to kill
	for i, args := range commands {
		for {
			o, killed := v.try(t, left > 0 && i >= aim, args)
			if killed {
				left, aim = left-1, i+v.random.IntN(len(commands)-i)
			}
			if killed && v.between(t, tag, args) {
				return
			}
			if killed {
				continue
			}
			v.over(t, tag, args, o)
			break
		}
		if t.Failed() {
			return
		}
	}
}

// lasts has the approximate durations of undisturbed commands.
var lasts = map[string]time.Duration{
	"run": 5 * time.Second, "deploy": 600 * time.Millisecond, "shift": 800 * time.Millisecond,
	"promote": 500 * time.Millisecond, "reject": 400 * time.Millisecond,
}

// instant waits for the instant at which a command is killed. The end of a run is short, so
// every other time the instant is after the end has begun.
func (v *victims) instant(ctx context.Context, verb string, heard *transcript) {
	most := lasts[verb]
	if verb == "run" && v.random.IntN(2) == 0 {
		most = 500 * time.Millisecond
		for ctx.Err() == nil && !strings.Contains(heard.String(), " promote ") && !strings.Contains(heard.String(), " reject") {
			v.sleep(ctx, 5*time.Millisecond)
		}
	}
	v.sleep(ctx, time.Duration(v.random.Int64N(int64(most))))
}

func (v *victims) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// try runs a command, and kills it at a random instant if aimed.
func (v *victims) try(t *testing.T, aimed bool, args []string) (o outcome, killed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("not finished within two minutes"))
	defer cancel()
	cmd := v.command(ctx, args...)
	var heard transcript
	cmd.Stdout, cmd.Stderr = &heard, &heard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, over := context.WithCancel(ctx)
	go func() {
		defer over()
		_ = cmd.Wait() // the exit code says more
	}()
	if aimed && v.kills.spend() {
		v.instant(ended, args[0], &heard)
		_ = cmd.Process.Kill() // an error means that it has just ended
		<-ended.Done()
		if killed = !cmd.ProcessState.Exited(); !killed {
			v.kills.count(func(k *kills) { k.left++ })
		}
	}
	<-ended.Done()
	if ctx.Err() != nil {
		t.Fatalf("canarize %q: %v\n%s", args, context.Cause(ctx), heard.String())
	}
	return outcome{code: cmd.ProcessState.ExitCode(), err: heard.String()}, killed
}

// between acts between a killed process and the next one. It removes the lock, for which
// the next one would wait. It may make the canary fail. Or it may reject the release
// instead of running the command again; then the release is over.
func (v *victims) between(t *testing.T, tag string, args []string) (over bool) {
	t.Helper()
	err := v.dynamic.Resource(leases).Namespace(v.namespace).Delete(t.Context(), "canarize-shop", metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	var phase rollout.Phase
	if v.get(t, v.ref("", "ConfigMap", "canarize-shop")) != nil {
		if s := v.state(t); strings.HasSuffix(imageOfState(s), ":"+tag) { // of this release, not of the last one
			phase = s.Phase
		}
	}
	v.kills.count(func(k *kills) { k.done++; k.verbs[args[0]]++; k.phases[phase]++ })
	if phase == rollout.Promoted || phase == rollout.Retiring { // running again would release it once more
		v.stable = tag
	}
	if v.bad || phase != rollout.Promoting {
		v.isStable(t, v.stable)
	}
	early := slices.Contains([]rollout.Phase{rollout.None, rollout.Deploying, rollout.Standing, rollout.Shifting}, phase)
	if args[0] == "run" && early && v.random.IntN(3) == 0 && !v.bad {
		v.bad = true
		v.users.set(func(u *users) { u.bad = 1 })
		v.kills.count(func(k *kills) { k.turned++ })
	}
	if phase.Active() && v.random.IntN(6) == 0 {
		v.stable = v.rejected(t, v.stable, tag)
		mixed := v.state(t).Mixed
		v.kills.count(func(k *kills) {
			switch {
			case v.stable == tag && !mixed:
				k.promoted++
			case mixed:
				k.mixed++
			default:
				k.rejected++
			}
		})
		if mixed { // as the message says: apply the old version's manifests
			v.stable = "v1"
			for _, object := range strings.Split(v.text, "---") {
				v.apply(t, object)
			}
		}
		return true
	}
	return false
}

func imageOfState(s rollout.State) string {
	if len(s.Images) == 0 {
		return ""
	}
	return s.Images[0].Image
}

// over checks how a command that was not killed ended.
func (v *victims) over(t *testing.T, tag string, args []string, o outcome) {
	t.Helper()
	want, ends := 0, ""
	switch {
	case args[0] == "run" && v.bad:
		want, ends = 3, v.stable
	case args[0] == "run", args[0] == "promote":
		ends = tag
	case args[0] == "reject":
		ends = v.stable
	}
	if o.code != want {
		t.Errorf("%s: canarize %q: exit code %d, expected %d; the canary fails: %t\n%s", tag, args, o.code, want, v.bad, o.err)
	}
	if ends == "" {
		return
	}
	v.check(t, ends, -1)
	v.kills.count(func(k *kills) {
		if ends == tag {
			k.promoted++
		} else {
			k.rejected++
		}
	})
	v.stable = ends
}

func (v *victims) isStable(t *testing.T, tag string) {
	t.Helper()
	if got := imageOf(v.get(t, v.ref("apps", "Deployment", "shop"))); got != "registry.example.com/shop:"+tag {
		t.Errorf("stable is %s, expected version %s", got, tag)
	}
}

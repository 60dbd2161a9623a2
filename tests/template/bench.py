"""What runs cost: hookline-ci-go beside the stock behaviour of ci-go-v1, on the same machine in the same run.

Wall time is that of the steps one after the other, as Argo would start them; CPU is the whole machine's, so nothing else should run.
"""

import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from template.pods import Run
from template.repositories import Repository
from template.supplies import GO
from template.world import FOLDER, Site, World

MODULES = Path(__file__).parent / "modules/service"
COMMITS = 10_000
MAIN = """package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// Greeting is what a change changes.
const Greeting = "hello"

// Router has the service's one page.
func Router() *gin.Engine {
	router := gin.New()
	router.GET("/", func(c *gin.Context) { c.String(http.StatusOK, Greeting) })
	router.GET("/metrics", gin.WrapH(promhttp.Handler()))
	return router
}

func main() {
	command := &cobra.Command{Use: "service", RunE: func(*cobra.Command, []string) error {
		logger, err := zap.NewProduction()
		if err != nil {
			return err
		}
		pool, err := pgxpool.New(context.Background(), viper.GetString("database"))
		if err != nil {
			return err
		}
		defer pool.Close()
		_ = redis.NewClient(&redis.Options{})
		_ = sdktrace.NewTracerProvider()
		_ = grpc.NewServer()
		_ = jwt.New(jwt.SigningMethodHS256)
		logger.Info("serving")
		return Router().Run()
	}}
	if err := command.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
"""
TEST = """package main

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPage(t *testing.T) {
	answer := httptest.NewRecorder()
	Router().ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, Greeting, answer.Body.String())
}
"""
# With cache mounts, as Docker's own guide for Go has them.
DOCKERFILE = """FROM {registry}/base/go:1 AS build
ENV GOPROXY=http://127.0.0.1:8081 GONOSUMDB=* CGO_ENABLED=0 GOFLAGS=-modcacherw
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/root/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/root/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build go build -o /service .

FROM scratch
COPY --from=build /service /service
ENTRYPOINT ["/service"]
"""


def busy() -> float:
    """CPU seconds of the machine so far."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / 100


def files(folder: Path) -> dict[int, int]:
    """Inode → bytes of a folder's files."""
    return {
        path.stat().st_ino: path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def push_go(world: World) -> None:
    """A base image with Go and a shell, for the service's Dockerfile."""
    busybox = BytesIO()
    with tarfile.open(fileobj=busybox, mode="w") as archive:
        for name in ("bin", "tmp", "root", "etc", "etc/ssl", "etc/ssl/certs"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
        archive.add(world.supplies.root / "bin/busybox", "bin/busybox")
        for name in ("sh", "mkdir", "cat"):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    go = BytesIO()
    with tarfile.open(fileobj=go, mode="w") as archive:
        archive.add(
            world.supplies.go[GO],
            "usr/local/go",
            filter=lambda entry: None if "/go/test" in entry.name else entry,
        )
    for registry in (world.registry, world.plain_registry):
        registry.push(
            "base/go", "1", [busybox.getvalue(), go.getvalue()],
            {"Env": ["PATH=/usr/local/go/bin:/bin", "HOME=/root", "GOTOOLCHAIN=local"]},
        )  # fmt: skip


def service(site: Site) -> None:
    """Make the site's repository a service of 58 modules."""
    site.repository.commit(
        {
            **dict.fromkeys(("main_test.go", "testdata/text.txt")),
            "go.mod": (MODULES / "go.mod").read_text(),
            "go.sum": (MODULES / "go.sum").read_text(),
            "main.go": MAIN,
            "service_test.go": TEST,
            "Dockerfile": DOCKERFILE.format(registry=site.registry.name),
            ".dockerignore": ".git\n",
        }
    )


def measured(run: Callable[[], Run]) -> tuple[Run, float]:
    """A run with the machine's CPU seconds."""
    before = busy()
    ended = run()
    if not ended.succeeded:
        raise SystemExit(f"a run failed:\n{ended.log[-4_000:]}")
    return ended, busy() - before


def line(title: str, run: Run, cpu: float, bytes_written: int | None = None) -> tuple[float, float]:
    """Print one figure; its wall and CPU seconds."""
    wall = sum(step.seconds for step in run.steps.values())
    steps = "  ".join(f"{name} {step.seconds:6.1f}" for name, step in run.steps.items())
    volume = "" if bytes_written is None else f"  volume +{bytes_written / 1e6:7.1f} MB"
    print(f"  {title:34} wall {wall:7.1f} s  CPU {cpu:7.1f} s   ({steps}){volume}", flush=True)
    return wall, cpu


def runs(world: World) -> None:
    """Cold, warm, one file changed."""
    print("A service of 58 modules, from checkout to pushed image:")
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for template in ("ci-go-v1", "hookline-ci-go"):
        site = world.site(template)
        service(site)
        print(template)
        figures = found[template] = {}
        for title, change in (
            ("cold", None),
            ("warm, nothing changed", None),
            ("one file changed", "hello again"),
        ):
            if change is not None:
                site.repository.commit({"main.go": MAIN.replace('"hello"', f'"{change}"')})
            before = files(site.namespace.volume)
            run, cpu = measured(site.run)
            after = files(site.namespace.volume)
            figures[title] = line(
                title, run, cpu, sum(size for inode, size in after.items() if inode not in before)
            )
        total = sum(files(site.namespace.volume).values())
        print(f"  {'on the volume afterwards':34} {total / 1e6:.1f} MB")
    for title in found["ci-go-v1"]:
        stock, ours = found["ci-go-v1"][title], found["hookline-ci-go"][title]
        print(
            f"stock / hookline-ci-go, {title:22} wall {stock[0] / ours[0]:5.2f} x   CPU {stock[1] / ours[1]:5.2f} x"
        )


def history(repository: Repository) -> None:
    """10,000 commits over 2,000 files."""
    stream = []
    for number in range(COMMITS):
        text = f"package p{number % 2_000}\n\n// Version {number}\n" + "// a line of source\n" * 40
        stream.append(
            f"commit refs/heads/main\ncommitter a <a@example.test> {1_700_000_000 + number} +0000\ndata 8\na change\n"
            + ("from refs/heads/main^0\n" if number == 0 else "")
            + f"M 644 inline p{number % 2_000 // 50}/f{number % 2_000}.go\ndata {len(text)}\n{text}\n"
        )
    subprocess.run(
        ["git", f"--git-dir={repository.bare}", "fast-import", "--quiet"],
        input="".join(stream).encode(),
        check=True,
    )
    subprocess.run(["git", f"--git-dir={repository.bare}", "gc", "--quiet"], check=True)
    repository.git("fetch", "-q", "origin")
    repository.git("checkout", "-q", "main")
    repository.git("reset", "-q", "--hard", "origin/main")


def checkouts(world: World) -> None:
    """git-checkout-pr of a long history."""
    print(f"Checkout of a repository of {COMMITS:,} commits and 2,000 files:")
    for template in ("ci-go-v1", "hookline-ci-go"):
        site = world.site(template)
        history(site.repository)
        print(template)
        for title in ("first", "again, nothing new", "one new commit", "one new commit", "one new commit"):
            if "new commit" in title:
                site.repository.commit({})
            before = files(site.namespace.volume)
            run, cpu = measured(lambda site=site: site.run(only=("git-checkout-pr",)))  # type: ignore[misc]
            after = files(site.namespace.volume)
            line(title, run, cpu, sum(size for inode, size in after.items() if inode not in before))


def main() -> None:
    """Print everything."""
    world = World()
    push_go(world)
    began = time.monotonic()
    checkouts(world)
    runs(world)
    print(f"({time.monotonic() - began:.0f} s in all)")
    world.stop()
    shutil.rmtree(FOLDER / "sites", ignore_errors=True)


if __name__ == "__main__":
    main()

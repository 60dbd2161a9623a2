"""Runs a template's Workflows as Argo and a kubelet do, as far as its steps can tell: real containers, one a step, by podman.

What Argo does is short here: parameters are put in as text of the manifest (Argo replaces in its JSON), a step's `when` is comparisons
with && between them, outputs are files. tests/cluster asks the real controller the same. What a kubelet does: environment with its $(NAME)
rule, mounts with subPath and readOnly, users, a deadline.

The volume behaves as NFSv3 mounted with nolock: flock and fcntl locks succeed and exclude nobody (a seccomp profile), since
each pod would be a client of its own.
"""

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from template.servers import HOST, ModuleProxy
from template.supplies import GO, STOCK_GO, Supplies

__all__ = ["Namespace", "Run", "Step"]

_GIVEN_UP = b"from DB: no such exit code"
"""On a busy machine podman's run may end before podman knows how its container ended (containers/podman issue 18860)."""
_numbers = itertools.count(1)
RUNTIME_DEFAULT = Path("/usr/share/containers/seccomp.json")
"""podman's own profile, close to what container runtimes call their default."""
_ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    "git": {"PATH": "/opt/busybox:/usr/bin:/bin"},
    "go": {
        "PATH": "/usr/local/go/bin:/usr/bin:/bin",
        "GOPATH": "/go",
        "GOTOOLCHAIN": "local",
        # What a cluster without the way out would set; the stock template has no word for it.
        "GOPROXY": ModuleProxy.url,
        "GONOSUMDB": "*",
    },
    "buildkit": {
        "PATH": "/opt/buildkit:/opt/busybox:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "USER": "user",
        "HOME": "/home/user",
        "XDG_RUNTIME_DIR": "/run/user/1000",
        "TMPDIR": "/home/user/.local/tmp",
        "BUILDKIT_HOST": "unix:///run/user/1000/buildkit/buildkitd.sock",
    },
}
"""What the images set."""


def _no_locks(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A seccomp profile in which flock and fcntl's locking commands answer 0 and do nothing.

    Args:
        profile: What else is allowed.
    """
    quiet = {"action": "SCMP_ACT_ERRNO", "errnoRet": 0}
    locking = {6, 7, 37, 38}  # F_SETLK, F_SETLKW, and the same of open file descriptions
    # Rules for one call must not overlap, so that every other command is named.
    others = sorted({*range(17), 36, *range(1024, 1044)} - locking)
    allowed = [
        {**rule, "names": [name for name in rule["names"] if name not in {"flock", "fcntl"}]}
        for rule in profile.get("syscalls", [])
    ]
    return {
        **profile,
        "syscalls": [
            *allowed,
            {"names": ["flock"], **quiet},
            *_of_fcntl(locking, quiet),
            *(
                _of_fcntl(others, {"action": "SCMP_ACT_ALLOW"})
                if profile["defaultAction"] != "SCMP_ACT_ALLOW"
                else ()
            ),
        ],
    }


def _of_fcntl(commands: Iterable[int], answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"names": ["fcntl"], **answer, "args": [{"index": 1, "value": each, "op": "SCMP_CMP_EQ"}]}
        for each in commands
    ]


@dataclass(slots=True)
class Step:
    """One pod that ended."""

    name: str
    exit_code: int
    log: str
    outputs: Mapping[str, str]
    seconds: float
    reports: Mapping[str, str] = field(default_factory=dict)
    """What it left as artifacts, by file name."""


@dataclass(slots=True)
class Run:
    """One Workflow that ended."""

    steps: dict[str, Step] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether every step did that ran."""
        return all(step.exit_code == 0 for step in self.steps.values())

    @property
    def log(self) -> str:
        """Of all steps."""
        return "\n".join(f"--- {step.name}\n{step.log}" for step in self.steps.values())

    def output(self, step: str, name: str) -> str:
        """An output parameter."""
        return self.steps[step].outputs[name]


class Namespace:
    """Where Workflows run: one volume, the Secrets and ConfigMaps that pods may mount."""

    def __init__(self, folder: Path, supplies: Supplies) -> None:
        self.folder = folder
        self.supplies = supplies
        self.volume = folder / "volume"
        self.volume.mkdir(parents=True)
        self.files: dict[str, dict[str, bytes]] = {}
        """Secrets and ConfigMaps by name."""
        self._podman = (
            "podman", "--root", str(folder / "podman"), "--runroot", str(folder / "podman-run"),
            "--runtime", "runc", "--cgroup-manager", "cgroupfs",
        )  # fmt: skip
        self._profiles = {"": folder / "no-locks.json", "RuntimeDefault": folder / "runtime-default.json"}
        """By the type of a seccompProfile."""
        self._profiles[""].write_text(json.dumps(_no_locks({"defaultAction": "SCMP_ACT_ALLOW"})))
        usual = json.loads(RUNTIME_DEFAULT.read_text("utf-8"))
        self._profiles["RuntimeDefault"].write_text(json.dumps(_no_locks(usual)))

    def run(
        self,
        manifest: Mapping[str, Any],
        arguments: Mapping[str, str],
        *,
        kill: tuple[str, float | threading.Event] | None = None,
        only: Sequence[str] = (),
        after: Mapping[str, Callable[[], object]] | None = None,
        one_pod: bool = False,
    ) -> Run:
        """One Workflow.

        Args:
            manifest: The template.
            arguments: Of the Workflow; the others have their defaults.
            kill: A step, and when its pod goes: after so many seconds, or just after the event is set.
            only: Steps to run; the others count as skipped.
            after: What to do when a step has ended.
            one_pod: Whether the steps are containers of one pod.
        """
        spec = manifest["spec"]
        declared = {item["name"]: str(item["value"]) for item in spec["arguments"]["parameters"]}
        unknown = arguments.keys() - declared.keys()
        if unknown:
            raise AssertionError(f"the template has no parameter {', '.join(unknown)}")
        values = {
            f"workflow.parameters.{name}": value for name, value in (declared | dict(arguments)).items()
        }
        templates = {each["name"]: each for each in spec["templates"]}
        run = Run()
        if one_pod:
            self._set(run, templates, _filled(spec["volumes"], values), values, kill, only, after or {})
            return run
        for task in templates[spec["entrypoint"]]["dag"]["tasks"]:
            before = task.get("depends")
            if before and before in run.steps and run.steps[before].exit_code != 0:
                break
            if "when" in task and not all(_true(part, values) for part in task["when"].split("&&")):
                continue
            template = templates[task["template"]]
            inputs = {
                f"inputs.parameters.{item['name']}": _filled(item["value"], values)
                for item in task.get("arguments", {}).get("parameters", [])
            }
            if only and task["name"] not in only:
                continue
            step = self._pod(
                task["name"],
                _filled(
                    {key: part for key, part in template.items() if key not in _OF_THE_POD}, values | inputs
                ),
                _filled(spec["volumes"], values),
                kill[1] if kill is not None and kill[0] == task["name"] else None,
            )
            run.steps[task["name"]] = step
            if after is not None and task["name"] in after:
                after[task["name"]]()
            for name, value in step.outputs.items():
                values[f"tasks.{task['name']}.outputs.parameters.{name}"] = value
        return run

    def _set(
        self,
        run: Run,
        templates: Mapping[str, Any],
        volumes: Any,
        values: Mapping[str, str],
        kill: tuple[str, float | threading.Event] | None,
        only: Sequence[str],
        after: Mapping[str, Callable[[], object]],
    ) -> None:
        """The steps as containers of one pod, in their order, as Argo's emissary lets them begin; `main` has the outputs of all."""
        template = templates["one-pod"]
        shared = self.folder / "pods" / f"of-several-{next(_numbers)}"
        codes = shared / "argo"
        argo = {"name": "var-run-argo", "mountPath": "/var/run/argo"}
        beside = {
            "volumes": [*_filled(template["volumes"], values), {"name": argo["name"], "emptyDir": {}}],
            "outputs": {},
        }
        for container in template["containerSet"]["containers"]:
            name = container["name"]
            awaited = container.get("dependencies", [])
            if any((codes / f"ctr/{each}/exitcode").read_text() != "0" for each in awaited):
                code = 64
            elif only and name not in (*only, "main"):
                code = 0
            else:
                filled = _filled(container, values)
                filled["volumeMounts"].append(argo)
                one = {**beside, "container": filled}
                if name == "main":
                    one["outputs"] = template["outputs"]
                moment = kill[1] if kill is not None and kill[0] == name else None
                step = self._pod(name, one, volumes, moment, shared)
                code = step.exit_code
                if name == "main":
                    self._hand_over(run, step, templates)
                elif "Nothing to do: " not in step.log:
                    run.steps[name] = step
                if name in after:
                    after[name]()
            (codes / f"ctr/{name}").mkdir(parents=True)
            (codes / f"ctr/{name}/exitcode").write_text(str(code))
        shutil.rmtree(shared, ignore_errors=True)

    @staticmethod
    def _hand_over(run: Run, collected: Step, templates: Mapping[str, Any]) -> None:
        """Give each step the outputs that it has in a pod of its own, from those of the one pod."""
        if collected.exit_code != 0:
            raise AssertionError(f"main failed: {collected.log}")
        for step in run.steps.values():
            names = [each["name"] for each in templates[step.name]["outputs"]["parameters"]]
            step.outputs = {
                name: collected.outputs[name]
                for name in names
                if step.exit_code == 0 or collected.outputs[name]
            }
            if step.name == "run-test":
                step.reports = collected.reports

    def _pod(
        self,
        name: str,
        template: Any,
        volumes: Any,
        kill_after: float | threading.Event | None,
        shared: Path | None = None,
    ) -> Step:
        number = next(_numbers)
        pod = self.folder / "pods" / str(number)
        container = template["container"]
        image = (
            "go"
            if "golang" in container["image"]
            else "buildkit"
            if "buildkit" in container["image"]
            else "git"
        )
        context = container.get("securityContext", {})
        user = f"{context.get('runAsUser', 0)}:{context.get('runAsGroup', 0)}"
        named = f"pod-{os.getpid()}-{number}"
        command = [
            *self._podman, "run", "--name", named, "--hostname", f"pod-{number}",
            "--network", "host", "--user", user, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=8192:8192",
            "--no-hosts", "--log-driver", "none",
        ]  # fmt: skip
        confinement = context.get("seccompProfile", {}).get("type", "")
        profile = "unconfined" if confinement == "Unconfined" else self._profiles[confinement]
        command += ["--security-opt", f"seccomp={profile}"]
        if context.get("allowPrivilegeEscalation") is False:
            command += ["--security-opt", "no-new-privileges"]
        capabilities = context.get("capabilities", {})
        for option in ("drop", "add"):
            command += [f"--cap-{option}={each}" for each in capabilities.get(option, [])]
        if context.get("runAsNonRoot") and not context.get("runAsUser"):
            raise AssertionError("a kubelet would refuse a pod that runs as root")
        # podman gives an ordinary user what is added; from a kubelet such a user can only gain it by a program that is setuid.
        gained = ["--ambient-caps=-all", "--inh-caps=-all"] if context.get("runAsUser") else []
        start = ["/usr/bin/setpriv", *gained, "--"] if gained else []
        for key, value in {**_ENVIRONMENT[image], **_environment(container.get("env", []))}.items():
            command += ["--env", f"{key}={value}"]
        for source, place, options in self._mounts(pod, template, volumes, image, shared):
            command += ["--volume", f"{source}:{place}:{options}"]
        command += ["--rootfs", f"{self.supplies.root}:O", *start, *container["command"], *container["args"]]
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        ended = threading.Event()
        if kill_after is not None:
            arguments = (named, kill_after, ended)
            threading.Thread(target=self._kill_in_time, args=arguments, daemon=True).start()
        try:
            log, _ = process.communicate(timeout=1200)
        finally:
            ended.set()
            if process.poll() is None:  # a test that took too long leaves no pod to the next one
                self._kill(named)
                process.kill()
                process.communicate()
        seconds = time.monotonic() - started
        exit_code = process.returncode
        if _GIVEN_UP in log:
            waited = subprocess.run([*self._podman, "wait", named], check=True, capture_output=True)
            exit_code = int(waited.stdout)
        subprocess.run([*self._podman, "rm", "--force", named], check=False, capture_output=True)
        outputs = self._outputs(pod, template, exit_code)
        reports = {path.name: path.read_text("utf-8") for path in (pod / "tmp/reports").glob("*")}
        shutil.rmtree(pod, ignore_errors=True)
        return Step(name, exit_code, log.decode("utf-8", "replace"), outputs, seconds, reports)

    def _kill_in_time(self, name: str, moment: float | threading.Event, ended: threading.Event) -> None:
        if isinstance(moment, threading.Event):
            while not ended.is_set() and not moment.wait(0.01):
                pass
            ended.wait(0.5)  # the step does something with what it has just got
        else:
            ended.wait(moment)
        if not ended.is_set():
            self._kill(name)

    def _kill(self, name: str) -> None:
        subprocess.run([*self._podman, "kill", "--signal", "KILL", name], check=False, capture_output=True)

    def _mounts(
        self, pod: Path, template: Any, volumes: Any, image: str, shared: Path | None
    ) -> list[tuple[Path, str, str]]:
        """Source, place and options of every mount; outer places come first."""
        of_pod = pod if shared is None else shared
        found: list[tuple[Path, str, str]] = []
        sources: dict[str, Path] = {}
        for volume in [*volumes, *template.get("volumes", [])]:
            if "persistentVolumeClaim" in volume:
                sources[volume["name"]] = self.volume
                continue
            folder = sources[volume["name"]] = (
                of_pod / "argo" if volume["name"] == "var-run-argo" else of_pod / "volumes" / volume["name"]
            )
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
            reference = volume.get("secret") or volume.get("configMap")
            if reference is not None:
                name = reference.get("secretName") or reference["name"]
                if name not in self.files and not reference.get("optional"):
                    raise AssertionError(f"the pod would stay pending: there is no {name}")
                for key, content in self.files.get(name, {}).items():
                    (folder / key).write_bytes(content)
        for mount in template["container"].get("volumeMounts", []):
            source = sources[mount["name"]] / mount.get("subPath", "")
            if mount.get("subPath") and not source.exists():
                # As a kubelet does: with the mode of the volume's own folder.
                mode = sources[mount["name"]].stat().st_mode & 0o7777
                for folder in (*reversed(source.parents), source):
                    if folder.is_relative_to(sources[mount["name"]]) and not folder.exists():
                        folder.mkdir()
                        folder.chmod(mode)
            found.append((source, mount["mountPath"], "ro" if mount.get("readOnly") else "rw"))
        temporary = pod / "tmp"
        temporary.mkdir(parents=True)
        temporary.chmod(0o1777)
        hosts = pod / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {HOST}\n")
        found += [(temporary, "/tmp", "rw"), (hosts, "/etc/hosts", "ro")]
        if image == "go":
            old = "1.22" in template["container"]["image"]
            found.append((self.supplies.go[STOCK_GO if old else GO], "/usr/local/go", "ro"))
        if image == "buildkit":
            old = "v0.13" in template["container"]["image"]
            found.append((self.supplies.buildkit["0.13" if old else "0.33"], "/opt/buildkit", "ro"))
            state = pod / "state"
            state.mkdir()
            os.chown(state, 1000, 1000)
            # The image declares it as a volume, so that container engines keep it off their overlay.
            if not any(place == "/home/user/.local/share/buildkit" for _, place, _ in found):
                found.append((state, "/home/user/.local/share/buildkit", "rw"))
        return sorted(found, key=lambda each: each[1])

    def _outputs(self, pod: Path, template: Any, exit_code: int) -> dict[str, str]:
        found = {}
        for item in template.get("outputs", {}).get("parameters", []):
            source = item["valueFrom"]
            if not source["path"].startswith("/tmp/"):
                raise AssertionError("outputs are looked for below /tmp")
            path = pod / source["path"].lstrip("/")
            if path.is_file():
                found[item["name"]] = path.read_text("utf-8")
            elif "default" in source:
                found[item["name"]] = source["default"]
            elif exit_code == 0:
                raise AssertionError(f"Argo would fail the step: no output {item['name']}")
        return found


_KEY = "=workflow.parameters.repo_name + '-' + sprig.sha256sum(workflow.parameters.repo_url)[:12]"
"""The one expression in a field of a container."""
_OF_THE_POD = {"podSpecPatch", "metadata"}
"""Size and annotations of a pod, which containers here do not have; tests/cluster/test_sizes.py asks the real controllers."""


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """Argo's substitution: in the JSON of a template, so that a value can never change its structure."""
    text = json.dumps(value, ensure_ascii=False)

    def of(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name == _KEY:
            url = hashlib.sha256(values["workflow.parameters.repo_url"].encode()).hexdigest()
            return f"{values['workflow.parameters.repo_name']}-{url[:12]}"
        if name not in values:
            raise AssertionError(f"Argo would refuse {{{{{name}}}}}")
        return json.dumps(values[name], ensure_ascii=False)[1:-1]

    return json.loads(re.sub(r"\{\{([^}]*)\}\}", of, text))


def _true(text: str, values: Mapping[str, str]) -> bool:
    """A comparison: of texts that Argo has filled in, or an expression of one output."""
    output = re.fullmatch(
        r"\s*\{\{=tasks\['([\w-]+)'\]\.outputs\.parameters\['([\w-]+)'\] == '(.*)'\}\}\s*", text
    )
    if output is not None:
        return values[f"tasks.{output[1]}.outputs.parameters.{output[2]}"] == output[3]
    match = re.fullmatch(r"\s*'?(.*?)'?\s*(==|!=)\s*'?(.*?)'?\s*", _filled(text, values))
    if match is None:
        raise AssertionError(f"a condition of another form: {text}")
    return (match[1] == match[3]) == (match[2] == "==")


def _environment(declared: list[dict[str, str]]) -> dict[str, str]:
    """A kubelet's rule: $(NAME) of an earlier variable is replaced, $$ is one $, anything else stays."""
    found: dict[str, str] = {}
    for item in declared:

        def of(match: re.Match[str]) -> str:
            if match[0] == "$$":
                return "$"
            return found.get(match[1], match[0])

        found[item["name"]] = re.sub(r"\$\$|\$\(([^()]*)\)", of, str(item.get("value", "")))
    return found

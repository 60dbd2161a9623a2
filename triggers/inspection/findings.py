"""Findings: what a template lacks when events start it, read from its manifest alone."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from triggers.image_references import is_pinned
from triggers.inspection.capabilities import (
    pushes_latest,
    role_annotation,
    roles,
    values_in_conditions,
)
from triggers.inspection.contract import PARAMETERS, STEPS
from triggers.inspection.parts import Anatomy, Step
from triggers.inspection.sizes import sizes
from triggers.inspection.values import flow
from triggers.inspection.words import listed
from triggers.shipped import shipped_names
from triggers.words import CONCURRENT_ANNOTATION

__all__ = ["CODES", "Finding", "findings"]

CODES: Mapping[str, str] = {
    "PASTED_PARAMETERS": "Values of parameters become text of a script, so a branch name can run a command.",
    "NO_COMMIT_PARAMETER": "It builds the head of a branch, not the commit of the event; it cannot build tags, commits and pull requests.",
    "ALWAYS_PUSHES": "No parameter keeps a run from pushing its image, so requests overwrite the image of merged commits.",
    "SHARED_CHECKOUT": "Runs of one repository share a working tree, so they have to wait for each other (hookline's mutex).",
    "CHECKOUT_BLOCKS": "After a forced push, a tag or a killed run, every later run fails because of the checkout that is left.",
    "STALE_CHECKOUT": "The working tree can be older than the commit in the image's name.",
    "INLINE_TASKS": "Tasks are written inline, so a retry that is set from outside makes every run fail.",
    "NO_RETRY": "The template does not retry a step whose pod was reclaimed or deleted.",
    "NO_DEADLINE": "A step has no time limit.",
    "TESTS_SKIP_SILENTLY": "Every other spelling of true skips the tests, and the run still succeeds.",
    "LATEST_ALWAYS": "Every run moves :latest, also that of another branch or an old commit.",
    "ONE_CACHE": "All branches write the same image cache, and replace what the others wrote.",
    "CACHE_FAILS_BUILD": "A build fails if its image cache cannot be written.",
    "IMAGE_NOT_PINNED": "The image of a step has no digest, so a moved tag changes what runs.",
    "INSTALLS_AT_RUN_TIME": "A step installs packages in every run.",
    "INSECURE_REGISTRY": "The registry is not verified: it may use plain HTTP or any certificate.",
    "PLAIN_HTTP_PROXY": "Go modules come over plain HTTP.",
    "BUILD_ARGUMENT_DROPPED": "The build argument GOPROXY is given without --opt, so it has no effect.",
    "GOCACHE_NOT_KEPT": "Go compiles everything again in every run.",
    "NO_CACHE_NUMBERS": "Steps report no cache numbers; the exporter can only read their logs.",
    "VOLUME_WRITABLE_BY_TESTS": "Tests can write the whole volume: other repositories and their caches.",
    "TOKEN_IN_STEP": "A step asks for a token of Kubernetes, whatever the Workflow says: the code that it runs holds it.",
    "KEEPS_CAPABILITIES": "A step may do what a container runtime lets root do, such as make devices and change owners of files.",
    "NO_MEMORY_LIMIT": "A step may take the memory that others on its node need.",
    "NO_GIT_CREDENTIALS": "The checkout has no credentials: private repositories cannot be built.",
    "OTHER_TEMPLATES": "It runs parts of other workflow templates, which hookline did not check.",
    "CONTRACT_BROKEN": "It has the name of ci-go-v1 or hookline-ci-go, and lacks parameters or steps of that template.",
}
"""Code → what it means; codes are never renamed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a template lacks, in one sentence about this template."""

    code: str
    sentence: str


def findings(template: Anatomy) -> tuple[Finding, ...]:
    """Everything that it lacks, in the order of CODES."""
    found = []
    for code in CODES:
        sentence = _CHECKS[code](template)
        if sentence:
            found.append(Finding(code, sentence))
    return tuple(found)


# A manifest may be hostile: none of these takes more time than the text is long, so what may repeat is bounded.
_WORD = r"(?:\"[^\"\n]{0,120}\"|'[^'\n]{0,120}'|\{\{[^}\n]{0,120}\}\}|\S{1,120})"
_GIT = rf"\bgit(?:\s+(?:-[Cc]\s+{_WORD}|--[a-z-]{{1,30}}(?:={_WORD})?)){{0,4}}\s+"
_CHECKS_OUT = re.compile(_GIT + r"(?:clone|pull|checkout)\b")
_PULL = re.compile(_GIT + r"pull\b")
_CLONE = re.compile(_GIT + r"clone\b")
_FETCHES = re.compile(_GIT + r"(?:clone|pull|fetch|ls-remote)\b")
_HEALS = re.compile(r"\breset\s+--hard\b|\brm\s+-[a-z]{0,9}r|" + _GIT + r"clean\b")
_RUNS_GO = re.compile(r"\bgo\s+(?:test|build|vet)\b")
_TESTS = re.compile(r"\bgo\s+test\b")
_EXPORT = re.compile(r"--export-cache[=\s]+(\"[^\"\n]*\"|'[^'\n]*'|\S+)")
_INSTALLS = re.compile(
    r"\b(apk\s+(?:-\S{1,80}\s+){0,8}add|apt(?:-get)?\s+(?:-\S{1,80}\s+){0,8}install|(?:yum|dnf|microdnf)\s+(?:-\S{1,80}\s+){0,8}install)\b"
)
_INSECURE = re.compile(r"registry\.insecure=true|--insecure(?:-registry|-pull|-policy)?\b|tls-verify=false")
_PLAIN_PROXY = re.compile(r"\bGOPROXY=[\"']?http://")
_PROXY_ARGUMENT = re.compile(r"(--opt[=\s]+[\"']?)?build-arg:GOPROXY")
_ASSIGNED = re.compile(r"(?<![\w$])(?:GOCACHE|XDG_CACHE_HOME|HOME)=[^\s;&|)]*")
_PARAMETER = re.compile(r"\{\{\s*workflow\.parameters\.([\w-]+)\s*\}\}")
_ONLY_TRUE = re.compile(r"\{\{\s*workflow\.parameters\.([\w-]+)\s*\}\}['\"]?\s*==\s*['\"]?true\b")


def _named(template: Anatomy, holds: Callable[[Step], object]) -> str:
    # A step can be a pod of its own and a container of one pod.
    return listed(dict.fromkeys(step.name for step in template.steps if holds(step)))


def _pasted(template: Anatomy) -> str:
    values = flow(template)
    ours = {name for each in sizes(template).values() for name in (each.resources, each.instance_types)}
    scripts = {name: steps for name, steps in values.scripts.items() if name not in ours}
    found = [
        f"{listed(pasted)} {'is' if len(pasted) == 1 else 'are'} pasted into the {where} of "
        f"{listed(step for steps in pasted.values() for step in steps)}"
        for where, pasted in (
            ("text", scripts),
            ("conditions", values_in_conditions(template, values)),
        )
        if pasted
    ]
    return (found and f"{'; '.join(found)}; give values to scripts as environment variables") or ""


def _no_commit(template: Anatomy) -> str:
    if "commit" in roles(template.parameters, template.annotations):
        return ""
    return (
        f"no parameter takes a commit (annotation {role_annotation('commit')}): events of tags need a branch: key, and the template builds "
        "the branch's head at that moment"
    )


def _always_pushes(template: Anatomy) -> str:
    found = roles(template.parameters, template.annotations)
    if "image" not in found or "publish" in found:
        return ""
    return (
        f"no parameter keeps a run from pushing (annotation {role_annotation('publish')}): requests push to {found['image']} as merged "
        "commits do, unless the pipeline names an image for them"
    )


def _checkouts(template: Anatomy) -> list[Step]:
    return [step for step in template.steps if _CHECKS_OUT.search(step.text) and step.kept_mounts()]


def _shared_checkout(template: Anatomy) -> str:
    if template.annotations.get(CONCURRENT_ANNOTATION) == "true":
        return ""
    steps = listed([step.name for step in _checkouts(template)])
    return (
        steps
        and f"{steps} works in a directory on the shared volume; keep the mutex of hookline.yaml (run: mutex:)"
    )


def _blocks(template: Anatomy) -> str:
    steps = listed(
        [
            step.name
            for step in _checkouts(template)
            if _PULL.search(step.text) and _CLONE.search(step.text) and not _HEALS.search(step.text)
        ]
    )
    return (
        steps
        and f"{steps} pulls into the checkout of an earlier run, or clones over it, and does not repair it"
    )


def _stale(template: Anatomy) -> str:
    def stale(step: Step) -> bool:
        after = re.split(_GIT + r"checkout\b", step.text, maxsplit=1)
        return (
            len(after) == 2
            and "rev-parse" in after[1]
            and "origin/" in after[1]
            and not re.search(_GIT + r"(?:pull|merge|reset)\b", after[1])
        )

    steps = _named(template, stale)
    return steps and f"{steps} names the head of origin, but does not bring the branch it checks out up to it"


def _inline(template: Anatomy) -> str:
    tasks = listed([task.name for task in template.tasks if task.inline])
    return tasks and f"{tasks}: give each a template with a name, then `retry:` works"


def _no_retry(template: Anatomy) -> str:
    steps = _named(template, lambda step: not step.retries)
    return steps and f"no retryStrategy for {steps}: on spot capacity a reclaimed pod ends the run"


def _no_deadline(template: Anatomy) -> str:
    if template.has_deadline:
        return ""
    steps = _named(template, lambda step: not step.has_deadline)
    return steps and f"neither activeDeadlineSeconds nor timeout for {steps}"


def _skips(template: Anatomy) -> str:
    found = [
        (task.name, name)
        for task in template.tasks
        for name in _ONLY_TRUE.findall(task.when)
        if template.parameters.get(name, "true") == "true"
    ]
    return (
        found
        and f"{listed(task for task, _ in found)} runs only where {listed(name for _, name in found)} is exactly true"
    ) or ""


def _latest(template: Anatomy) -> str:
    image = roles(template.parameters, template.annotations).get("image")
    steps = _named(template, lambda step: pushes_latest(step, image))
    return steps and f"{steps} pushes :latest with every image"


def _exports(step: Step) -> list[str]:
    return [each for line in step.lines() for each in _EXPORT.findall(line)]


def _one_cache(template: Anatomy) -> str:
    steps = _named(
        template,
        lambda step: any(re.search(r":buildcache[\"']?(?:,|$)", each) for each in _exports(step)),
    )
    return steps and f"{steps} writes :buildcache from every branch"


def _cache_fails(template: Anatomy) -> str:
    steps = _named(template, lambda step: any("ignore-error=true" not in each for each in _exports(step)))
    return steps and f"{steps} exports its cache without ignore-error=true"


def _not_pinned(template: Anatomy) -> str:
    images = listed(
        [
            f"{image} in {step.name}"
            for step in template.steps
            for image in step.images
            if image and not is_pinned(image)
        ]
    )
    return images and f"no digest: {images}"


def _installs(template: Anatomy) -> str:
    found = [
        (" ".join(match.split()), step.name)
        for step in template.steps
        for match in _INSTALLS.findall(step.text)
    ]
    return listed([f"{what} in {step}" for what, step in found])


def _insecure(template: Anatomy) -> str:
    found = [(match, step.name) for step in template.steps for match in _INSECURE.findall(step.text)]
    return listed([f"{what} in {step}" for what, step in found])


def _plain_proxy(template: Anatomy) -> str:
    def plain(step: Step) -> bool:
        value = step.env.get("GOPROXY", "")
        if named := _PARAMETER.fullmatch(value):
            value = template.parameters.get(named[1]) or ""
        return value.startswith("http://") or _PLAIN_PROXY.search(step.text) is not None

    steps = _named(template, plain)
    return steps and f"GOPROXY is http:// in {steps}"


def _dropped(template: Anatomy) -> str:
    def dropped(step: Step) -> bool:
        return any("" in _PROXY_ARGUMENT.findall(line) for line in step.lines())

    steps = _named(template, dropped)
    return steps and f"{steps} gives build-arg:GOPROXY without --opt before it"


def _gocaches(step: Step) -> list[str]:
    """Folder of Go's build cache: GOCACHE, else go-build in the user's folder for caches (os.UserCacheDir of Go)."""
    said = _said(step, "GOCACHE")
    if said:
        return said
    folders = _said(step, "XDG_CACHE_HOME")
    homes = _said(step, "HOME") or ["/root"]
    return [f"{each.rstrip('/')}/go-build" for each in folders or (f"{home}/.cache" for home in homes)]


def _said(step: Step, name: str) -> list[str]:
    """Values of a variable: those of its script, else that of its environment."""
    found = [each.strip("\"'") for each in _ASSIGNED.findall(step.text) if each.startswith(f"{name}=")]
    values = [each.partition("=")[2].strip("\"'") for each in found]
    return values or ([step.env[name]] if step.env.get(name) else [])


def _no_gocache(template: Anatomy) -> str:
    def loses(step: Step) -> bool:
        if not _RUNS_GO.search(step.text):
            return False
        kept = [mount.path.rstrip("/") + "/" for mount in step.kept_mounts() if not mount.read_only]
        return not any(
            (place.strip("\"'").rstrip("/") + "/").startswith((*kept, "$", "{{")) for place in _gocaches(step)
        )

    steps = _named(template, loses)
    return steps and f"{steps} runs go, and its GOCACHE is lost with the pod"


def _no_numbers(template: Anatomy) -> str:
    missing = []
    for runs, output in ((_TESTS, "go-modules-needed"), (re.compile(r"\bbuildctl"), "image-cache-metrics")):
        missing += [
            f"{output} of {step.name}"
            for step in template.steps
            if runs.search(step.text) and output not in step.outputs
        ]
    return (missing and f"no output {listed(missing)}") or ""


def _writable(template: Anatomy) -> str:
    steps = _named(
        template,
        lambda step: (
            _TESTS.search(step.text)
            and any(not mount.read_only and not mount.sub_path for mount in step.kept_mounts())
        ),
    )
    return steps and f"{steps} mounts the whole volume for writing"


def _token(template: Anatomy) -> str:
    steps = _named(template, lambda step: step.asks_for_token)
    return steps and f"automountServiceAccountToken: true in {steps}; leave it out"


def _capabilities(template: Anatomy) -> str:
    steps = _named(template, lambda step: step.images and step.keeps_capabilities)
    return steps and f"no securityContext: {{capabilities: {{drop: [ALL]}}}} in {steps}"


def _no_memory_limit(template: Anatomy) -> str:
    steps = _named(template, lambda step: step.images and not step.has_memory_limit)
    return steps and f"no resources: {{limits: {{memory: …}}}} in {steps}"


def _no_credentials(template: Anatomy) -> str:
    steps = _named(
        template,
        lambda step: step.bare_git_artifacts or (_FETCHES.search(step.text) and not step.has_secret()),
    )
    return steps and f"{steps} has no Secret"


def _elsewhere(template: Anatomy) -> str:
    calls = listed(f"{call.task} (template {call.elsewhere})" for call in template.calls_elsewhere())
    return calls and f"{calls} not checked; check each of those templates too"


def _broken(template: Anatomy) -> str:
    if template.name not in shipped_names():
        return ""
    tasks = {task.name for task in template.tasks}
    missing = [f"parameter {name}" for name in PARAMETERS if name not in template.parameters]
    missing += [f"step {name}" for name in STEPS if name not in tasks]
    return (missing and f"missing: {listed(missing)}") or ""


_CHECKS: Mapping[str, Callable[[Anatomy], str]] = {
    "PASTED_PARAMETERS": _pasted,
    "NO_COMMIT_PARAMETER": _no_commit,
    "ALWAYS_PUSHES": _always_pushes,
    "SHARED_CHECKOUT": _shared_checkout,
    "CHECKOUT_BLOCKS": _blocks,
    "STALE_CHECKOUT": _stale,
    "INLINE_TASKS": _inline,
    "NO_RETRY": _no_retry,
    "NO_DEADLINE": _no_deadline,
    "TESTS_SKIP_SILENTLY": _skips,
    "LATEST_ALWAYS": _latest,
    "ONE_CACHE": _one_cache,
    "CACHE_FAILS_BUILD": _cache_fails,
    "IMAGE_NOT_PINNED": _not_pinned,
    "INSTALLS_AT_RUN_TIME": _installs,
    "INSECURE_REGISTRY": _insecure,
    "PLAIN_HTTP_PROXY": _plain_proxy,
    "BUILD_ARGUMENT_DROPPED": _dropped,
    "GOCACHE_NOT_KEPT": _no_gocache,
    "NO_CACHE_NUMBERS": _no_numbers,
    "VOLUME_WRITABLE_BY_TESTS": _writable,
    "TOKEN_IN_STEP": _token,
    "KEEPS_CAPABILITIES": _capabilities,
    "NO_MEMORY_LIMIT": _no_memory_limit,
    "NO_GIT_CREDENTIALS": _no_credentials,
    "OTHER_TEMPLATES": _elsewhere,
    "CONTRACT_BROKEN": _broken,
}

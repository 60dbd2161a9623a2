"""A manual run: the Workflow that a person starts, worked out without the cluster.

A run is like that of the event that it stands for, with the settings that the pipeline has for such events: `--branch` stands for a push,
`--tag` for a tag, `--request` for a request, and nothing for the schedule or the pushed image. Its filters are not asked: a person has
decided.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from documents.lines import check_line
from events.canonical import Kind
from events.declaration import included
from hookline.declaration.loading import DeclaredPipeline
from hookline.plan.parameter_checks import parameter_problem
from hookline.plan.planning import Plan
from sensors.program import Program, rules
from triggers.manual_run import manual_workflow
from triggers.template import Template
from triggers.words import BECAUSE_ANNOTATION, PREFIX, STARTED_BY_ANNOTATION
from triggers.workflow import Workload, pushed

__all__ = ["BECAUSE_LENGTH", "ManualRun", "Subject", "Unusable", "manual_run", "person", "reason"]

BECAUSE_LENGTH = 500
_ANNOTATIONS = "workflow.annotations"
"""The word in `Template.pasted` for a template that pastes annotations of a run into a script."""


class Unusable(ValueError):
    """A run that cannot be started as asked; the message is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The branch, tag, commit or request that a person wants to be built. Empty texts and 0 were not said."""

    branch: str = ""
    tag: str = ""
    sha: str = ""
    request: int = 0


@dataclass(frozen=True, slots=True)
class ManualRun:
    """A run that a person starts."""

    workflow: dict[str, Any]
    like: Kind
    """The kind of event whose settings it has."""
    builds: str
    """The code that it builds, for a person: branch main at its head."""
    pushes: str | None
    """The image that it pushes, without tag; empty = it pushes nothing, None = its template takes no image."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The kind of event that a run stands for, and what such an event would say."""

    like: Kind
    fields: Mapping[str, str]
    """Field of the event, as `Template.bindings` names it → its value; what nobody said is missing."""
    ref: str
    builds: str
    """For a person; empty = what the arguments say."""


def manual_run(
    plan: Plan,
    pipeline: str,
    subject: Subject,
    inputs: Mapping[str, str],
    *,
    name: str,
    started_by: str,
    because: str,
    publish: bool = True,
) -> ManualRun:
    """The run of a pipeline that a person asks for.

    Args:
        plan: Of the declaration.
        pipeline: Its name, which the plan has.
        subject: What to build.
        inputs: Parameter of the template → value, over those of the declaration.
        name: Of the Workflow.
        started_by: The user, as the API server names them; empty = not known.
        because: Why; empty = not said.
        publish: Whether it pushes what such an event's run would push; False = it pushes nothing.

    Raises:
        Unusable: Something of it cannot be.
    """
    workload, declared = plan.workloads[pipeline], plan.declaration.pipelines[pipeline]
    template = workload.template
    asked = rules(any_ref=template.takes_any_ref)
    _check_subject(subject, asked, template)
    chosen = _chosen(plan, declared, workload, subject, asked)
    arguments = _arguments(declared, workload, chosen)
    if not publish:
        arguments |= _unpublished(
            template, f"--no-publish: {template.name} cannot build without pushing; leave it out"
        )
    arguments |= _inputs(inputs, template, chosen.like)
    for parameter, default in template.parameters.items():
        if default is None and parameter not in arguments:
            raise Unusable(
                f"{template.name} needs a value for its parameter {parameter}: {_cure(template, parameter)}"
            )
    annotations = {
        f"{PREFIX}repository": workload.repository,
        f"{PREFIX}ref": chosen.ref,
        f"{PREFIX}sha": subject.sha,
        f"{PREFIX}actor": asked.ask(json.dumps(started_by), "harmless_name"),
        STARTED_BY_ANNOTATION: person(started_by),
        BECAUSE_ANNOTATION: reason(because, pasted=_ANNOTATIONS in template.pasted),
    }
    workflow = manual_workflow(
        workload, name, arguments, {key: value for key, value in annotations.items() if value}
    )
    branch = arguments.get(template.roles.get("branch", ""), "")
    builds = chosen.builds or (f"branch {branch} at its head" if branch else "what the template builds")
    return ManualRun(workflow, chosen.like, builds, pushed(workload, workflow))


def person(user: str) -> str:
    """A user of the API server as an annotation names them: without anything that Argo or a shell would read."""
    return re.sub(r"[^A-Za-z0-9._@+:/=\[\]-]", "-", user[:256])


def reason(because: str, *, pasted: bool = False) -> str:
    """The reason that a person gives, for an annotation.

    Args:
        because: What the person wrote.
        pasted: Whether the template makes annotations of a run text of a script.

    Raises:
        Unusable: It is no line that can stand there.
    """
    try:
        check_line(because)
    except ValueError as error:
        raise Unusable(f"--because: {error}") from error
    if len(because) > BECAUSE_LENGTH:
        raise Unusable(f"--because: expected at most {BECAUSE_LENGTH} characters, not {len(because):,}")
    if "{{" in because:
        raise Unusable("--because: {{ is refused, because Argo would expand it when the run starts")
    if pasted and not re.fullmatch(r"[A-Za-z0-9 ._/:@#=+,%~-]*", because):
        raise Unusable(
            "--because: the template pastes annotations of a run into a shell: letters, digits, spaces and . _ / : @ # = + , % ~ - only"
        )
    return because


def _check_subject(subject: Subject, asked: Program, template: Template) -> None:
    """Refuse names that an event would not get through either: the rules are those of the decision."""

    def holds(text: str, rule: str) -> bool:
        return bool(asked.ask(json.dumps(text), rule))

    characters = (
        "a name that git allows, of at most 200 bytes"
        if template.takes_any_ref
        else f"letters, digits and . _ / -, at most 200, because {template.name} pastes it into a script"
    )
    for option, text in (("--branch", subject.branch), ("--tag", subject.tag)):
        if text and not holds(text, "ref_name"):
            raise Unusable(f"{option} {text}: expected {characters}")
    if subject.tag and "tag" in template.roles and not holds(subject.tag, "own_image_tag"):
        raise Unusable(
            f"--tag {subject.tag}: the image gets the tag, and this one cannot name an image, or {template.name} keeps it for itself"
        )
    if subject.sha and not holds(subject.sha, "commit"):
        raise Unusable(f"--sha {subject.sha}: expected all 40 or 64 lower-case hex digits of a commit")
    if subject.sha and "commit" not in template.roles:
        raise Unusable(
            f"--sha: {template.name} builds the head of a branch and has no parameter for a commit; leave it out"
        )


def _chosen(
    plan: Plan, declared: DeclaredPipeline, workload: Workload, subject: Subject, asked: Program
) -> _Chosen:
    events, template = declared.pipeline.events, workload.template
    commit = {"sha": subject.sha} if subject.sha else {}
    at = f" at commit {subject.sha[:12]}" if subject.sha else " at its head"
    if events.sandboxed:
        return _foreign(plan, declared, subject)
    if subject.tag and subject.request:
        raise Unusable("--tag and --request: a request has no tag; leave one of them out")
    if subject.tag:
        if not template.roles.keys() & {"commit", "ref"} and events.tag is None:
            raise Unusable(
                f"--tag: {template.name} builds the head of a branch, and {declared.name} does not say under tag: which one; use --branch"
            )
        ref = f"refs/tags/{subject.tag}"
        image_tag = asked.ask(json.dumps(subject.tag), "as_image_tag")
        builds = f"tag {subject.tag}" + (at if subject.sha else "")
        return _Chosen("tag", {"tag": image_tag, "ref": ref, **commit}, ref, builds)
    like: Kind = "pull_request" if subject.request else "push"
    branch = subject.branch
    if subject.request and not branch:
        raise Unusable(
            f"--request {subject.request}: add --branch, the request's branch in {workload.repository}. hookline cannot see whether a request "
            "comes from a fork, and a branch of the repository is not one"
        )
    if not branch and not subject.sha:
        if events.schedule is not None:
            return _Chosen("schedule", {}, "", "")
        if events.image_push is not None:
            return _Chosen("image_push", {}, "", "")
        branch = _only_branch(declared)
    if not branch:
        raise Unusable(
            "--sha: add --branch or --tag, which the commit belongs to; the run uses that branch's cache"
            if subject.sha
            else f"say what to build: --branch, --tag or --request; {declared.name} names no single branch under push:"
        )
    if not template.roles.keys() & {"branch", "ref"} and not subject.sha:
        raise Unusable(
            f"{template.name} has no parameter for a branch or a ref, so a branch alone does not say what to build"
            + ("; add --sha" if "commit" in template.roles else "")
        )
    head = f"refs/heads/{branch}"
    ref = _request_ref(plan, declared, subject.request) if subject.request else head
    return _Chosen(like, {"branch": branch, "ref": head, **commit}, ref, f"branch {branch}{at}")


def _foreign(plan: Plan, declared: DeclaredPipeline, subject: Subject) -> _Chosen:
    """A run of foreign code: only of the commit that a person has looked at."""
    if not subject.request or not subject.sha or subject.branch or subject.tag:
        raise Unusable(
            f"{declared.name} builds requests from forks: name the request and the commit that you have looked at, with --request NUMBER --sha "
            "COMMIT alone"
        )
    ref = _request_ref(plan, declared, subject.request)
    fields = {"branch": f"pull/{subject.request}", "ref": ref, "sha": subject.sha}
    return _Chosen(
        "pull_request",
        fields,
        ref,
        f"request {subject.request} at commit {subject.sha[:12]}, in the sandbox",
    )


def _request_ref(plan: Plan, declared: DeclaredPipeline, number: int) -> str:
    endpoint = plan.endpoints.get(declared.pipeline.repository.source or "")
    if endpoint is None:
        raise Unusable(f"--request: {declared.name} names no source of requests under repository:")
    return f"{endpoint.host.request_refs}{number}/head"


def _only_branch(declared: DeclaredPipeline) -> str:
    """The one branch whose pushes start the pipeline; empty if there are more, or a pattern."""
    push = declared.pipeline.events.push
    selection = included(push.branches) if push is not None else None
    if selection is None or selection.exclude or not selection.include or len(selection.include) != 1:
        return ""
    return "" if re.search(r"[*?]", selection.include[0]) else selection.include[0]


def _arguments(declared: DeclaredPipeline, workload: Workload, chosen: _Chosen) -> dict[str, str]:
    """Arguments as the event would give them; what the event would fill and nobody said keeps the template's default."""
    template = workload.template
    defaults = {
        name: default
        for name in workload.argument_names
        if (default := template.parameters[name]) is not None
    }
    found = defaults | dict(workload.arguments) | dict(workload.kind_arguments.get(chosen.like, {}))
    if chosen.like == "pull_request" and chosen.like not in declared.pipeline.events.kinds():
        found |= _unpublished(
            template,
            f"--request: {template.name} cannot build without pushing, and {declared.name} does not say under pull_request: what requests push",
        )
    for parameter, field in template.bindings(chosen.like).items():
        if field in chosen.fields:
            found[parameter] = chosen.fields[field]
    return found


def _unpublished(template: Template, unable: str) -> dict[str, str]:
    """The argument by which a run pushes nothing; `unable` is said where the template has none."""
    if "publish" in template.roles:
        return {template.roles["publish"]: "false"}
    if "image" in template.roles:
        raise Unusable(unable)
    return {}


def _inputs(inputs: Mapping[str, str], template: Template, like: Kind) -> dict[str, str]:
    """Inputs as arguments, by the rules for run.parameters."""
    for name, text in inputs.items():
        value: str | bool = text
        if template.parameters.get(name) in {"true", "false"} and text in {"true", "false"}:
            value = text == "true"
        problem = parameter_problem(name, value, template, like)
        if not problem and "{{" in text:
            problem = "{{ is refused, because Argo would expand it when the run starts"
        if not problem:
            try:
                check_line(text)
            except ValueError as error:
                problem = str(error)
        if problem:
            raise Unusable(f"--input {name}: {problem}")
    return dict(inputs)


def _cure(template: Template, parameter: str) -> str:
    role = template.role(parameter)
    options = {"commit": "--sha", "branch": "--branch", "ref": "--branch or --tag", "tag": "--tag"}
    return f"name it with {options[role]}" if role in options else f"give it with --input {parameter}=VALUE"

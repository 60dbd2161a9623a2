"""The generated parts of README and docs: made here, compared by tests/test_docs.py, written again by `make goldens`."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from events.host import host, host_names
from hookline.cli import command_names, main
from hookline.declaration.schema import models_schema
from runs.exporter.forecast import forecast, forecast_of_fan_outs, forecast_of_team
from runs.exporter.metrics import FAMILIES, Family
from sensors.reasons import REASONS
from triggers.inspection.findings import CODES
from triggers.shipped import shipped


def commands_page() -> str:
    """docs/commands.md, from --help."""
    runner = CliRunner()
    parts = [
        (
            "# Commands\n\nThis page holds the help text of every command. It is generated from `--help`; `make goldens` writes it again.\n"
            "[Glossary](glossary.md). [Checks in CI](checks-in-ci.md): annotations, code scanning, JUnit.\n"
        )
    ]
    for words in ((), *command_words()):
        text = runner.invoke(main, [*words, "--help"], prog_name="hookline", terminal_width=100).stdout
        parts.append(f"## {' '.join(('hookline', *words))}\n\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


def command_words() -> list[tuple[str, ...]]:
    """Every command, and every command of a command, by its words."""
    found: list[tuple[str, ...]] = []
    for name in command_names():
        found.append((name,))
        command = main.get_command(click.Context(main), name)
        if isinstance(command, click.Group):
            found += [(name, each) for each in command.list_commands(click.Context(command))]
    return found


def _type(schema: dict[str, Any], field: dict[str, Any]) -> str:
    if "$ref" in field:
        return _type(schema, schema["definitions"][field["$ref"].rpartition("/")[2]])
    if "allOf" in field:
        return _type(schema, field["allOf"][0])
    for key in ("anyOf", "oneOf"):
        if key in field:
            return " or ".join(dict.fromkeys(_type(schema, each) for each in field[key]))
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{str(field['const']).lower()}`"
    if field.get("type") == "array":
        return f"list of {_type(schema, field['items'])}"
    if field.get("additionalProperties"):
        return f"name → {_type(schema, field['additionalProperties'])}"
    return {
        "string": "text",
        "boolean": "true or false",
        "integer": "whole number",
        "number": "number",
        "object": "mapping",
    }.get(field.get("type", ""), "value")


def _model(schema: dict[str, Any], field: dict[str, Any]) -> list[str]:
    """Definitions that a field leads to."""
    found = re.findall(r'"#/definitions/(\w+)"|\'#/definitions/(\w+)\'', str(field))
    return [name for pair in found for name in pair if name and "properties" in schema["definitions"][name]]


SAY_ONCE = """\
## Say it once

What several pipelines share stands once.

```yaml
version: 1
cluster: {namespace: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}, url: "https://github.com/{repository}.git"}
defaults:
  repository: {source: github}
  image: registry.example.com/{owner}/{repository_name}
  events: {push: {branches: [main]}, schedule: {timezone: Asia/Shanghai}}
  run: {spot: {}, parameters: {enable_test: true}}
pipelines:
  shop: {repository: acme/shop}
  cart: {repository: acme/cart, events: {push: false, schedule: {at: "0 3 * * *"}}, run: {spot: false}}
  "{repository_name}": {for_each: [acme/search, acme/mail]}
```

**Defaults.** `defaults:` takes everything that a pipeline takes except `for_each:`. A pipeline's own key wins. Mappings merge key by key;
texts, lists and selections (`branches`, `paths` and their like) are replaced as a whole. `false` removes a default, except
where it is a value of its own: `drafts: false`, `spot: false`, a switch under `parameters:`. A `schedule:` without `at:`, or an
`image_push:` without `image:`, starts nothing by itself: it completes those of the pipelines. No default image and no default account reaches a pipeline with `forks: sandboxed`.

**Files.** The defaults beside `cluster:`, or in a file without pipelines, reach the pipelines of every file. The defaults of another file
reach its own pipelines and win over those of all files.

**Patterns.** `repository.url`, every `image` and a source's `url` may name fields in braces. For the repository
`acme/shop`: `{repository}` is `acme/shop`, `{owner}` is `acme`, `{repository_name}` is `shop`; `{pipeline}` is the pipeline's name. Names of images get the
fields in lower case. In a GitLab subgroup `{owner}` has several parts. A source's `url` is used where neither the pipeline nor a default says one.

**One pipeline each.** `for_each:` lists repositories, or names a file with one a line: `for_each: {file: repositories.txt}`. The pipeline's
key is the pattern of the names. A key without a field gets `-{repository_name}` at its end. What a Kubernetes name cannot hold becomes `-`. Two repositories
of one name are refused.

**Schedules.** `schedule:` takes one schedule or a list of them, each with its own time zone, branch and days; `at:` takes one time or
several. All but one of a list need a `name:`. A default with keys completes each schedule of the list. Two times in one minute start one run, unless they build
different branches. [Who fires a schedule](#who-fires-a-schedule) says what it costs.

**Folders.** `-f FOLDER` reads the folder with its sub-folders: `hookline.yaml`, `*.hookline.yaml`, and any other `*.yaml` or `*.yml` that
says `version: 1` and has a key of a declaration at its left edge. Other YAML files and hidden folders are left out. A file that is named
twice is read once.

**Templates of your own.** `templates: {team-ci: {file: ci/team-ci.yaml}}` names the manifest of a ClusterWorkflowTemplate or a
WorkflowTemplate; `run: {template: team-ci}` uses it. A WorkflowTemplate must be in the namespace of the Workflows. `--template` wins over the file.

**How many, and how large.** `limits: {nightly: 10}` and `run: {limit: nightly}` let at most ten runs be under way at once;
`run: {resources: {run-test: {cpu: 4, memory: 8Gi}}}` gives a step its CPU and memory: [capacity](capacity.md).

**Owner and namespace.** `owner:` and `namespace:` may stand beside `pipelines:` too: the pipelines of this file inherit them, and its defaults
win over them. [Teams](teams.md) says what a namespace keeps apart.

"""


PUBLISHING = """\
## What runs push

Runs of pushes, tags, schedules and base images push the pipeline's `image`. Runs of requests and of a merge queue test and build, and push
nothing, because their commits are not merged yet. Each kind of event may say otherwise:

```yaml
version: 1
cluster: {namespace: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: github-webhook, key: secret}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: https://github.com/acme/shop.git}
    image: registry.example.com/acme/shop
    events:
      push: {branches: [main]}
      pull_request: {into: [main], image: registry.example.com/acme/shop-pr, parameters: {container_tag: pr}}
      schedule: {at: "0 3 * * *", publish: false, parameters: {go_test_flags: -race}}
    run: {template: hookline-ci-go}
```

The first line that fits decides.

| a kind of event says | its runs |
|---|---|
| `publish: false` | push nothing |
| `publish: true` | push |
| `image:` | push this image in place of the pipeline's |
| `parameters:` with the parameter for the image's tag, such as `container_tag` | push under this tag |
| none of these, and it is `pull_request` or `merge_group` | push nothing |
| none of these, and it is another kind | push the pipeline's image |

- **Parameters.** `parameters:` of a kind go over `run.parameters`, name by name. What the event itself brings goes over both: the branch, the commit, and
  of a tag the image's tag. Each schedule of a list has settings of its own.
- **Caches.** A build that pushes nothing reads the caches of its image in the registry, and writes none. Without an image it reads none. So `image:`
  beside `publish: false` names the caches. An image of its own has caches of its own: the first build of each branch begins without.
- **Base images.** `image_push.image` is the image that starts the run. Such a run pushes the pipeline's image, under a tag of its own if `parameters:` says so.
- **Templates.** `hookline-ci-go` can leave the push out. Stock `ci-go-v1` pushes in every run, so `publish: false` is refused with it. Without the
  key, its runs of requests push the pipeline's image, and `validate` warns of that once. `image:` or `publish: true` ends the warning. A template of your
  own names its parameter in [an annotation](ci-go-v1.md#a-template-of-your-own).
- **No boundary.** `publish: false` keeps the template from pushing. The build still holds the registry's password. Code of strangers needs `forks: sandboxed`.
- **Forks.** A sandboxed run pushes nothing. `image:` and `publish: true` are refused, and no default of them reaches it.

`hookline simulate`, `explain` and `test` say of a run that it builds and pushes nothing, or which image it pushes in place of the pipeline's.

`validate` also says where a commit is built twice: as a push of the branch from which a request is made, and as the request. Either build only the
branches into which requests are merged, such as `push: {branches: [main]}`, or leave `pull_request:` out.

"""


SCHEDULES = """\
## Who fires a schedule

A CronWorkflow of Argo Workflows fires each time of a schedule and takes no pod. The calendar event source of Argo Events takes a pod, and so do
the Sensors behind it. It fires only the schedules that need what a CronWorkflow lacks:

- those with `except:` days,
- those of a pipeline with `suspended: {until: …}`,
- times of one pipeline that may come in one minute and start the same run.

`hookline validate` names them with the reason. `cluster: {schedules: calendar}` or `cron_workflow` chooses for all. On ACK One CronWorkflows fire all.

| | CronWorkflow | calendar event source |
|---|---|---|
| seen in | Argo's UI and `kubectl get cronworkflows`; suspended there, it stays suspended | `hookline events`, as an event on the bus |
| name of a run | that of the CronWorkflow, and the fire time in Unix seconds | the pipeline's, and a hash of the minute |
| its engine is down at a fire time | lost, unless `missed:` reaches back to it | the same |
| the API server is down, or refuses the Workflow | lost, unless `missed:` reaches back to it; then [tried again and again](reliability.md#known-losses) | tried for a minute, then brought back by `hookline reconcile` or the controller |
| several missed times | the last one runs | all run; those that arrive in one minute are one run |
| the workflow template has to be there | before the CronWorkflow, else it [does not fire](reliability.md#known-losses) | before the run |
| the clocks change | both use one library (robfig/cron v3): `hookline next` names what is skipped or comes twice | the same |
| 300 in one minute | [slower](performance.md#schedules) | faster |

`missed:` works from the first fire time on: neither engine makes up for times before a schedule existed, or before its time was changed.

"""


def declaration_page() -> str:
    """docs/declaration.md, from the JSON Schema."""
    schema = models_schema()
    introduction = (
        "# hookline.yaml\n\nThis page lists every key of hookline.yaml. It is generated from the models; `make goldens` writes it again. "
        "`hookline schema`\nprints the JSON Schema for editors. [Glossary](glossary.md).\n\n"
        "All patterns are globs: `*` matches within a part between slashes, `**` matches any number of parts, and `?` matches one character.\n"
        "A pattern may have one `**` before the last one, or one `*` with several characters and another `*` behind it: `**/a/**/b` and\n"
        "`*foo*` are accepted, `*foo*bar*` is not. Single characters between them do not count: `v*.*.*-*` is accepted. With more, long\n"
        "names would keep hookline busy for minutes.\n"
        "exclude wins over include, and a plain list means include. Unknown keys are errors. Write durations as 90s, 20m, 1h30m or 7d.\n\n"
        "A branch or tag builds only if the template can take its name. Stock `ci-go-v1` takes letters, digits and `. _ / -`.\n"
        "`hookline-ci-go` takes every name that git allows ([the rules](security.md#branches-and-tags)). Other names are `skip(REF)`.\n\n"
        + SAY_ONCE
        + PUBLISHING
        + SCHEDULES
    )
    parts = [introduction]
    todo, done = [("(file)", schema)], set()
    while todo:
        title, model = todo.pop(0)
        # Selections of branches, tags and logins differ in what a pattern may hold, not in their keys.
        title = "Selection" if title.endswith("Selection") else title
        if title in done:
            continue
        done.add(title)
        rows = []
        for key, field in model["properties"].items():
            required = key in model.get("required", [])
            default = (
                "required"
                if required
                else "–"
                if field.get("default") is None
                else f"`{_plain(field['default'])}`"
            )
            rows.append(f"| `{key}` | {_type(schema, field)} | {default} | {field['description']} |")
            todo += [(name, schema["definitions"][name]) for name in _model(schema, field)]
        heading = "The file" if title == "(file)" else title.rstrip("_")
        text = model["description"].splitlines()[0]
        parts.append(
            f"## {heading}\n\n{text}\n\n| key | value | default | |\n|---|---|---|---|\n"
            + "\n".join(rows)
            + "\n"
        )
    return "\n".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "{…}" if isinstance(value, dict) and value else str(value)


def sources_table() -> str:
    """The table of docs/sources.md on what to set at a host."""
    rows = []
    for name in host_names():
        form = host(name).webhook
        fields = "; ".join(f"{field}: `{value}`" for field, value in form.filled("URL", "SECRET"))
        choices = "; ".join(
            f"{kind}: {', '.join(each.label for each in chosen) or 'nothing to choose'}"
            for kind, chosen in form.choices.items()
        )
        rows.append(f"| `{name}` | {form.place} | {fields} | {choices} |")
    return "\n".join(rows)


def reasons_table() -> str:
    """The table of docs/reasons.md."""
    return "\n".join(f"| `{code}` | {meaning} |" for code, meaning in REASONS.items())


def findings_table() -> str:
    """The table of docs/template.md on what a template may lack."""
    return "\n".join(f"| `{code}` | {meaning} |" for code, meaning in CODES.items())


def template_parameters_table() -> str:
    """The parameters of hookline-ci-go, as its manifest declares them."""
    declared = shipped("hookline-ci-go")["spec"]["arguments"]["parameters"]
    return "".join(
        f"| `{each['name']}` | {'`' + each['value'] + '`' if each['value'] else ''} | {each['description']} |\n"
        for each in declared
    ).rstrip("\n")


def with_table(text: str, head: str, table: str) -> str:
    """A page with the rows below a table's head replaced."""
    at = text.index(head) + len(head)
    end = re.compile(r"\n(?!\|)").search(text, at)
    rest = text[at:] if end is None else text[end.start() :]
    if text[at:].startswith("?"):
        rest = text[at + 1 :]
    return text[:at] + table + rest


CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def run_block(block: str) -> str:
    """A console block with the outputs of its commands as they are now, run in the current folder."""
    lines = []
    for line in block.splitlines():
        if not line.startswith("$ "):
            continue
        program, *arguments = shlex.split(line[2:])
        assert program == "hookline", line
        result = CliRunner().invoke(main, arguments, prog_name="hookline")
        output = result.stdout if arguments[0] == "validate" else result.output
        lines.append(line + "\n" + output)
    return "".join(lines)


def page_with_outputs(text: str, folders: list[Path]) -> str:
    """A page whose console blocks are run, each in its folder."""
    import os

    before = Path.cwd()
    parts, at = [], 0
    blocks = list(CONSOLE.finditer(text))
    assert len(blocks) == len(folders)
    for match, folder in zip(blocks, folders, strict=True):
        os.chdir(folder)
        try:
            parts += [text[at : match.start(1)], run_block(match[1])]
        finally:
            os.chdir(before)
        at = match.end(1)
    return "".join(parts) + text[at:]


def metrics_page() -> str:
    """docs/metrics.md, from the declarations of the families."""
    introduction = (
        "# Metrics\n\nThis page lists every metric. It is generated from the declarations; `make goldens` writes it again. The ledger keeps the "
        "metrics of\nthe first table over restarts. Those of the second table describe the exporter itself, or runs that have not ended.\n"
        "[The exporter](exporter.md) explains how they are counted.\n"
    )
    parts = [introduction]
    for title, kept in (("Runs, steps, caches, capacity", True), ("Now, and the exporter itself", False)):
        parts.append(f"## {title}\n\n| name | type | labels | says |\n|---|---|---|---|")
        parts += [_metric(family) for family in FAMILIES.values() if family.kept is kept]
        parts.append("")
    parts.append("## Values of labels\n\n| label | values |\n|---|---|")
    values: dict[str, dict[str, None]] = {}
    for family in FAMILIES.values():
        for label, words in (family.values or {}).items():
            values.setdefault(label, {}).update(dict.fromkeys(words))
    parts += [f"| `{label}` | {', '.join(words)} |" for label, words in values.items()]
    parts.append(
        "\n## Series\n\n`hookline exporter --forecast` prints the same, metric by metric. A source that starts no fan-outs has none of the last line.\n\n"
        "| one more | series |\n|---|---|"
    )
    costs = {
        "pipeline of ci-go-v1": forecast(),
        "namespace with an owner": forecast_of_team(),
        "source with fan-outs, in one namespace": forecast_of_fan_outs(),
    }
    parts += [f"| {what} | about {sum(series.values())} |" for what, series in costs.items()]
    parts.append("\n## Buckets\n\n| name | upper bounds, seconds |\n|---|---|")
    parts += [
        f"| `{family.name}` | {', '.join(f'{bound:g}' for bound in family.buckets)} |"
        for family in FAMILIES.values()
        if family.buckets
    ]
    return "\n".join(parts) + "\n"


def _metric(family: Family[Any]) -> str:
    labels = ", ".join(family.labels)
    note = "" if family.stability == "stable" else f" ({family.stability})"
    return f"| `{family.name}` | {family.type}{note} | {labels} | {family.help} |"

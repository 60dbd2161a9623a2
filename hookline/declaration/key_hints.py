"""Key hints: the words that other systems use for a key, each with the key that does it here."""

from documents.wanted import KeyHint

__all__ = ["KEY_HINTS"]


def _words(*words: str) -> frozenset[str]:
    return frozenset(each.replace("-", mark) for each in words for mark in ("-", "_"))


_MUTEX = "runs that share a checkout wait for each other already; give others a lock with run: {mutex: NAME}"

KEY_HINTS = (
    # Under exporter, where charts have other words
    KeyHint(
        _words("enabled", "enable"),
        beside="monitor",
        sentence="exporter: {} is an exporter; leave the block out for none",
    ),
    KeyHint(
        _words("service-monitor", "pod-monitor", "servicemonitor", "podmonitor"),
        beside="monitor",
        sentence="write monitor: service, monitor: pod or monitor: none",
        meant="monitor",
    ),
    KeyHint(
        _words("prometheus-rule", "prometheusrule", "alerts"),
        beside="monitor",
        sentence="write rules: true or rules: false",
        meant="rules",
    ),
    KeyHint(
        _words("replicas", "replica-count", "replicacount"),
        beside="monitor",
        sentence="one pod counts all runs, and its ledger is on the volume of one node",
    ),
    KeyHint(
        _words("persistence", "pvc", "volume", "ledger"),
        beside="monitor",
        sentence="write storage: {size: 1Gi, class: NAME}",
        meant="storage",
    ),
    KeyHint(
        _words("config", "configuration"),
        beside="monitor",
        sentence="the key here is settings",
        meant="settings",
    ),
    KeyHint(
        _words("image", "image-pull-secrets", "imagepullsecrets"),
        beside="monitor",
        sentence="the image of all of hookline's own pods is cluster.image, with cluster.image_pull_secrets",
    ),
    KeyHint(_words("on"), beside="events", sentence="the key here is events", meant="events"),
    # Under a request
    KeyHint(
        _words("branch", "branches", "target-branch", "target-branches"),
        beside="into",
        sentence="the branches that a request goes into are into:",
        meant="into",
    ),
    KeyHint(
        _words("branches-ignore"),
        beside="into",
        sentence='write into: {exclude: ["release/*"]}',
        meant="into",
    ),
    KeyHint(
        _words("types", "actions"),
        beside="into",
        sentence="a request runs when it is opened, reopened, gets new commits or is ready for review; drafts: true takes drafts too",
    ),
    # Under any kind of event
    KeyHint(
        _words("push", "push-image", "publish-image", "no-push"),
        beside="publish",
        sentence="write publish: true or publish: false",
        meant="publish",
    ),
    # Under a tag
    KeyHint(
        _words("paths", "paths-ignore", "files"),
        beside="tags",
        sentence="a tag carries no list of changed files; paths: belongs to push:",
    ),
    KeyHint(_words("tags-ignore"), beside="tags", sentence='write tags: {exclude: ["*-rc*"]}', meant="tags"),
    # Under a push or a request
    KeyHint(
        _words("paths-ignore"), beside="paths", sentence='write paths: {exclude: ["docs/**"]}', meant="paths"
    ),
    KeyHint(
        _words("branches-ignore"),
        beside="branches",
        sentence='write branches: {exclude: ["wip/*"]}',
        meant="branches",
    ),
    KeyHint(
        _words("tags", "tags-ignore"),
        beside="branches",
        sentence='tags are an event of their own: events: {tag: {tags: ["v*"]}}',
    ),
    # Under a schedule, and where schedules stand
    KeyHint(_words("cron", "crons"), beside="at", sentence="the key here is at", meant="at"),
    KeyHint(
        _words("cron", "crons"),
        beside="schedule",
        sentence='write schedule: {at: "0 3 * * *"}',
        meant="schedule",
    ),
    # Under events
    KeyHint(
        _words("workflow-dispatch", "repository-dispatch", "manual", "dispatch"),
        beside="pull_request",
        sentence="no key is needed to start a run by hand: deliver an event again at the host, or argo submit --from "
        "clusterworkflowtemplate/NAME",
    ),
    KeyHint(
        _words("merge-request", "merge-requests", "pull-requests", "pr", "mr", "pull-request-target"),
        beside="pull_request",
        sentence="the key here is pull_request",
        meant="pull_request",
    ),
    KeyHint(
        _words("merge-queue", "merge-groups"),
        beside="merge_group",
        sentence="the key here is merge_group",
        meant="merge_group",
    ),
    KeyHint(
        _words("merge-train", "merge-trains"),
        beside="merge_group",
        sentence="GitLab sends no event about the commit of a merge train to webhooks; a job of the train starts the Workflow: hookline docs merge-queues",
    ),
    # Of runs
    KeyHint(
        _words("timeout", "timeout-minutes", "active-deadline-seconds", "activedeadlineseconds"),
        beside="deadline",
        sentence="the key here is deadline, such as deadline: 1h",
        meant="deadline",
    ),
    KeyHint(_words("concurrency", "concurrency-group"), beside="mutex", sentence=_MUTEX, meant="mutex"),
    KeyHint(
        _words("parallelism", "semaphore", "max-parallel", "max-concurrent", "concurrency-limit", "limits"),
        beside="mutex",
        sentence="write limits: {nightly: 10} at the top of a file, and run: {limit: nightly}",
        meant="limit",
    ),
    KeyHint(
        _words("cpu", "memory", "requests", "instance-types"),
        beside="mutex",
        sentence="each step has its own: write resources: {run-test: {cpu: 4, memory: 8Gi}}",
        meant="resources",
    ),
    # Of the cluster
    KeyHint(
        _words("limits", "limit", "parallelism", "semaphores"),
        beside="argo_workflows",
        sentence="write limits: {nightly: 10} at the top of a file, and run: {limit: nightly}",
    ),
    # Of the resources of a step
    KeyHint(
        _words("requests", "request"),
        beside="instance_types",
        sentence="cpu: and memory: are what the step requests",
        meant="cpu",
    ),
    KeyHint(
        _words("namespace"),
        beside="deadline",
        sentence="namespace: stands beside run:, under defaults: or in the file",
    ),
    # Of a file, a pipeline or defaults
    KeyHint(_words("team"), beside="owner", sentence="the key here is owner", meant="owner"),
    # Of a pipeline or of defaults
    KeyHint(
        _words("timeout", "timeout-minutes", "active-deadline-seconds", "activedeadlineseconds"),
        beside="run",
        sentence="write run: {deadline: 1h}",
    ),
    KeyHint(_words("concurrency", "concurrency-group"), beside="run", sentence=_MUTEX),
    KeyHint(
        _words("cron", "schedule", "push", "tag", "pull-request", "image-push", "workflow-dispatch"),
        beside="events",
        sentence="what starts a pipeline stands under events:",
    ),
    KeyHint(
        _words("branches", "paths", "paths-ignore", "branches-ignore"),
        beside="events",
        sentence="what chooses among pushes stands under events: {push: …}",
    ),
)
"""The first one that fits counts: those beside a rarer key stand first."""

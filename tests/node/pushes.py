"""Pushes that go on while something is lost, and what became of each: the answers to its deliveries, and its Workflows."""

import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import yaml
from cluster.gitea import Answer
from cluster.waiting import NotYet, until
from node.installation import ORGANISATION, Hookline, Project
from node.places import FORGE

__all__ = ["Pushes"]

BRANCHES = tuple(f"branch-{number}" for number in range(5))
"""Pushed at once, and told of one by one."""
PAUSE = 0.3
"""Seconds between two pushes of all branches."""
TEMPLATE = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata:
  name: nothing
  namespace: ci
  annotations: {hookline.dev/commit-parameter: revision, hookline.dev/concurrent-runs: "true", hookline.dev/any-ref: "true"}
spec:
  entrypoint: main
  arguments:
    parameters: [{name: repo_url, value: ""}, {name: revision, value: ""}, {name: container_image, value: ""}]
  templates:
  - name: main
    suspend: {duration: "1"}
"""
"""Runs without a pod: what is counted are Workflows, a hundred of them."""


class Pushes:
    """A repository whose every push starts a Workflow that does nothing."""

    def __init__(self, hookline: Hookline, name: str, *, declared: bool = False) -> None:
        """Make the repository.

        Args:
            hookline: The installation.
            name: Of the repository, and of its pipeline.
            declared: Whether hookline.yaml has the pipeline, and the Sensors know it.
        """
        self.name = name
        self._hookline = hookline
        if not declared:
            self._declare()
        self._project = Project(hookline, name)
        self._project.add_webhooks()
        self._gitea = hookline.forge.gitea
        self._project.clone.commit()
        self._heads = dict.fromkeys(BRANCHES, self._project.clone.git("rev-parse", "HEAD"))
        self._commits: list[str] = []

    def _declare(self) -> None:
        """Add the pipeline to hookline.yaml, and wait until the Sensors know it."""
        hookline, file = self._hookline, self._hookline.folder / "hookline.yaml"
        (hookline.folder / "nothing.yaml").write_text(TEMPLATE)
        declared = yaml.safe_load(file.read_text())
        declared.setdefault("templates", {})["nothing"] = {"file": "nothing.yaml"}
        full_name = f"{ORGANISATION}/{self.name}"
        declared["pipelines"][self.name] = {
            "repository": {
                "source": "gitea",
                "name": full_name,
                "url": f"https://{FORGE}:3000/{full_name}.git",
            },
            "run": {"template": "nothing"},
            "events": {"push": {"branches": list(BRANCHES)}},
        }
        file.write_text(yaml.safe_dump(declared, sort_keys=False))
        hookline.shell("kubectl apply --server-side -f nothing.yaml")
        hookline.shell("hookline apply")

    def pods(self, selector: str) -> set[str]:
        """Names of pods of the event path with these labels."""
        return {
            str(each["metadata"]["name"])
            for each in self._hookline.cluster.api.list("v1", "Pod", self._hookline.namespace, selector)
        }

    def push(self, branches: int = len(BRANCHES)) -> None:
        """One commit on each branch, or on some of them, and their push."""
        clone = self._project.clone
        for branch in BRANCHES[:branches]:
            parent = self._heads[branch]
            commit = clone.git(
                "commit-tree", "-p", parent, "-m", f"{len(self._commits)}", f"{parent}^{{tree}}"
            )
            self._heads[branch] = commit
            self._commits.append(commit)
        clone.push(*(f"{commit}:refs/heads/{branch}" for branch, commit in self._heads.items()))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Push again and again while the block runs, and once more after it."""
        ended, failed = threading.Event(), []

        def go_on() -> None:
            try:
                while not ended.wait(PAUSE):
                    self.push()
            except RuntimeError as error:
                failed.append(error)

        self.push()
        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if failed:
            raise failed[0]
        self.push()

    @contextmanager
    def counting(self, what: str, *, may_lose: bool = False) -> Iterator[None]:
        """Push while the block runs. Every push that was answered 200 runs once; so does every other, once it is delivered again.

        Args:
            what: For the line that is printed.
            may_lose: Whether pushes that wait on the bus meanwhile may be lost: they run once they are delivered again.

        Raises:
            AssertionError: A push was lost, or ran twice.
        """
        before = len(self._commits)
        with self.going_on():
            yield
        refused = self.refused()
        if may_lose:
            lost = self._lost()
            print(f"{what}: {len(lost)} pushes were lost with their subscription, and are delivered again")
            self.deliver_again(lost)
        self.check()
        answers = Counter(each.status for each in refused)
        ran = len(self.runs().keys() & {each.commit for each in refused})
        print(
            f"{what}: {len(self._commits) - before} pushes, refused {dict(answers)}, of which {ran} ran all the same"
        )
        self.deliver_again_until_all_run()

    def answers(self) -> list[Answer]:
        """To all deliveries, the oldest first, as soon as each push has been delivered and nothing is on its way."""

        def all_answered() -> list[Answer] | None:
            found = self._gitea.answers(self._project.hook)
            pushed = {each.commit for each in found}
            return found if pushed >= set(self._commits) and all(each.sent for each in found) else None

        return until(all_answered, "every push was delivered, well or not", pause=0.3)

    def refused(self) -> list[Answer]:
        """The newest delivery of each commit that no delivery has brought to the bus."""
        newest = {each.commit: each for each in self.answers()}
        taken = {each.commit for each in self.answers() if each.status == 200}
        return [each for commit, each in newest.items() if commit not in taken]

    def _lost(self) -> list[Answer]:
        """The newest delivery of each push that was answered 200 and starts no Workflow any more."""
        with suppress(NotYet):
            self.check(30)
        newest = {each.commit: each for each in self.answers() if each.status == 200}
        return [each for commit, each in newest.items() if commit not in self.runs()]

    def deliver_again(self, refused: Collection[Answer]) -> None:
        """Press the git host's button for each."""
        for each in refused:
            self._gitea.redeliver("administrator", self._project.full_name, self._project.hook, each.delivery)

    def runs(self) -> Counter[str]:
        """Commit → number of its Workflows."""
        found: Counter[str] = Counter()
        for each in self._hookline.workflows(self.name):
            arguments = {a["name"]: a["value"] for a in each["spec"]["arguments"]["parameters"]}
            found[arguments["revision"]] += 1
        return found

    def until_more_run(self) -> None:
        """Wait until a push has a Workflow that has none now."""
        before = len(self.runs())
        until(lambda: len(self.runs()) > before, "one more Workflow", pause=0.1)

    def check(self, seconds: float = 90) -> int:
        """Every push that a delivery brought to the bus has one Workflow; the number of pushes.

        Raises:
            AssertionError: One has none or several.
        """
        taken = {each.commit for each in self.answers() if each.status == 200}
        until(lambda: taken <= self.runs().keys(), f"{len(taken)} pushes have a Workflow each", seconds, 0.3)
        found = self.runs()
        assert set(found.values()) == {1}, found
        assert set(found) <= set(self._commits)
        return len(self._commits)

    def deliver_again_until_all_run(self) -> None:
        """Press the button for every refused delivery, again and again: every push has one Workflow then."""

        def none_refused() -> bool:
            refused = self.refused()
            self.deliver_again(refused)
            return not refused

        until(none_refused, "no delivery is refused", pause=0.5)
        assert self.check() == len(self.runs())

"""Links of a run lead where the settings say, whatever the run is called; a pattern that lets a run choose the host is refused."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_site import a_run

from documents.diagnostics import InvalidInput
from events.host import host, host_names
from runs.exporter.configuration import read_configuration
from runs.exporter.links import Links
from runs.exporter.web.pages import Pages

LINKS = Links(
    argo="https://argo.example.com/workflows/{namespace}/{workflow}",
    log="https://logs.example.com/pods/{namespace}/{pod}?step={step}&run={uid}",
    commit={
        "github": "https://github.com/{repository}/commit/{sha}",
        "gitlab": "https://gitlab.example.com/{repository}/-/commit/{sha}",
    },
    request={"github": "https://github.com/{repository}/pull/{number}"},
)
GITHUB: dict[str, Any] = {"source": "github", "repository": "acme/shop"}


def test_a_run_leads_to_its_commit_its_request_its_logs_and_argo() -> None:
    run = a_run(**GITHUB, event="pull_request", ref="refs/pull/17/head")
    page = Pages("1", {}, links=LINKS).run(run)
    for address in (
        "https://argo.example.com/workflows/ci/shop-1",
        f"https://github.com/acme/shop/commit/{'3f1c' * 10}",
        "https://github.com/acme/shop/pull/17",
        "https://logs.example.com/pods/ci/shop-1-t0?step=run-test&amp;run=u000001",
    ):
        assert f'href="{address}"' in page


def test_each_source_has_its_own_host_and_one_without_a_pattern_no_link() -> None:
    gitlab = a_run(source="gitlab", repository="group/sub/shop")
    found = LINKS.of_run(gitlab)
    assert found["commit"][0] == f"https://gitlab.example.com/group/sub/shop/-/commit/{'3f1c' * 10}"
    assert set(LINKS.of_run(a_run(source="gitea", repository="a/b"))) == {"argo"}
    assert set(LINKS.of_run(a_run())) == {"argo"}
    assert Links().of_run(a_run(**GITHUB)) == {}


@pytest.mark.parametrize(
    ("event", "ref", "number"),
    [
        ("pull_request", "refs/pull/17/head", "17"),
        ("pull_request", "refs/merge-requests/4/head", "4"),
        ("pull_request", "refs/heads/main", None),
        ("push", "refs/pull/17/head", None),
        ("pull_request", "refs/pull/x/head", None),
    ],
)
def test_only_a_run_of_a_request_leads_to_one(event: str, ref: str, number: str | None) -> None:
    found = LINKS.of_run(a_run(**GITHUB, event=event, ref=ref)).get("request")
    assert found == (
        None if number is None else (f"https://github.com/acme/shop/pull/{number}", f"#{number}")
    )


@given(
    st.text(max_size=30),
    st.text(max_size=30),
    st.sampled_from(["..", "a/../../x", "@evil.example", "//evil", "?a#b", "{sha}"]),
)
def test_no_text_of_a_run_leads_to_another_host_or_place(namespace: str, name: str, repository: str) -> None:
    run = a_run(
        namespace=namespace, name=name, source="github", repository=repository, event="pull_request", ref="refs/pull/1/head"
    )  # fmt: skip
    hosts = {"argo": "argo.example.com", "commit": "github.com", "request": "github.com"}
    for kind, (address, _) in LINKS.of_run(run).items():
        parts = urlsplit(address)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", hosts[kind], "", "")
        assert ".." not in parts.path.split("/")
        assert all(" " <= each <= "~" for each in address)


def test_the_pages_of_every_git_host_are_known() -> None:
    for name in host_names():
        each = host(name)
        requests = "pull_request" in each.kinds
        if name == "bitbucketserver":  # its pages are not below the address of a clone
            assert each.commit_page == each.request_page == ""
            continue
        assert bool(each.commit_page) is bool({"push", "tag"} & each.kinds)
        # A host may have requests and send events of them that cannot be told apart (Bitbucket Cloud).
        assert each.request_page or not requests
        patterns = {"commit": each.commit_page, "request": each.request_page}
        found = {kind: {name: f"https://git.example.com/{page}"} for kind, page in patterns.items() if page}
        assert Links.model_validate(found).of_run(
            a_run(source=name, repository="a/b")
        ).keys() == found.keys() - {"request"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("argo: javascript:alert(1)", "expected an address that begins with https:// and a host"),
        ("argo: 'https://{namespace}.example.com/x'", "expected an address that begins with https:// and a host"),
        ("argo: https://argo.example.com", "expected an address that begins with https:// and a host"),
        ("argo: 'https://argo.example.com/{pod}'", "{pod} is no field; fields: {namespace}, {workflow}, {uid}"),
        ("log: 'https://logs.example.com/{name}'", "{name} is no field; fields: {namespace}, {workflow}, {uid}, {pod}, {step}"),
        ("log: 'https://logs.example.com/{pod'", "expected an address that begins with https:// and a host"),
        ("commit: {github: 'https://github.com/{repository}/{number}'}", "{number} is no field; fields: {repository}, {sha}"),
        ("request: {github: 'ftp://github.com/{repository}'}", "expected an address that begins with https:// and a host"),
    ],
)  # fmt: skip
def test_a_pattern_that_leads_nowhere_is_refused_at_its_place(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "exporter.yaml"
    path.write_text(f"links:\n  {text}\n")
    with pytest.raises(InvalidInput) as refused:
        read_configuration(path)
    (found,) = refused.value.diagnostics
    assert found.position.line == 2
    assert problem in found.message

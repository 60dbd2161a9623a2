"""The image, built once by `make image` from bases of Debian's packages."""

from collections.abc import Iterator

import pytest
from image.built import Archive, Built
from image.offline import Store, keep_image, make_image

TOKEN = "token-of-the-package-index-3f9c"
"""Where a package index asks for one, as a company's mirror does; PyPI ignores it."""


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.fixture(scope="session")
def token() -> str:
    return TOKEN


@pytest.fixture(scope="session")
def built(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Built:
    name = "localhost/hookline:tested"
    folder = tmp_path_factory.mktemp("dist")
    archive = make_image(
        store, folder, IMAGE=name, INDEX=f"https://reader:{TOKEN}@pypi.org/simple",
        SOURCE="https://git.example.com/ci/hookline",
    )  # fmt: skip
    keep_image(archive)  # the node test runs it
    return Built(store, name, Archive(archive), folder)

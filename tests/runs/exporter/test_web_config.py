"""What a web.config may say, when it holds, and what the time of an answer tells of its users: nothing."""

import http.client
import os
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries
from web_site import TLS, Fake, Site, a_run, basic, client, config

from documents.diagnostics import InvalidInput
from runs.web.passwords import ALPHABET, Passwords, problem_of_hash
from runs.web.web_config import Security


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "tls_servr_config: {}\n",
            ["1:1: error: tls_servr_config: unknown key; did you mean tls_server_config?"],
        ),
        (
            "tls_server_config:\n  cert_file: a\n",
            ["2:3: error: tls_server_config.key_file: missing key key_file"],
        ),
        (
            "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}\n",
            ["1:61: error: tls_server_config.min_version: expected one of: TLS12, TLS13; did you mean TLS1"],
        ),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}\n",
            [
                "1:66: error: tls_server_config.client_auth_type: RequireAndVerifyClientCert needs client_ca_file"
            ],
        ),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}\n",
            [
                "1:66: error: tls_server_config.client_auth_type: RequireAnyClientCert accepts certificates that nobody verifies; accepted are NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
            ],
        ),
        (
            "tls_server_config: {cert_file: missing, key_file: gone}\n",
            [
                "1:32: error: tls_server_config.cert_file: there is no file {folder}/missing",
                "1:51: error: tls_server_config.key_file: there is no file {folder}/gone",
            ],
        ),
        (
            "tls_server_config: {cert_file: web.yml, key_file: web.yml}\n",
            ["1:1: error: tls_server_config: certificate, key or client authority: [SSL] PEM lib (_ssl.c:"],
        ),
        (
            "basic_auth_users: {alice: 1:30, bob: secret}\n",
            [
                "1:27: error: basic_auth_users.alice: expected a bcrypt hash of the password, as htpasswd -nBC 10 USER prints it",
                "1:38: error: basic_auth_users.bob: expected a bcrypt hash of the password, as htpasswd -nBC 10 USER prints it",
            ],
        ),
        ("basic_auth_users: {on: x}\n", ['1:20: error: YAML reads the key "on" as true; quote the key']),
        (
            "http_server_config:\n  headers: {X-A: yes}\n",
            [
                '2:18: error: http_server_config.headers.X-A: expected text, but YAML reads yes as true; write "yes"'
            ],
        ),
        (
            "basic_auth_users: {}\nbasic_auth_users: {}\n",
            ['2:1: error: the key "basic_auth_users" stands here twice; the first is in line 1'],
        ),
        (
            "rate_limit: {}\n",
            [
                "1:1: error: rate_limit: unknown key; accepted: tls_server_config, http_server_config, basic_auth_users"
            ],
        ),
        (
            "http_server_config: {http2: true}\n",
            ["1:29: error: http_server_config.http2: expected one of: false"],
        ),
        ("basic_auth_users: [\n", ["2:1: error: "]),
        ("- a\n", ["1:1: error: expected a mapping at the top, such as basic_auth_users: {}, not a list"]),
    ],
)
def test_a_wrong_web_configuration_is_refused_with_each_place(
    tmp_path: Path, text: str, problems: list[str]
) -> None:
    path = config(tmp_path, text)
    with pytest.raises(InvalidInput) as refused:
        Security(path)
    lines = str(refused.value).splitlines()
    expected = [f"{path}:{each.format(folder=tmp_path) if 'folder' in each else each}" for each in problems]
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)
    assert "secret" not in str(refused.value)


def hashed(password: bytes, cost: int = 4) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()


def users(**passwords: bytes) -> str:
    return "basic_auth_users:\n" + "".join(f"  {user}: {hashed(each)}\n" for user, each in passwords.items())


def replace(path: Path, text: str) -> None:
    """As a volume of Kubernetes does it: another file in its place."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


WHOLE = bcrypt.hashpw(b"secret", b"$2b$04$abcdefghijklmnopqrstuu").decode()
"""Of a fixed salt: workers of pytest must collect the same names."""


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (WHOLE[:59], "a bcrypt hash has 60 characters, and this one has 59; copy it whole"),
        (WHOLE[:20], "a bcrypt hash has 60 characters, and this one has 20; copy it whole"),
        (WHOLE + "a", "a bcrypt hash has 60 characters, and this one has 61; copy it whole"),
        ("$2b$", "expected a bcrypt hash"),
        ("$2x$" + WHOLE[4:], "expected a bcrypt hash"),
        (WHOLE[:30] + "=" + WHOLE[31:], "expected a bcrypt hash"),
        ("$2b$03$" + WHOLE[7:], "the cost of a bcrypt hash is 4 to 17 here, and this one has 3"),
        ("$2b$31$" + WHOLE[7:], "the cost of a bcrypt hash is 4 to 17 here, and this one has 31"),
        (WHOLE[:28] + "/" + WHOLE[29:], "no password has this bcrypt hash; copy it again"),
        (WHOLE[:59] + "/", "no password has this bcrypt hash; copy it again"),
    ],
)
def test_a_hash_that_no_password_can_match_is_refused_with_its_place(
    tmp_path: Path, value: str, problem: str
) -> None:
    path = config(tmp_path, f"basic_auth_users:\n  alice: {WHOLE}\n  bob: '{value}'\n")
    with pytest.raises(InvalidInput) as refused:
        Security(path)
    assert str(refused.value).startswith(f"{path}:3:8: error: basic_auth_users.bob: {problem}")
    assert value not in str(refused.value)


@settings(max_examples=tries(30))
@given(
    password=st.binary(max_size=72), place=st.integers(0, 59), letter=st.sampled_from(ALPHABET + "$=\n\u00e9")
)
def test_every_hash_that_is_accepted_can_be_checked(password: bytes, place: int, letter: str) -> None:
    whole = hashed(password)
    assert problem_of_hash(whole) is None
    spoiled = whole[:place] + letter + whole[place + 1 :]
    if problem_of_hash(spoiled) is None and int(spoiled[4:6]) < 8:
        assert bcrypt.checkpw(password, spoiled.encode()) in {True, False}


@pytest.mark.parametrize(
    ("line", "place", "problem"),
    [
        ("'X A': b", "3:5", "no HTTP header can have this name"),
        ('"X-A\\r\\nSet-Cookie": b', "3:5", "expected one line"),
        ("'': b", "3:5", "no HTTP header can have this name"),
        ("X-\u00c4: b", "3:5", "no HTTP header can have this name"),
        ('X-A: "b\\r\\nSet-Cookie: c"', "3:10", "expected one line"),
        ('X-A: "b\\0"', "3:10", "the character U+0000 does not print"),
        ("X-A: \u4e2d", "3:10", "no HTTP header can have this value"),
        ('X-A: " b"', "3:10", "no HTTP header can have this value"),
        ("content-length: '3'", "3:5", "the exporter writes this header itself; take it out"),
        ("Transfer-Encoding: chunked", "3:5", "the exporter writes this header itself; take it out"),
        ("X-A: b\n    x-a: c", "4:10", "this is the same header as X-A; keep one of them"),
    ],
)
def test_a_header_that_no_answer_can_carry_is_refused_with_its_place(
    tmp_path: Path, line: str, place: str, problem: str
) -> None:
    path = config(tmp_path, f"http_server_config:\n  headers:\n    {line}\n")
    with pytest.raises(InvalidInput) as refused:
        Security(path)
    assert str(refused.value).startswith(f"{path}:{place}: error: http_server_config.headers")
    assert problem in str(refused.value)
    assert "\r" not in str(refused.value)


@pytest.mark.parametrize("user", ["a:b", "a\\nb", "\\u202ea"])
def test_a_user_that_no_client_can_name_is_refused(tmp_path: Path, user: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"a client cannot send this name|expected one line|does not print"
    ):
        Security(config(tmp_path, f'basic_auth_users:\n  "{user}": {WHOLE}\n'))


def test_a_header_of_the_file_takes_the_place_of_our_own(tmp_path: Path, sites: list[Site]) -> None:
    text = "http_server_config: {headers: {content-security-policy: sandbox, X-Site: ci}}\n"
    site = Site(Fake(), Security(config(tmp_path, text)))
    sites.append(site)
    headers = site.get("/")[1]
    assert (headers["Content-Security-Policy"], headers["X-Site"]) == ("sandbox", "ci")


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    made: list[Site] = []
    yield made
    for site in made:
        site.server.stop()


# When a change holds


def test_users_of_an_open_exporter_hold_from_the_next_request_also_of_an_open_connection(
    tmp_path: Path, sites: list[Site]
) -> None:
    path = config(tmp_path, "{}\n")
    site = Site(Fake(a_run()), Security(path))
    sites.append(site)
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)

    def asked(authorization: str = "") -> int:
        connection.request("GET", "/runs", headers={"Authorization": authorization} if authorization else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    try:
        assert asked() == 200
        first = connection.sock
        replace(path, users(alice=b"secret"))
        assert [asked(), asked(basic("alice", "wrong")), asked(basic("alice", "secret"))] == [401, 401, 200]
        replace(path, users(alice=b"other"))
        assert asked(basic("alice", "secret")) == 401
        replace(path, users(bob=b"other"))
        assert [asked(basic("alice", "other")), asked(basic("bob", "other"))] == [401, 200]
        assert connection.sock is first
        replace(path, "{}\n")
        assert asked() == 200
    finally:
        connection.close()


def test_a_connection_from_before_tls_is_not_answered_any_more(tmp_path: Path, sites: list[Site]) -> None:
    path = config(tmp_path, "{}\n")
    site = Site(Fake(), Security(path))
    sites.append(site)
    plain = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    secure = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=5, context=client())
    tls = f"tls_server_config:\n  cert_file: {TLS}/server.pem\n  key_file: {TLS}/server.key\n"
    demanding = f"{tls}  client_ca_file: {TLS}/ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
    try:
        plain.request("GET", "/metrics")
        plain.getresponse().read()
        replace(path, tls)
        plain.request("GET", "/metrics")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            plain.getresponse()
        secure.request("GET", "/metrics")
        assert secure.getresponse().read() == b"m 1\n"
        # It showed no certificate when it was made.
        replace(path, demanding)
        secure.request("GET", "/metrics")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            secure.getresponse()
        assert site.get("/metrics", context=client(certificate=True))[0] == 200
    finally:
        plain.close()
        secure.close()


def test_a_changed_file_counts_at_once_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    path = config(tmp_path, users(alice=b"one"))
    security = Security(path)

    def admits(password: str) -> bool:
        passwords = security.now().passwords
        assert passwords is not None
        return passwords.admits("alice", password)

    assert admits("one")
    path.write_text(users(alice=b"two"))
    os.utime(path, (1, 1))
    assert [admits("one"), admits("two")] == [False, True]
    replace(path, "nonsense: [")
    assert admits("two")


# What time tells


def rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rounds of bcrypt each check takes; checks of high costs only say so."""
    found: list[int] = []
    real = bcrypt.checkpw

    def checked(password: bytes, hashed_password: bytes) -> bool:
        cost = int(hashed_password[4:6])
        found.append(2**cost)
        return real(password, hashed_password) if cost < 8 else False

    monkeypatch.setattr(bcrypt, "checkpw", checked)
    return found


def test_a_refusal_takes_as_long_for_every_user_and_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords({"old": hashed(b"a"), "new": "$2b$12$" + WHOLE[7:], "middle": hashed(b"c", 6)})
    found = rounds(monkeypatch)
    for user in ("old", "new", "middle", "nobody", ""):
        for password in ("wrong", "x" * 200, "\u4e2d", "\0", "\ud800"):
            found.clear()
            assert not passwords.admits(user, password)
            assert sum(found) == 2**12


def test_a_password_is_hashed_once_however_many_are_guessed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords({"alice": hashed(b"secret")})
    found = rounds(monkeypatch)
    assert passwords.admits("alice", "secret")
    for number in range(300):
        passwords.admits("alice", f"guess {number}")
    found.clear()
    assert passwords.admits("alice", "secret")
    assert found == []
    # A wrong one costs the same each time.
    for _ in range(3):
        assert not passwords.admits("alice", "wrong")
    assert found == [16, 16, 16]

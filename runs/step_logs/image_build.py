"""The log of build-push-image: which steps BuildKit took from the cache, and why not.

Plain progress (moby/buildkit util/progress/progressui/printer.go). Counting `CACHED` is wrong: a hit whose layer is pulled ends as
`DONE`. A step is a hit if it ever printed CACHED, or if it ended DONE, pulled something and ran nothing.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Literal

from runs.step_logs.results import ImageBuild
from runs.step_logs.text import LogText, pattern

__all__ = ["read_image_build"]

MAX_VERTICES = 5_000
_LINE = (
    # A header, status or end line of a vertex; or a whole run of RUN output of one vertex, in one match.
    rb"(?:^)#(\d{1,6}+) (?:([^0-9\n][^\n]*+)"
    rb"|\d{1,7}+\.\d{1,3} [^\n]*+(?:(?:^)#\1 (?:\d{1,7}+\.\d{1,3} )[^\n]*+)*+)"
)
_END = re.compile(rb"(?:(CACHED)|(CANCELED)|DONE(?: (\d+\.\d+)s)?|ERROR: (.*))\Z", re.DOTALL)
_STEP = re.compile(
    rb"\[(?:([a-z0-9]+/[a-z0-9]+(?:/v\d+)?(?:->\S+)?) )?(?:([^\]\s]+) +)?(\d+)/(\d+)\] (?:ONBUILD )?([A-Z]+|.)"
)
_PULL = re.compile(rb"(?:extracting )?sha256:([0-9a-f]{64})(?: (?:[\d.]+[kMGT]?B / )?([\d.]+)([kMGT]?B)\b)?")
_UNITS = {b"B": 1, b"kB": 10**3, b"MB": 10**6, b"GB": 10**9, b"TB": 10**12}
_NOT_FOUND = (b": not found", b"manifest unknown")
_SOLVE = rb"(?:^)(?:ERROR|error): failed to (?:solve|build): ([^\n]{0,4000})"
_BY_INFRASTRUCTURE = re.compile(
    rb"failed to do request|httpReadSeeker|could not fetch content descriptor|error writing layer blob|failed to push"
    rb"|unexpected status|401 Unauthorized|403 Forbidden|failed to authorize|connection (?:refused|reset)|i/o timeout"
    rb"|TLS handshake timeout|no space left on device|no such host|failed to fetch oauth token|EOF\Z"
)
_DAEMON = rb"(?:^)could not connect to [^\n]{1,500} after \d+ trials"
_CACHE_GONE = (b"httpReadSeeker: failed open", b"could not fetch content descriptor")


@dataclass(slots=True)
class _Vertex:
    name: bytes
    cached: bool = False
    done: bool = False
    seconds: float = 0.0
    error: bytes | None = None
    ran: bool = False
    pulled: dict[bytes, int] = field(default_factory=dict)
    layers: set[bytes] = field(default_factory=set)

    @property
    def hit(self) -> bool:
        return self.cached or (self.error is None and self.done and bool(self.pulled) and not self.ran)

    @property
    def step(self) -> tuple[bytes | None, ...] | None:
        """Platform, stage, i, n of a step that counts; None for anything else, FROM included."""
        match = _STEP.match(self.name)
        return match.groups()[:4] if match is not None and match[5] != b"FROM" else None


def read_image_build(log: LogText, exit_code: int | None, metrics: str | None) -> tuple[ImageBuild, bool]:
    """What it says, and whether it is whole."""
    begin = log.last(b"Start to Build And Push Container Image")
    vertices = _vertices(log, max(begin, 0))
    whole = vertices is not None and begin >= 0 and not log.cut
    if whole and exit_code == 0:
        whole = log.last(b"Build And Push Container Image ") > begin
    if vertices is None or not whole:
        return _unknown(), False
    steps: dict[tuple[bytes | None, ...], bool] = {}
    for vertex in vertices:
        if (key := vertex.step) is not None:
            steps[key] = steps.get(key, False) or vertex.hit
    imports = [each for each in vertices if each.name.startswith(b"importing cache manifest from ")]
    exports = [each for each in vertices if each.name.startswith(b"exporting cache")]
    solve = log.find(_SOLVE, max(begin, 0))
    failure = solve[1] if solve is not None else b""
    hits, total = sum(steps.values()), len(steps)
    import_ok = any(each.done and each.error is None for each in imports)
    if exit_code == 0 and (counted := _from_metrics(metrics)) is not None:
        hits, total = counted
    state = _state(exit_code, hits, total, imports, failure, import_ok=import_ok)
    local = hits > 0 and not import_ok
    pulled: dict[bytes, int] = {}
    for vertex in vertices:
        if vertex.step is not None:
            pulled |= {digest: size for digest, size in vertex.pulled.items() if size or digest not in pulled}
    return ImageBuild(
        cache_state=state,
        steps=total,
        hits=hits,
        counted=state in {"full", "partial", "cold_missing", "cold_error", "cold_unusable"} and not local,
        local=local,
        import_seconds=_seconds(imports),
        export_seconds=_seconds(exports),
        export=_export(exports),
        pulled_bytes=sum(pulled.values()),
        exported_layers=len(set().union(*(each.layers for each in exports))) if exports else 0,
        infrastructure=exit_code != 0 and _infrastructure(log, begin, failure),
    ), True


def _unknown() -> ImageBuild:
    return ImageBuild(
        "unknown", 0, 0, counted=False, local=False, import_seconds=None, export_seconds=None, export="none",
        pulled_bytes=0, exported_layers=0, infrastructure=False,
    )  # fmt: skip


def _vertices(log: LogText, begin: int) -> list[_Vertex] | None:
    """All vertices; None if lines are missing (their numbers go from 1 without a gap) or there are too many."""
    found: dict[int, _Vertex] = {}
    for match in pattern(_LINE, log.stamp).finditer(log.data, begin):
        number, text = int(match[1]), match[2]
        vertex = found.get(number)
        if text is None:
            if vertex is not None:
                vertex.ran = True
        elif vertex is not None:
            _take(vertex, text.rstrip(b"\r")[:4096])
        elif number == 0:
            continue  # buildx says there which driver it uses
        elif len(found) >= MAX_VERTICES:
            return None
        else:
            found[number] = _Vertex(text.rstrip(b"\r")[:4096])
    return list(found.values()) if not found or max(found) == len(found) else None


def _take(vertex: _Vertex, text: bytes) -> None:
    if end := _END.match(text):
        if end[1]:
            vertex.cached = True
        elif end[4] is not None:
            vertex.error = end[4]
        elif not end[2]:
            vertex.done = True
            vertex.seconds = max(vertex.seconds, float(end[3] or 0))
    elif text.startswith((b"sha256:", b"extracting sha256:")):
        # Until 0.8 the bare digest of the vertex stood under its header.
        if (pull := _PULL.match(text)) and len(text) > 71:
            size = int(float(pull[2]) * _UNITS[pull[3]]) if pull[2] else 0
            vertex.pulled[pull[1]] = max(size, vertex.pulled.get(pull[1], 0))
    elif text.startswith(b"writing layer sha256:"):
        vertex.layers.add(text[21:85])


def _from_metrics(metrics: str | None) -> tuple[int, int] | None:
    """Hits and steps of `--debug-json-cache-metrics`: user_cacheable - miss, user_cacheable (buildctl v0.13)."""
    line = (metrics or "").strip().rpartition("\n")[2]
    try:
        found = json.loads(line)
        cacheable, miss = found["user_cacheable"], found["miss"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(cacheable, int) or not isinstance(miss, int) or not 0 <= miss <= cacheable:
        return None
    return cacheable - miss, cacheable


def _state(
    exit_code: int | None, hits: int, steps: int, imports: list[_Vertex], failure: bytes, *, import_ok: bool
) -> str:
    if exit_code != 0:
        return "broken" if import_ok and any(each in failure for each in _CACHE_GONE) else "failed"
    if not imports:
        return "not_configured" if steps else "no_steps"
    if not steps:
        return "no_steps"
    if import_ok:
        return "full" if hits == steps else "partial" if hits else "cold_unusable"
    missing = all(each.error is not None and each.error.endswith(_NOT_FOUND) for each in imports)
    return "cold_missing" if missing else "cold_error"


def _seconds(vertices: list[_Vertex]) -> float | None:
    return sum(each.seconds for each in vertices) if any(each.done for each in vertices) else None


def _export(exports: list[_Vertex]) -> Literal["ok", "error", "none"]:
    if not exports:
        return "none"
    return "error" if any(each.error is not None for each in exports) else "ok"


def _infrastructure(log: LogText, begin: int, failure: bytes) -> bool:
    if b"did not complete successfully" in failure:
        return False
    return bool(_BY_INFRASTRUCTURE.search(failure)) or log.find(_DAEMON, max(begin, 0)) is not None

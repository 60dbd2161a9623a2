"""The log of build-push-image: which steps BuildKit took from the cache, and why not.

Plain progress (moby/buildkit util/progress/progressui/printer.go). Counting `CACHED` is wrong: a hit whose layer is pulled ends as
`DONE`. A step is a hit if it ever printed CACHED, or if it ended DONE, pulled something and ran nothing.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

import orjson

from runs.step_logs.results import ImageBuild
from runs.step_logs.text import LogText

__all__ = ["cache_counts", "read_image_build"]

MAX_VERTICES = 5_000
MAX_STEPS = 100_000
START = b"Start to Build And Push Container Image"
_LINE = re.compile(
    # A header, status or end line of a vertex; or a whole run of RUN output of one vertex, in one match.
    rb"\n#(\d{1,6}+) (?:([^0-9\n][^\n]*+)"
    rb"|\d{1,7}+\.\d{1,3}+(?: [^\n]*+)?+(?:\n#\1 (?:\d{1,7}+\.\d{1,3}+)(?: [^\n]*+)?+)*+(?=\n|\Z))"
)
_END = re.compile(rb"(?:(CACHED)|(CANCELED)|DONE(?: (\d{1,7}\.\d{1,3})s)?|ERROR: (.*))\Z", re.DOTALL)
# What stands before the numbers (platform, target, stage), and i of n: BuildKit pads i with spaces, [ 2/12].
_STEP = re.compile(rb"\[(?:([^\]\n]{1,500}?) +| *)(\d{1,6})/(\d{1,6})\] (?:ONBUILD )?([A-Z]+|.)")
_PULL = re.compile(
    rb"(?:extracting )?sha256:([0-9a-f]{64})(?: (?:\d{1,9}(?:\.\d{1,9})?[kMGT]?B / )?(\d{1,9}(?:\.\d{1,9})?)([kMGT]?B)\b)?"
)
_UNITS = {b"B": 1, b"kB": 10**3, b"MB": 10**6, b"GB": 10**9, b"TB": 10**12}
_IMPORT = b"importing cache manifest from "
_NOT_FOUND = re.compile(
    rb"\bnot found\Z|manifest unknown|MANIFEST_UNKNOWN|name unknown|NAME_UNKNOWN|name not known"
)
_NO_REPOSITORY = re.compile(rb"repository does not exist|insufficient_scope")
"""Text with which a registry refuses a repository without any push; it says the same to a client without rights."""
_ERROR = re.compile(rb"\n(?:ERROR|error): ([^\n]{0,4000})")
_LAST_WORDS = re.compile(rb"signal: killed|cannot allocate memory|no space left on device")
_KILLED_RUN = re.compile(
    rb"did not complete successfully: (?:exit code: (?:137|143)\b|.{0,200}(?:cannot allocate memory|no space left on device"
    rb"|signal: killed|context canceled))"
)
_BY_INFRASTRUCTURE = re.compile(
    rb"failed to do request|httpReadSeeker|could not fetch content descriptor|error writing layer blob|failed to push"
    rb"|unexpected status|401 Unauthorized|403 Forbidden|failed to authorize|connection (?:refused|reset)|i/o timeout"
    rb"|TLS handshake timeout|no space left on device|no such host|failed to fetch (?:oauth|anonymous) token|EOF\Z"
    rb"|DeadlineExceeded|context deadline exceeded|cannot allocate memory|ResourceExhausted"
    # The daemon is gone, or does not answer (grpc's status Unavailable).
    rb"|code = (?:Unavailable|Canceled)|\bUnavailable: |transport is closing|failed to receive status|failed to list workers"
    rb"|error reading from server|connection error: desc|broken pipe|no active session"
)
_DAEMON = re.compile(rb"\ncould not connect to [^\n]{1,500} after \d{1,9} trials")
_CACHE_GONE = (b"httpReadSeeker: failed open", b"could not fetch content descriptor")


@dataclass(slots=True)
class _Vertex:
    name: bytes
    cached: bool = False
    done: bool = False
    canceled: bool = False
    seconds: float = 0.0
    error: bytes | None = None
    ran: bool = False
    pulled: dict[bytes, int] = field(default_factory=dict)
    layers: set[bytes] = field(default_factory=set)

    @property
    def hit(self) -> bool:
        return self.cached or (self.error is None and self.done and bool(self.pulled) and not self.ran)

    @property
    def ended(self) -> bool:
        return self.cached or self.done or self.canceled or self.error is not None

    @property
    def step(self) -> tuple[bytes | None, ...] | None:
        """The text before the numbers, and the numbers i and n, of a step that counts; None for every other step, also for FROM."""
        match = _STEP.match(self.name)
        return match.groups()[:3] if match is not None and match[4] != b"FROM" else None


def read_image_build(log: LogText, exit_code: int | None, metrics: str | None) -> tuple[ImageBuild, bool]:
    """The findings of the log, and whether the log is complete."""
    begin = log.last(START)
    vertices = _vertices(log, max(begin, 0), len(log.data))
    whole = vertices is not None and begin >= 0 and not log.cut
    if whole and vertices is not None and exit_code == 0:
        # Of a build that succeeded, every vertex has ended: one that has not lost its end line.
        whole = log.last(b"Build And Push Container Image ") > begin and all(each.ended for each in vertices)
    if vertices is None or not whole:
        return _unknown(), False
    steps: dict[tuple[bytes | None, ...], bool] = {}
    for vertex in vertices:
        if (key := vertex.step) is not None:
            steps[key] = steps.get(key, False) or vertex.hit
    imports, import_ok = _imports(vertices)
    exports = [each for each in vertices if each.name.startswith(b"exporting cache")]
    failure = _failure(log, begin, len(log.data))
    hits, total = sum(steps.values()), len(steps)
    if exit_code == 0 and (counted := cache_counts(metrics)) is not None:
        hits, total = counted
    if exit_code != 0:
        state = "broken" if import_ok and _is_gone(failure) else "failed"
    elif not imports and _first_try_broke(log, begin):
        state = "broken"
    else:
        state = _state(hits, total, imports, import_ok=import_ok, exported=_export(exports) == "ok")
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


def _vertices(log: LogText, begin: int, end: int) -> list[_Vertex] | None:
    """All vertices of a build.

    None where the lines are not those of one build: some are missing (their numbers go from 1 without a gap), two vertices have
    one number (two builds wrote at once), or there are too many.
    """
    found: dict[int, _Vertex] = {}
    for match in _LINE.finditer(log.data, begin, end):
        number, text = int(match[1]), match[2]
        vertex = found.get(number)
        if text is None:
            if vertex is not None:
                vertex.ran = True
            continue
        text = text[:4096].rstrip()
        if vertex is not None:
            if not _take(vertex, text):
                return None
        elif number == 0:
            continue  # buildx says there which driver it uses
        elif len(found) >= MAX_VERTICES:
            return None
        else:
            found[number] = _Vertex(text)
    return list(found.values()) if not found or max(found) == len(found) else None


def _take(vertex: _Vertex, text: bytes) -> bool:
    """Add a line to its vertex; False if it is the header of another one."""
    if end := _END.match(text):
        if end[1]:
            vertex.cached = True
        elif end[4] is not None:
            vertex.error = end[4]
        elif end[2]:
            vertex.canceled = True
        else:
            vertex.done = True
            vertex.seconds = max(vertex.seconds, float(end[3] or 0))
    elif text.startswith((b"sha256:", b"extracting sha256:")):
        # Until 0.8 the bare digest of the vertex stood under its header.
        if (pull := _PULL.match(text)) and len(text) > 71:
            size = int(float(pull[2]) * _UNITS[pull[3]]) if pull[2] else 0
            vertex.pulled[pull[1]] = max(size, vertex.pulled.get(pull[1], 0))
    elif text.startswith(b"writing layer sha256:"):
        vertex.layers.add(text[21:85])
    elif text.startswith((b"[", _IMPORT, b"exporting cache to ", b"exporting to ")):
        return text == vertex.name
    return True


def _imports(vertices: list[_Vertex]) -> tuple[list[_Vertex], bool]:
    """The imports of caches, and whether one of them worked."""
    found = [each for each in vertices if each.name.startswith(_IMPORT)]
    return found, any(each.done and each.error is None for each in found)


def _failure(log: LogText, begin: int, end: int) -> bytes:
    """The last error that buildctl or buildx printed."""
    found = b""
    for match in _ERROR.finditer(log.data, max(begin, 0), end):
        found = match[1].rstrip()
    return found


def _is_gone(failure: bytes) -> bool:
    return any(each in failure for each in _CACHE_GONE)


def _first_try_broke(log: LogText, begin: int) -> bool:
    """Whether the script built once before, and a blob of the cache was missing: the second try goes without the cache."""
    before = log.last(START, begin + 1)
    if before < 0 or not _is_gone(_failure(log, before, begin)):
        return False
    vertices = _vertices(log, before, begin)
    return vertices is not None and _imports(vertices)[1]


def cache_counts(metrics: str | None) -> tuple[int, int] | None:
    """Hits and steps of `--debug-json-cache-metrics`: user_cacheable - miss, user_cacheable (buildctl v0.13)."""
    line = (metrics or "").strip().rpartition("\n")[2]
    try:
        found = orjson.loads(line)
        cacheable, miss = found["user_cacheable"], found["miss"]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in (cacheable, miss))
    return (cacheable - miss, cacheable) if whole and 0 <= miss <= cacheable <= MAX_STEPS else None


def _state(hits: int, steps: int, imports: list[_Vertex], *, import_ok: bool, exported: bool) -> str:
    """The state of the cache in a build that succeeded."""
    if not imports:
        return "not_configured" if steps else "no_steps"
    if not steps:
        return "no_steps"
    if import_ok:
        return "full" if hits == steps else "partial" if hits else "cold_unusable"
    missing = all(each.error is not None and _missing(each.error, exported=exported) for each in imports)
    return "cold_missing" if missing else "cold_error"


def _missing(error: bytes, *, exported: bool) -> bool:
    """Whether an import found nothing: no such tag, or no such repository.

    A registry that knows no repository refuses as it refuses a stranger. That the same build then wrote its cache there shows that
    it was no stranger.
    """
    if _is_gone(error):
        return False
    return bool(_NOT_FOUND.search(error)) or (exported and bool(_NO_REPOSITORY.search(error)))


def _seconds(vertices: list[_Vertex]) -> float | None:
    return sum(each.seconds for each in vertices) if any(each.done for each in vertices) else None


def _export(exports: list[_Vertex]) -> Literal["ok", "error", "none"]:
    if not exports:
        return "none"
    return "error" if any(each.error is not None for each in exports) else "ok"


def _infrastructure(log: LogText, begin: int, failure: bytes) -> bool:
    if b"did not complete successfully" in failure:
        # A command of the Dockerfile failed: by itself, unless it was killed, or its last lines say that memory or space ran out.
        block = log.first(b"------", max(begin, 0))
        return bool(_KILLED_RUN.search(failure)) or (
            block >= 0 and _LAST_WORDS.search(log.data, block, block + 65_536) is not None
        )
    return bool(_BY_INFRASTRUCTURE.search(failure)) or _DAEMON.search(log.data, max(begin, 0)) is not None

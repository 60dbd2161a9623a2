"""Users and their bcrypt hashes: what a wrong password costs does not tell whether there is such a user."""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping

import bcrypt

__all__ = ["Passwords", "problem_of_hash"]

ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
"""Of bcrypt's own base64."""
HASH_LENGTH = 60
DIGEST_LENGTH = 31
SALT_LENGTH = 22
LOWEST_COST, HIGHEST_COST = 4, 17
"""The costs that htpasswd -C takes; each step doubles the time, and 17 takes seconds."""
MAX_PASSWORD_BYTES = 72
"""bcrypt looks at no more."""


def problem_of_hash(value: str) -> str | None:
    """The fault of a bcrypt hash; None if a password can match it. The hash is not repeated: it may be the password itself."""
    version, cost, rest = value[:4], value[4:6], value[7:]
    if (
        version not in {"$2a$", "$2b$", "$2y$"}
        or not (cost.isascii() and cost.isdigit())
        or value[6:7] != "$"
        or set(rest) - set(ALPHABET)
    ):
        return "expected a bcrypt hash of the password, as htpasswd -nBC 10 USER prints it"
    if len(value) != HASH_LENGTH:
        return f"a bcrypt hash has {HASH_LENGTH} characters, and this one has {len(value)}; copy it whole"
    if not LOWEST_COST <= int(cost) <= HIGHEST_COST:
        return (
            f"the cost of a bcrypt hash is {LOWEST_COST} to {HIGHEST_COST} here, and this one has {int(cost)}"
        )
    # 128 bits of salt and 184 bits of digest leave bits of their last character unused. Where those are set, nothing matches.
    if ALPHABET.index(rest[SALT_LENGTH - 1]) % 16 or ALPHABET.index(rest[-1]) % 4:
        return "no password has this bcrypt hash; copy it again"
    return None


class Passwords:
    """Some users. Safe for threads."""

    def __init__(self, users: Mapping[str, str]) -> None:
        """Know users.

        Args:
            users: Name → bcrypt hash, as `problem_of_hash` accepts it.
        """
        self._hashes = dict(users)
        self._costs = {user: int(hashed[4:6]) for user, hashed in users.items()}
        self._highest = max(self._costs.values(), default=LOWEST_COST)
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._admitted: dict[str, bytes] = {}
        """User → digest of the password that matched: at most one entry for each user, so that guesses push nothing out."""

    def remembers(self, user: str, password: str) -> bool:
        """Whether this password of this user was found right before; takes microseconds."""
        with self._lock:
            found = self._admitted.get(user, b"")
        return hmac.compare_digest(found, self._digest(user, password))

    def admits(self, user: str, password: str) -> bool:
        """Whether this is the password of this user; takes as long as bcrypt does, unless it was found right before.

        Whatever the user, a refusal costs one hash of the highest cost among all users. Cost n takes 2^n rounds, so a user of a lower cost c is
        filled up by hashes of the costs c, c+1, …, n-1: 2^c + (2^c + … + 2^(n-1)) = 2^n.
        """
        if self.remembers(user, password):
            return True
        secret = password.encode("utf-8", "replace")[:MAX_PASSWORD_BYTES]
        hashed = self._hashes.get(user)
        if hashed is None:
            _spend(secret, self._highest)
            return False
        if bcrypt.checkpw(secret, hashed.encode()):
            with self._lock:
                self._admitted[user] = self._digest(user, password)
            return True
        for cost in range(self._costs[user], self._highest):
            _spend(secret, cost)
        return False

    def _digest(self, user: str, password: str) -> bytes:
        text = f"{len(user)}:{user}{password}".encode("utf-8", "replace")
        return hmac.digest(self._secret, text, hashlib.sha256)


def _spend(secret: bytes, cost: int) -> None:
    """Take as long as the check of a hash of this cost takes."""
    bcrypt.checkpw(secret, bcrypt.gensalt(cost) + b"." * DIGEST_LENGTH)

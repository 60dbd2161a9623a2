"""The pods' network: one bridge, and a network namespace with an address for each pod."""

import subprocess

__all__ = ["CONTROL_PLANE", "Address", "lay_bridge"]

CONTROL_PLANE = "10.244.0.1"
"""The bridge's address: where the API server listens, and what pods know it by."""


def _ip(batch: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True, capture_output=True)


def lay_bridge() -> None:
    """Make the bridge, in the network namespace that the launcher made.

    Its hardware address is set, since a bridge otherwise takes the lowest one of its ports: when a pod came or went,
    the others went on sending to the old one, for up to a minute.
    """
    _ip(
        "link set lo up\n"
        "link add pods0 address 02:00:0a:f4:00:01 type bridge\n"
        f"addr add {CONTROL_PLANE}/16 dev pods0\n"
        "link set pods0 up\n"
    )


class Address:
    """A network namespace with one address on the bridge."""

    _last = 1

    def __init__(self) -> None:
        Address._last += 1
        number = Address._last
        self.ip = f"10.244.{number // 250}.{number % 250 + 2}"
        self.name = f"pod{number}"
        _ip(
            f"netns add {self.name}\n"
            f"link add v{self.name} type veth peer name eth0 netns {self.name}\n"
            f"link set v{self.name} master pods0 up\n"
        )
        subprocess.run(
            ["ip", "-netns", self.name, "-batch", "-"],
            input=f"addr add {self.ip}/16 dev eth0\nlink set eth0 up\nlink set lo up\n",
            text=True,
            check=True,
            capture_output=True,
        )

    def release(self) -> None:
        """Give the namespace back."""
        subprocess.run(["ip", "netns", "delete", self.name], check=True, capture_output=True)

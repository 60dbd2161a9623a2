"""Which containers of a pod hold a token of the API server, and whose."""

from typing import Any

__all__ = ["ARGOS_OWN", "holders_of_tokens"]

ARGOS_OWN = {"init": "Secret hookline-executor-token", "wait": "Secret hookline-executor-token"}
"""What `holders_of_tokens` must find in every pod of a run of hookline's."""

_TOKENS = "/var/run/secrets"


def holders_of_tokens(pod: Any) -> dict[str, str]:
    """Container → where its token comes from, for every container of a pod, as the API server keeps it.

    A token is whatever volume a container has below /var/run/secrets, wherever else it mounts a volume with a token (projected, or of a
    Secret of hookline's), and whatever variable it takes from a Secret.
    """
    volumes = {each["name"]: each for each in pod["spec"].get("volumes", [])}
    found = {}
    for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])):
        for mount in container.get("volumeMounts", []):
            source = _source(volumes[mount["name"]])
            if source.endswith("-token") or mount["mountPath"].startswith(_TOKENS):
                found[container["name"]] = source
        for variable in container.get("env", []):
            if "secretKeyRef" in variable.get("valueFrom", {}):
                found[container["name"]] = f"Secret {variable['valueFrom']['secretKeyRef']['name']}"
    return found


def _source(volume: Any) -> str:
    if "secret" in volume:
        return f"Secret {volume['secret']['secretName']}"
    if any("serviceAccountToken" in each for each in volume.get("projected", {}).get("sources", [])):
        return f"projected {volume['name']}-token"
    return "none"

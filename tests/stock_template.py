"""A template with the contract, the marks and the defects of the vendor's texts of ci-go-v1, in words of ours."""

import copy
from typing import Any

from triggers.shipped import shipped


def stock(*, tracking: bool = True, opt: bool = True, blanks: int = 2) -> dict[str, Any]:
    """The text of the second-generation page, as far as its marks go; the arguments make the others of it."""
    url, name, branch, image, tag, file = (
        f"{{{{workflow.parameters.{each}}}}}"
        for each in (
            "repo_url",
            "repo_name",
            "target_branch",
            "container_image",
            "container_tag",
            "dockerfile",
        )
    )
    current = f"git checkout --track origin/{branch} || git checkout {branch}\ngit pull"
    checkout = f"""\
apk add git
cd /workdir
echo "Start to Clone{" " * blanks}{url}"
git -C {name} pull || git clone {url}
cd {name}
{current if tracking else f"git checkout {branch}"}
git rev-parse --short origin/{branch} > /workdir/{name}-commitid.txt
"""
    test = f"""\
mkdir -p /workdir/pkg/mod
export GOMODCACHE=/workdir/pkg/mod
cp -R /workdir/{name} /test/{name}
echo "Start Go Test..."
cd /test/{name} && go test -v ./...
"""
    build = f"""\
echo "Start to Build And Push Container Image"
cd /workdir/{name}
buildctl-daemonless.sh build --frontend dockerfile.v0 --opt filename={file} \\
  {"--opt " if opt else ""}build-arg:GOPROXY=http://proxy.example.com,direct \\
  --output type=image,\\"name={image}:{tag},{image}:latest\\",push=true,registry.insecure=true \\
  --export-cache mode=max,type=registry,ref={image}:buildcache --import-cache type=registry,ref={image}:buildcache
"""
    workdir = {"name": "workdir", "mountPath": "/workdir"}

    def task(
        step: str, container_image: str, script: str, *mounts: dict[str, str], **more: str
    ) -> dict[str, Any]:
        container = {
            "image": container_image, "command": ["sh", "-c"], "args": [script], "volumeMounts": [workdir, *mounts],
        }  # fmt: skip
        return {"name": step, **more, "inline": {"activeDeadlineSeconds": 1200, "container": container}}

    defaults = shipped("ci-go-v1")["spec"]["arguments"]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ClusterWorkflowTemplate",
        "metadata": {"name": "ci-go-v1"},
        "spec": {
            "entrypoint": "main",
            "arguments": copy.deepcopy(defaults),
            "volumes": [
                {"name": "run-test", "emptyDir": {}},
                {"name": "workdir", "persistentVolumeClaim": {"claimName": "pvc-nas"}},
                {"name": "docker-config", "secret": {"secretName": "docker-config"}},
            ],
            "templates": [
                {
                    "name": "main",
                    "dag": {
                        "tasks": [
                            task("git-checkout-pr", "alpine:latest", checkout),
                            task(
                                "run-test", "golang:1.22-alpine", test, {"name": "run-test", "mountPath": "/test"},
                                depends="git-checkout-pr", when="{{workflow.parameters.enable_test}} == true",
                            ),
                            task(
                                "build-push-image", "moby/buildkit:v0.13.0-rootless", build,
                                {"name": "docker-config", "mountPath": "/.docker"}, depends="run-test",
                            ),
                        ]
                    },
                }
            ],
        },
    }  # fmt: skip

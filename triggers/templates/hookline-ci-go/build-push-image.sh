# Builds the image of the source and pushes it, as an ordinary user. Layers are cached in the registry.
set -eu
!include common.sh

# A git tag may have a /, an image tag may not: tools/v1.2.3 becomes tools-v1.2.3, as hookline's Sensors say it.
CONTAINER_TAG=$(printf %s "$CONTAINER_TAG" | tr / -)
case $CONTAINER_TAG in
'' | [.-]* | *[!A-Za-z0-9._-]*) fail "container_tag: expected letters, digits and . _ -, not '$CONTAINER_TAG'" ;;
latest | buildcache | buildcache-*) fail "container_tag: $CONTAINER_TAG is kept for the template itself" ;;
esac
inside dockerfile "$DOCKERFILE"
short=$(printf %s "$COMMIT" | cut -c1-12)
tag=$CONTAINER_TAG
[ "$ENABLE_SUFFIX_COMMITID" != true ] || tag=$tag-$short
mkdir -p /tmp/outputs
printf '' > /tmp/outputs/digest
printf '' > /tmp/outputs/tags

take_source /scratch/source
[ -f "/scratch/source/$DOCKERFILE" ] || fail "dockerfile: there is no $DOCKERFILE in this commit"

created=$(date -u -d "@$COMMIT_TIME" +%Y-%m-%dT%H:%M:%SZ)
set -- --frontend dockerfile.v0 \
  --local context=/scratch/source --local dockerfile=/scratch/source --opt "filename=$DOCKERFILE" \
  --opt "build-arg:GOPROXY=$GOPROXY" \
  --opt "label:org.opencontainers.image.revision=$COMMIT" \
  --opt "label:org.opencontainers.image.source=$REPO_URL" \
  --opt "label:org.opencontainers.image.created=$created" \
  --metadata-file /scratch/metadata --debug-json-cache-metrics /scratch/metrics
[ -z "$PROVENANCE" ] || set -- "$@" --opt "attest:provenance=mode=$PROVENANCE"
[ -z "$SBOM_GENERATOR" ] || set -- "$@" --opt "attest:sbom=generator=$SBOM_GENERATOR"
imports=
tags=
if [ "$SANDBOXED" = true ]; then
  # Foreign code: nothing is pushed, no cache of the registry is read or written, and no password of it is here.
  where="nothing, sandboxed"
else
  case $CONTAINER_IMAGE in
  '' | [/.-]* | *[!A-Za-z0-9._:/-]*)
    # A build that pushes nothing needs an image for its caches alone.
    [ "$PUBLISH" = false ] && [ -z "$CONTAINER_IMAGE" ] ||
      fail "container_image: expected registry/namespace/name, not '$CONTAINER_IMAGE'" ;;
  esac
  imports="buildcache"
  [ -z "$CACHE" ] || [ "$CACHE" = buildcache ] || imports="$CACHE buildcache"
  [ -n "$CONTAINER_IMAGE" ] || imports=
  if [ "$PUBLISH" = false ]; then
    where="nothing, publish is false"
  else
    [ -s "$DOCKER_CONFIG/config.json" ] || fail "Secret docker-config with the key config.json is missing in this namespace"
    tags=$tag
    # Who looks for the image of a git tag looks for that tag.
    case $REF in refs/tags/*) [ "$tag" = "$CONTAINER_TAG" ] || tags="$tags $CONTAINER_TAG" ;; esac
    [ "$LATEST" != true ] || tags="$tags latest"
    names=
    for each in $tags; do names=${names:+$names,}$CONTAINER_IMAGE:$each; done
    where=$(echo "$names" | sed 's/,/ and /g')
    # The commit's time for the image's alone: as a build argument it would be a new time for every step, and none a hit.
    set -- "$@" --output "type=image,\"name=$names\",push=true,source-date-epoch=$COMMIT_TIME"
    # A cache that cannot be written is no reason to lose a good image.
    [ -z "$CACHE" ] || set -- "$@" --export-cache "type=registry,mode=max,ignore-error=true,ref=$CONTAINER_IMAGE:$CACHE"
  fi
fi

# Cache mounts (RUN --mount=type=cache) live in BuildKit's daemon, which ends with the pod. What they hold is carried from run to run as
# one file on the volume, by two small builds that have the same mounts. It is written once a day at most: yesterday's is nearly as good,
# and it is large. It is a cache: whatever goes wrong, the image is built without.
mount_ids() {
  grep -oE -- '--mount=[^[:space:]]+' "/scratch/source/$DOCKERFILE" | grep -E '[=,]type=cache(,|$)' | grep -vE "[\$\"'\\\\]" |
    sed -nE 's/.*[=,]id=([^,]*).*/\1/p; t; s/.*[=,](target|dst|destination)=([^,]*[^,/])\/*(,.*)?$/\2/p' | sort -u
}
carried=/caches/image
carry() { # by $direction, in or out
  ids=$(mount_ids) || return 0
  [ -n "$ids" ] && [ -x /bin/busybox ] || return 0
  rm -rf /scratch/carry
  mkdir -p /scratch/carry/tools/bin /scratch/carry/tools/lib
  cp /bin/busybox /scratch/carry/tools/bin/busybox
  cp /lib/ld-musl-*.so.1 /scratch/carry/tools/lib/ 2> /dev/null || true
  flags=
  for id in $ids; do
    flags="$flags --mount=type=cache,id=$id,target=/mounts/$(printf %s "$id" | sha256sum | cut -c1-12)"
  done
  printf 'FROM scratch AS made\nCOPY --from=tools . /\n' > /scratch/carry/Dockerfile
  set -- build --frontend dockerfile.v0 --local dockerfile=/scratch/carry --local tools=/scratch/carry/tools --opt context:tools=local:tools
  if [ "$direction" = in ]; then
    echo "RUN --mount=type=bind,from=carried,target=/carried$flags [\"/bin/busybox\", \"tar\", \"-C\", \"/mounts\", \"-xf\", \"/carried/mounts.tar\"]" \
      >> /scratch/carry/Dockerfile
    set -- "$@" --local carried=$carried --opt context:carried=local:carried
  else
    printf '%s\n' "RUN$flags [\"/bin/busybox\", \"tar\", \"-C\", \"/mounts\", \"-cf\", \"/mounts.tar\", \".\"]" \
      'FROM scratch' 'COPY --from=made /mounts.tar /' >> /scratch/carry/Dockerfile
    set -- "$@" --output type=local,dest=/scratch/carry/out
  fi
  if ! buildctl-daemonless.sh "$@" > /scratch/carry/log 2>&1; then
    echo "Cache mounts were not carried $direction: $(tail -n 1 /scratch/carry/log)"
  elif [ "$direction" = out ] && [ "$(du -m /scratch/carry/out/mounts.tar | cut -f 1)" -le "$MOUNTS_MEGABYTES" ]; then
    new=$carried/.new-$(hostname)-$$
    cp /scratch/carry/out/mounts.tar "$new" && mv "$new" $carried/mounts.tar
  fi
  rm -rf /scratch/carry
}

# `$1`, whether to import, then what buildctl is told. Progress is on stderr; a copy of it tells why a build failed.
build() {
  use=$1
  shift
  if [ "$use" = import ]; then
    for each in $imports; do set -- "$@" --import-cache "type=registry,ref=$CONTAINER_IMAGE:$each"; done
  fi
  echo "Start to Build And Push Container Image"
  rm -f /scratch/metrics /scratch/metadata
  { code=0; buildctl-daemonless.sh build "$@" || code=$?; echo $code > /scratch/code; } 2>&1 | tee /scratch/log
  return "$(cat /scratch/code)"
}
echo "Image Tag is: $tag"
direction=in
# The same commit again is taken from the registry's cache, and runs nothing.
if [ -f $carried/mounts.tar ] && [ "$(cat $carried/last 2> /dev/null)" != "$COMMIT" ]; then carry || true; fi
code=0
build import "$@" || code=$?
# The cache's manifest is there and a blob of it is not: the registry cleaned up. Only a build without it can make it whole again.
if [ $code != 0 ] && [ -n "$imports" ] && grep -qE 'httpReadSeeker: failed open|could not fetch content descriptor' /scratch/log; then
  echo "The cache misses a blob; once more without it:"
  code=0
  build afresh "$@" || code=$?
fi
# BuildKit pushes the tags of an image at the same time, and a registry can mix up the uploads of a layer that they share
# (moby/buildkit #3856). What was uploaded whole is there the second time, and nothing is built again.
if [ $code != 0 ] && grep -q 'digest did not match uploaded content' /scratch/log; then
  echo "The registry mixed up two uploads; once more:"
  code=0
  build import "$@" || code=$?
fi
[ $code = 0 ] || exit $code

tail -n 1 /scratch/metrics > /tmp/outputs/cache-metrics 2> /dev/null || true
if [ -n "$tags" ]; then
  sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' /scratch/metadata | head -n 1 | tr -d '\n' > /tmp/outputs/digest
  printf %s "$tags" > /tmp/outputs/tags
fi
direction=out
if ! grep -q '"miss":0,' /tmp/outputs/cache-metrics && [ -z "$(find $carried -name mounts.tar -mtime -1 2> /dev/null)" ]; then carry || true; fi
{ echo "$COMMIT" > $carried/last; } 2> /dev/null || true
echo "Build And Push Container Image $where Complete."

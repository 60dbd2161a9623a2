# Builds the image of the source and pushes it, as an ordinary user, with the registry as the only cache.
set -eu
umask 022

fail() { echo "error: $*" >&2; exit 1; }

case $CONTAINER_TAG in
'' | [.-]* | *[!A-Za-z0-9._-]*) fail "container_tag: expected letters, digits and . _ -, not '$CONTAINER_TAG'" ;;
latest | buildcache) fail "container_tag: $CONTAINER_TAG is kept for the template itself" ;;
esac
case /$DOCKERFILE/ in
*/../* | //*) fail "dockerfile: expected a path inside the repository, not '$DOCKERFILE'" ;;
esac
short=$(printf %s "$COMMIT" | cut -c1-12)
tag=$CONTAINER_TAG
[ "$ENABLE_SUFFIX_COMMITID" != true ] || tag=$tag-$short
mkdir -p /tmp/outputs /scratch/source
printf '' > /tmp/outputs/digest
printf '' > /tmp/outputs/tags

tries=0
until [ -f "/source/$SOURCE.tar" ]; do
  [ $tries -lt 60 ] || fail "the source of git-checkout-pr is not on the volume"
  ls /source > /dev/null
  sleep 1
  tries=$((tries + 1))
done
tar -C /scratch/source -xf "/source/$SOURCE.tar"
[ -f "/scratch/source/$DOCKERFILE" ] || fail "dockerfile: there is no $DOCKERFILE in this commit"
if [ -s /private-ca/ca.crt ]; then
  cat /etc/ssl/certs/ca-certificates.crt /private-ca/ca.crt > /scratch/ca.crt
  export SSL_CERT_FILE=/scratch/ca.crt
fi

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
if [ "$SANDBOXED" = true ]; then
  # Foreign code: nothing is pushed, no cache is read or written, and no registry's password is here.
  where="nothing, sandboxed"
  tags=
else
  case $CONTAINER_IMAGE in
  '' | [/.-]* | *[!A-Za-z0-9._:/-]*) fail "container_image: expected registry/namespace/name, not '$CONTAINER_IMAGE'" ;;
  esac
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
  imports="buildcache"
  [ -z "$CACHE" ] || [ "$CACHE" = buildcache ] || imports="$CACHE buildcache"
  # A cache that cannot be written is no reason to lose a good image.
  [ -z "$CACHE" ] || set -- "$@" --export-cache "type=registry,mode=max,ignore-error=true,ref=$CONTAINER_IMAGE:$CACHE"
fi

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
code=0
build import "$@" || code=$?
# The cache's manifest is there and a blob of it is not: the registry cleaned up. Only a build without it can make it whole again.
if [ $code != 0 ] && [ -n "$imports" ] && grep -qE 'httpReadSeeker: failed open|could not fetch content descriptor' /scratch/log; then
  echo "The cache misses a blob; once more without it:"
  code=0
  build afresh "$@" || code=$?
fi
[ $code = 0 ] || exit $code

tail -n 1 /scratch/metrics > /tmp/outputs/cache-metrics 2> /dev/null || true
if [ -n "$tags" ]; then
  sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' /scratch/metadata | head -n 1 | tr -d '\n' > /tmp/outputs/digest
  printf %s "$tags" > /tmp/outputs/tags
fi
echo "Build And Push Container Image $where Complete."

set -eu
tag=$CONTAINER_TAG
if [ "$ENABLE_SUFFIX_COMMITID" = true ]; then
  tag=$tag-$(cat "/workdir/$REPO_NAME-commitid.txt")
fi
image=$CONTAINER_IMAGE
echo "Image Tag is: $tag"
echo "Start to Build And Push Container Image"
cd "/workdir/$REPO_NAME"
buildctl-daemonless.sh build \
  --frontend dockerfile.v0 \
  --local context=. \
  --local dockerfile=. \
  --opt "filename=$DOCKERFILE" \
  --opt build-arg:GOPROXY=https://goproxy.cn,direct \
  --output "type=image,\"name=$image:$tag,$image:latest\",push=true,registry.insecure=true" \
  --export-cache "type=registry,mode=max,ref=$image:buildcache" \
  --import-cache "type=registry,ref=$image:buildcache"
echo "Build And Push Container Image $image:$tag and $image:latest Complete."

set -eu
export GOMODCACHE=/workdir/pkg/mod
if [ ! -d "$GOMODCACHE" ]; then
  mkdir -p "$GOMODCACHE"
  echo "GOMODCACHE Directory /pkg/mod is created"
fi
cp -R "/workdir/$REPO_NAME" "/test/$REPO_NAME"
cd "/test/$REPO_NAME"
echo "Start Go Test..."
go test -v ./...
echo "Go Test Complete."

# Tests the source. The volume keeps two caches of Go's for this repository alone, both safe without file locks: module downloads are files
# that never change, verified against go.sum in every run, written under another name and renamed; the build cache is Go's own, which
# takes no locks. Earlier tests of this repository could write both, so they are tidied before anything in them is opened.
set -euf
!include common.sh

inside go_module_directory "$GO_MODULE_DIRECTORY"
download=/caches/download
reports=/tmp/reports
mkdir -p /tmp/outputs "$reports"
printf 0 > /tmp/outputs/needed
printf 0 > /tmp/outputs/downloaded

# The same directory in every run: what Go compiled for it is found again.
take_source "/test/$REPO_NAME"

for each in $GO_ENV; do
  case $each in
  GO*=* | CGO_*=*) export "$each" ;;
  *) fail "go_env: expected words such as GONOSUMDB=git.example.com, not '$each'" ;;
  esac
done
export GOCACHE=/caches/build GOMODCACHE=/scratch/mod GOTOOLCHAIN=auto GOPROXY
mkdir -p "$GOMODCACHE/cache/download" /scratch/tools

cat > /scratch/tools/ci.go <<'HELPER'
!include ci.go
HELPER
# Go opens what it finds in its cache, and would wait for ever for a pipe that an earlier test has left there.
timeout 60 find "$GOCACHE" -xdev ! -type f ! -type d -delete 2> /dev/null || true
build_ci() {
  (cd /scratch/tools && GOFLAGS= GOWORK=off GO111MODULE=off GOTOOLCHAIN=local "$@" go build -o /scratch/tools/ci ci.go)
}
build_ci timeout -k 1 120 || build_ci env GOCACHE=/scratch/tools/build
ci=/scratch/tools/ci
"$ci" tidy "$download" "$CACHE_MEGABYTES" "$CACHE_DAYS" || true
"$ci" tidy "$GOCACHE" "$CACHE_MEGABYTES" 0 || true
[ -n "$(ls -A "$download")" ] || echo "GOMODCACHE Directory /pkg/mod is created"
# Go takes a test's result from the cache only while the files it read have the same time: a file's time follows its content.
"$ci" times "/source/$SOURCE.files" "/test/$REPO_NAME"

cd "/test/$REPO_NAME/$GO_MODULE_DIRECTORY" 2> /dev/null || fail "go_module_directory: there is no $GO_MODULE_DIRECTORY in this commit"
[ -f go.mod ] || [ -f go.work ] || fail "no go.mod in $GO_MODULE_DIRECTORY: say where with go_module_directory, or switch enable_test off"
"$ci" restore "$download" "$GOMODCACHE/cache/download" "/test/$REPO_NAME"

echo "Start Go Test..."
keep() { "$ci" keep "$GOMODCACHE/cache/download" "$download" "$CACHE_MEGABYTES" > /tmp/outputs/downloaded || true; }
if [ ! -d vendor ]; then
  # Downloads what the tests need, and says so, before code of the repository runs.
  if go list -e -deps -test -json=Module $GO_TEST_PACKAGES > /scratch/needed; then
    "$ci" modules < /scratch/needed > /tmp/outputs/needed
  fi
  keep
fi
coverage=
[ "$COVERAGE" != true ] || coverage=-coverprofile=$reports/coverage.out
{
  code=0
  go test -json $coverage $GO_TEST_FLAGS $GO_TEST_PACKAGES || code=$?
  echo $code > /scratch/code
} | "$ci" report "$reports/tests.json" "$reports/junit.xml" /tmp/outputs/failing-tests "/test/$REPO_NAME"
keep
code=$(cat /scratch/code)
[ "$code" = 0 ] || { echo "Go Test failed with exit code $code." >&2; exit "$code"; }
echo "Go Test Complete."

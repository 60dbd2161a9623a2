# Runs a step's script, `$1`, in a container beside the other steps' of one pod. Argo starts this when the step before has succeeded.
set -u
skip() {
  echo "Nothing to do: $*"
  # The word by which the exporter knows that the step did not run.
  printf skipped > /dev/termination-log 2> /dev/null || true
  exit 0
}
if [ -s /before/skip-reason ]; then skip "$(cat /before/skip-reason)"; fi
[ "${SWITCH:-true}" != false ] || skip "switched off"
for each in $TAKEN; do
  value=$(cat "/before/${each#*=}") || exit 1
  export "${each%%=*}=$value"
done
begin=$(date +%s)
code=0
timeout -k 10 "$DEADLINE" sh -c "$1" "$0" || code=$?
# Programs called timeout differ in the code with which they end; 124 is what GNU's says.
if [ $code != 0 ] && [ $(($(date +%s) - begin)) -ge "$DEADLINE" ]; then
  echo "error: $0 took longer than $DEADLINE seconds" >&2
  exit 124
fi
exit $code

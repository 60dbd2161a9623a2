# Waits for the ends of the containers beside it, and hands over what they left: Argo takes outputs from `main` alone.
# It succeeds whatever came of them. The pod then fails by the step that failed, and has the outputs of those that ended all the same.
set -u
hand_over() {
  mkdir -p /tmp/outputs /tmp/reports
  for each in $HANDED; do
    from=/between/$each
    # What code of the repository wrote may be anything. Only a file is handed over, and only under the name that its own step has for it.
    [ ! -f "$from" ] || [ -L "$from" ] || cp "$from" "/tmp/${each#*/}"
  done
  exit 0
}
# Argo ends all containers when one has failed, or was killed whole, which leaves no exit code.
trap hand_over TERM
for step in $STEPS; do
  until [ -s "/var/run/argo/ctr/$step/exitcode" ]; do sleep 0.2; done
done
hand_over

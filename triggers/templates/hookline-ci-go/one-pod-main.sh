# Waits for the ends of the containers beside it, and hands over what they left: Argo takes outputs from `main` alone.
# It succeeds whatever came of them. The pod then fails by the step that failed, and has the outputs of those that ended all the same.
set -u
mkdir -p /tmp/outputs /tmp/reports
for step in $STEPS; do
  ended=/var/run/argo/ctr/$step/exitcode
  lock=/between/$step/alive/lock
  dead() { [ -f $lock ] && flock -n $lock true && [ ! -s $ended ]; }
  until [ -s $ended ]; do
    sleep 0.2
    # A container that was killed whole, for its memory for example, leaves no exit code, and Argo would wait for one until the deadline.
    if dead && sleep 2 && dead; then printf 137 > $ended; fi
  done
done
for each in $HANDED; do
  from=/between/$each
  # What code of the repository wrote may be anything. Only a file is handed over, and only under the name that its own step has for it.
  [ ! -f "$from" ] || [ -L "$from" ] || cp "$from" "/tmp/${each#*/}"
done

umask 022

fail() { echo "error: $*" >&2; exit 1; }

# inside NAME VALUE: refuses a path that leads out of the repository.
inside() {
  case /$2/ in
  */../* | //*) fail "$1: expected a path inside the repository, not '$2'" ;;
  esac
}

# take_source FOLDER: the files of the commit. Another node's NFS client may take a moment to see what git-checkout-pr wrote.
take_source() {
  tries=0
  until [ -f "/source/$SOURCE.tar" ]; do
    [ $tries -lt 60 ] || fail "the source of git-checkout-pr is not on the volume"
    ls /source > /dev/null
    sleep 1
    tries=$((tries + 1))
  done
  mkdir -p "$1" && tar -C "$1" -xf "/source/$SOURCE.tar"
}

# A private CA is trusted beside the public ones, by whatever is written in Go.
if [ -s /private-ca/ca.crt ]; then
  cat /etc/ssl/certs/ca-certificates.crt /private-ca/ca.crt > /scratch/ca.crt
  export SSL_CERT_FILE=/scratch/ca.crt
fi

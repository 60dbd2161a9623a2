# Brings exactly one commit onto the volume as one file, source/<repository>/<commit>.tar, without .git.
#
# The volume may be NFS without locks, shared by any number of runs that may be killed at any moment. So nothing on it is ever
# changed in place and nothing is locked: packs and sources are named by what they hold, written under another name and renamed.
# Git works in a repository of this pod, which borrows the packs of the mirror; whatever is wrong with the mirror, it is left aside.
set -eu
umask 022

fail() { echo "error: $*" >&2; exit 1; }

case $REPO_NAME in
'' | [.-]* | *[!A-Za-z0-9._-]*) fail "repo_name: expected letters, digits and . _ -, not '$REPO_NAME'" ;;
esac
case $REPO_URL in
https://*@* | http://*@*) fail "repo_url: no user or token in the URL; put them into the Secret $GIT_SECRET" ;;
https://?* | http://?* | ssh://?* | git@?*:?*) ;;
*) fail "repo_url: expected https://, http:// or ssh://, or git@host:path, not '$REPO_URL'" ;;
esac
case $REVISION in
*[!0-9a-f]*) fail "revision: expected a whole commit in lower-case hex, not '$REVISION'" ;;
esac
case ${#REVISION} in
0 | 40 | 64) ;;
*) fail "revision: expected 40 or 64 hex digits, not ${#REVISION}" ;;
esac
[ -z "$REF" ] || git check-ref-format "$REF" || fail "ref: '$REF' is no ref of git"
git check-ref-format "refs/heads/$TARGET_BRANCH" || fail "target_branch: '$TARGET_BRANCH' is no branch of git"
# What the event left open, a line each: "base", then the commit before a push, or the branch into which a request goes as refs/heads/...;
# "include" and "exclude", then a regular expression for whole names of files, by which events are decided as well.
asked() { printf '%s\n' "$PATHS" | sed -n "s/^$1 //p"; }
begin=$(asked base)
into=
case $begin in
refs/heads/*) git check-ref-format "$begin" || fail "paths: '$begin' is no branch of git"; into=$begin ;;
*[!0-9a-f]*) fail "paths: expected a commit or refs/heads/... as base, not '$begin'" ;;
esac
case $PATHS in
'' | 'base '* | 'include '* | 'exclude '*) ;;
*) fail "paths: expected lines that begin with base, include or exclude" ;;
esac

export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 GIT_LFS_SKIP_SMUDGE=1 HOME=/scratch/home
mkdir -p "$HOME" /tmp/outputs
git config --global gc.auto 0
git config --global fetch.unpackLimit 1
git config --global advice.detachedHead false
# What a repository says of LFS is not run: pointers stay pointers, whatever the image has installed.
git config --global filter.lfs.smudge ''
git config --global filter.lfs.process ''
git config --global filter.lfs.required false
if [ -s /private-ca/ca.crt ]; then
  cat /etc/ssl/certs/ca-certificates.crt /private-ca/ca.crt > "$HOME/ca.crt"
  git config --global http.sslCAInfo "$HOME/ca.crt"
fi
if [ -s /git-secret/ssh-private-key ]; then
  [ -s /git-secret/known_hosts ] || fail "Secret $GIT_SECRET has ssh-private-key but no known_hosts: anyone could answer for the host"
  install -m 600 /git-secret/ssh-private-key "$HOME/key"
  export GIT_SSH_COMMAND="ssh -i $HOME/key -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/git-secret/known_hosts"
fi
if [ -s /git-secret/password ]; then
  # Git asks only for the host of repo_url; neither the URL nor an argument ever holds the token.
  printf '%s\n' '#!/bin/sh' '[ "$1" = get ] || exit 0' 'u=$(cat /git-secret/username 2>/dev/null) || u=' \
    'printf "username=%s\npassword=%s\n" "${u:-git}" "$(cat /git-secret/password)"' > "$HOME/credentials"
  chmod 700 "$HOME/credentials"
  host=${REPO_URL#*://}
  git config --global "credential.${REPO_URL%%://*}://${host%%/*}.helper" "$HOME/credentials"
fi

# A moment without network is tried again; what the host says no to is not.
ask() {
  attempt=1
  until "$@" 2> "$HOME/error"; do
    cat "$HOME/error" >&2
    grep -qiE 'could not resolve|connection|timed out|early eof|unexpected disconnect|HTTP 5|error: 5|TLS' "$HOME/error" || return 1
    [ $attempt -lt 3 ] || return 1
    sleep $((attempt * 2))
    attempt=$((attempt + 1))
  done
}

store=/workdir/hookline
key=$REPO_NAME-$(printf %s "$REPO_URL" | sha256sum | cut -c1-12)
mirror=$store/git/$key.git
# In a pod of its own the source goes by the volume; in one pod with the others by a folder that they share.
sources=${SOURCES:-$store/source/$key}
self=.new-$(hostname)-$$
mkdir -p "$mirror/objects/pack" "$mirror/objects/info" "$mirror/refs" "$sources" "$store/source" "$store/go/modules/$key" "$store/go/build/$key"
touch "$mirror/used"
# build-push-image is an ordinary user. In one pod a kubelet has made the folder already.
mkdir -p "$store/image/$key"
chmod 777 "$store/image/$key" || true
# A whole bare repository, for whoever wants to look: git --git-dir=... log.
[ -f "$mirror/HEAD" ] || { echo 'ref: refs/heads/main' > "$mirror/$self" && mv "$mirror/$self" "$mirror/HEAD"; }

echo "Start to Clone  $REPO_URL"
ask git ls-remote --symref -- "$REPO_URL" HEAD "refs/heads/$TARGET_BRANCH" ${REF:+"$REF" "$REF^{}"} ${into:+"$into"} \
  ${DEFAULT_BRANCH:+"refs/heads/$DEFAULT_BRANCH"} > "$HOME/remote" ||
  fail "$REPO_URL does not answer, or does not let us in"
named() { NAME=$1 awk -F '\t' '$2 == ENVIRON["NAME"] && $1 !~ /^ref: / { print $1; exit }' "$HOME/remote"; }
default=$DEFAULT_BRANCH
[ -n "$default" ] || default=$(awk -F '\t' '$2 == "HEAD" && sub(/^ref: refs\/heads\//, "", $1) { print $1; exit }' "$HOME/remote")
head=$(named "refs/heads/$TARGET_BRANCH")
if [ -n "$REVISION" ]; then
  wanted=$REVISION
elif [ -n "$REF" ]; then
  wanted=$(named "$REF^{}")
  [ -n "$wanted" ] || wanted=$(named "$REF")
  [ -n "$wanted" ] || fail "$REF does not exist at $REPO_URL: deleted, or not pushed yet"
else
  wanted=$head
  [ -n "$wanted" ] || fail "branch $TARGET_BRANCH does not exist at $REPO_URL: deleted, or not pushed yet"
fi
format=sha1
[ ${#wanted} -eq 40 ] || format=sha256

# A repository of this pod; `$1` says whether it borrows what the mirror has.
git_dir=/scratch/git
prepare() {
  rm -rf "$git_dir"
  git init -q --bare --template= --object-format=$format "$git_dir"
  git --git-dir="$git_dir" config remote.origin.url "$REPO_URL"
  if [ "$1" = borrow ]; then
    echo "$mirror/objects" > "$git_dir/objects/info/alternates"
    [ ! -f "$mirror/packed-refs" ] || cp "$mirror/packed-refs" "$git_dir/packed-refs"
  fi
}
g() { git --git-dir="$git_dir" "$@"; }
have() { g cat-file -e "$1^{commit}" 2> /dev/null; }

# A commit with its ancestors.
single() { # commit, options of git fetch
  name=$1
  shift
  ask g fetch -q "$@" --no-tags --no-write-fetch-head origin "+$name:refs/hookline/$name" && have "$name"
}
# The commit itself, and where a host does not give single commits, everything it has.
fetch() { # options of git fetch
  single "$wanted" "$@" && return
  ask g fetch -q "$@" --no-write-fetch-head origin '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*' \
    ${REF:+"+$REF:refs/hookline/ref"} && have "$wanted"
}

# For the next steps.
put() { printf %s "$2" > "/tmp/outputs/$1"; }

!include changed-paths.sh
if [ -n "$skip_reason" ]; then
  put commit "$commit"
  put time "$time"
  put repository "$key"
  put source ""
  put latest false
  put cache ""
  put skip-reason "$skip_reason"
  echo "Nothing to build: the other steps are skipped ($skip_reason)."
  exit 0
fi

# Everything that the commit needs is readable: its tree is written into an index and its files onto the pod's disk, unless an earlier run
# has published them.
work=/scratch/work
unfold() {
  rm -rf "$work" "$HOME/index"
  mkdir -p "$work"
  commit=$(g rev-parse --verify -q "$wanted^{commit}") || return 1
  source=$commit
  [ "$SUBMODULES" != true ] || source=$commit-submodules
  [ ! -f "$sources/$source.tar" ] || return 0
  GIT_INDEX_FILE=$HOME/index g -c core.bare=false --work-tree="$work" read-tree --reset -u "$commit"
}

obtain() {
  prepare "$1" || return 1
  if have "$wanted"; then
    echo "Already up to date."
  else
    # Ancestors are what an update is told from a first clone by.
    if [ -s "$git_dir/packed-refs" ]; then echo "Updating to $wanted"; else echo "Cloning into '$REPO_NAME'..."; fi
    fetch || return 1
  fi
  unfold
}
aside=
if ! obtain borrow; then
  gone="commit $wanted cannot be had from $REPO_URL: gone after a forced push, or never there"
  # A mirror whose every object is there did not cause it.
  if [ -z "$(ls "$mirror/objects/pack")" ] || { ! have "$wanted" && g rev-list --objects --all > /dev/null 2>&1; }; then fail "$gone"; fi
  echo "Something is wrong with the mirror; without it:"
  obtain alone || fail "$gone"
  aside=$(ls "$mirror/objects/pack")
fi

echo "Start to Checkout target branch $TARGET_BRANCH"
if [ "$SUBMODULES" = true ] && [ -f "$work/.gitmodules" ]; then
  # Their .git files are in no commit of git's, and lead out of the source.
  (cd "$work" && GIT_DIR="$git_dir" GIT_WORK_TREE="$work" GIT_INDEX_FILE="$HOME/index" \
    git -c core.bare=false submodule -q update --init --recursive --depth 1)
  find "$work" -mindepth 2 -name .git -prune -exec rm -rf {} +
fi

publish() { # file, folder, name: appears whole or not at all, whoever else does the same
  cp "$1" "$2/$self"
  mv "$2/$self" "$2/$3"
}
if [ -f "$sources/$source.tar" ]; then
  touch -c "$sources/$source.tar" "$sources/$source.files" || true
else
  # Which content each file has, so that run-test can give it a time that changes only with the content.
  g ls-tree -r -t -z "$commit" > "$HOME/files"
  publish "$HOME/files" "$sources" "$source.files"
  tar -C "$work" -cf "$HOME/source.tar" .
  publish "$HOME/source.tar" "$sources" "$source.tar"
fi

# Packs in use: what is superseded waits for the sweep.
packs() {
  for file in "$mirror/objects/pack"/pack-*.pack; do
    [ ! -f "$file" ] || [ -f "${file%.pack}.superseded" ] || echo "$file"
  done
}
# The index comes last: with it git sees the pack. What is there already is the same, unless the mirror is damaged.
publish_packs() {
  for suffix in pack rev idx; do
    for file in "$git_dir/objects/pack"/pack-*."$suffix"; do
      [ -f "$file" ] || continue
      [ -n "$aside" ] || [ ! -f "$mirror/objects/pack/${file##*/}" ] || continue
      publish "$file" "$mirror/objects/pack" "${file##*/}"
    done
  done
}
if [ -n "$(ls "$git_dir/objects/pack")" ]; then
  # The packs come first, then the ref that lets the next run ask for what is new only.
  publish_packs
  # 200 refs are enough to tell the host what is here.
  name=refs/hookline/$(printf %s "${REF:-$TARGET_BRANCH}" | sha256sum | cut -c1-16)
  { [ -z "$aside" ] && grep -v -e '^#' -e " $name\$" "$mirror/packed-refs" 2> /dev/null | tail -n 199 || true
    echo "$commit $name"; } > "$HOME/refs"
  publish "$HOME/refs" "$mirror" packed-refs
  # Nothing is taken away at once: another run may be reading it.
  for file in $aside; do
    case $file in
    *.pack) [ -f "$git_dir/objects/pack/$file" ] || touch "$mirror/objects/pack/${file%.pack}.superseded" ;;
    esac
  done
fi
if [ "$(packs | wc -l)" -gt "$MIRROR_PACKS" ]; then
  before=$(packs)
  prepare borrow
  if g repack -a -d -q 2> /dev/null; then
    publish_packs
    for file in $before; do
      [ -f "$git_dir/objects/pack/${file##*/}" ] || touch "${file%.pack}.superseded"
    done
  fi
fi

# Once an hour, what nobody needs any more goes: nothing that a run of today can still be using. Only this step writes sources and
# mirrors. What tests could write is never looked into here: a repository's folders go as a whole once its mirror was not used for days,
# by their name first, so that nothing can be put in their place, and then for a minute at most, whatever lies in them.
discard() {
  [ ! -e "$1" ] || mv "$1" "$store/.gone-$(hostname)-$$-$(printf %s "$1" | sha256sum | cut -c1-12)" || true
}
# All that was discarded. A path that is too long for rm becomes a short one.
empty='
  until rm -rf "$0"/.gone-* 2> /dev/null; do
    find "$0"/.gone-* -maxdepth 8 -type d ! -perm -700 -exec chmod 700 {} + 2> /dev/null
    find "$0"/.gone-* -mindepth 8 -maxdepth 8 -type d -exec sh -c '"'"'for each; do mv "$each" "$(mktemp -d "$0/.gone-XXXXXX")"; done'"'"' "$0" {} + 2> /dev/null
  done'
if [ -z "$(find "$store" -maxdepth 1 -name .swept -mmin -60)" ]; then
  touch "$store/.swept"
  find "$store/source" -type f -mmin +"$SOURCE_MINUTES" -exec rm -f {} + || true
  find "$store/git" "$store/source" "$store/image" -maxdepth 4 -name '.new-*' -type f -mmin +180 -exec rm -f {} + || true
  find "$store/git" -name '*.superseded' -type f -mmin +180 | while read -r file; do
    rm -f "${file%.superseded}.idx" "${file%.superseded}.rev" "${file%.superseded}.pack" "$file"
  done
  find "$store/git" -mindepth 2 -maxdepth 2 -name used -type f -mtime +"$CACHE_DAYS" | while read -r used; do
    unused=${used%.git/used}
    unused=${unused##*/}
    for folder in git/"$unused".git source/"$unused" go/build/"$unused" go/modules/"$unused" image/"$unused"; do discard "$store/$folder"; done
  done
  find "$store/source" "$store/go/build" "$store/go/modules" "$store/image" -mindepth 1 -maxdepth 1 -type d -mmin +60 | while read -r folder; do
    [ -f "$store/git/${folder##*/}.git/used" ] || discard "$folder"
  done
  # What every repository's tests could write once.
  discard "$store/go/download"
  timeout 60 sh -c "$empty" "$store" || true
fi

echo "Get commit id"
echo "Commit id is got: $commit"
# :latest is the head of the default branch: a run that comes too late, or is of an older commit, leaves it alone.
latest=false
if [ -z "$REF" ] || [ "$REF" = "refs/heads/$TARGET_BRANCH" ]; then
  branch=$TARGET_BRANCH
  if [ "$TARGET_BRANCH" = "$default" ] && [ "$commit" = "$head" ]; then latest=true; fi
else
  case $REF in
  refs/tags/*) branch= ;;
  *) branch=$REF ;;
  esac
fi
# Each branch has a cache of its own beside the default branch's; a tag only reads.
cache=
if [ -n "$branch" ] && [ "$branch" = "$default" ]; then
  cache=buildcache
elif [ -n "$branch" ]; then
  cache=buildcache-$(printf %s "$branch" | tr -c 'A-Za-z0-9._-' - | cut -c1-60)-$(printf %s "$branch" | sha256sum | cut -c1-8)
fi
put commit "$commit"
put time "$(g log -1 --format=%ct "$commit")"
put repository "$key"
put source "$source"
put latest "$latest"
put cache "$cache"
put skip-reason ""
echo "Git Clone and Checkout Complete."

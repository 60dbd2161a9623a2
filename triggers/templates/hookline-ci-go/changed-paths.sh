# Whether a chosen file has changed, where the event left that open: asked in a repository that is thrown away. Where the mirror has nothing,
# commits and trees come without files. Beside the mirror that is not done: of what a damaged one lacks, git would ask the host, and for that
# read what it lacks, without an end. What git cannot tell is built: then a function here ends with 2, and with 1 where git failed.
export GIT_NO_LAZY_FETCH=1

# Where the changes begin: the commit before a push; else where the branch left the one that it is compared with, by git's own choice if
# there are several such places, as in git diff A...B.
compare() { # borrow or alone, options of git fetch
  prepare "$1" || return 1
  shift
  have "$wanted" || fetch "$@" || return 1
  other=
  case $begin in
  refs/heads/*) other=$(named "$begin") ;;
  *)
    # What a forced push took away may be there still.
    if [ -n "$begin" ] && { have "$begin" || single "$begin" "$@"; } 2> /dev/null; then
      since=$begin
      return 0
    fi
    # Of the default branch nothing is left to compare with; the target of a request that has none here is not known.
    case ${REF:-refs/heads/$TARGET_BRANCH} in
    "refs/heads/$default") ;;
    refs/heads/*) [ -z "$default" ] || other=$(named "${DEFAULT_BRANCH:+refs/heads/}${DEFAULT_BRANCH:-HEAD}") ;;
    esac
    ;;
  esac
  [ -n "$other" ] || { echo "There is no branch to compare with."; return 2; }
  have "$other" || single "$other" "$@" || return 1
  status=0
  since=$(g merge-base "$wanted" "$other") || status=$?
  [ $status -ne 1 ] || { echo "The two histories have no commit in common."; return 2; }
  [ $status -eq 0 ] || return 1
}

# An expression as an engine of bytes needs it: one character is its bytes in UTF-8, and no part of them.
bytes() {
  several=$(printf '\\[^/[\200-\377][\200-\377]*\\]')
  one=$(printf '([^/\200-\377]|[\300-\337][\200-\277]|[\340-\357][\200-\277][\200-\277]|[\360-\367][\200-\277][\200-\277][\200-\277])')
  mark=$(printf '\001')
  LC_ALL=C sed -e "s,$several,[^/],g" -e "s,\\[^/\\]\\([*+]\\),$mark\\1,g" -e "s,\\[^/\\],$one,g" -e "s,$mark,[^/],g"
}

# Leaves the names that a pattern matches; with -v, those that it does not.
keep() {
  printf '^(%s)$\n' "$(printf %s "$2" | bytes)" > "$HOME/pattern"
  LC_ALL=C grep "$1" -E -f "$HOME/pattern" "$HOME/names" > "$HOME/kept" || [ $? -eq 1 ] || return 1
  mv "$HOME/kept" "$HOME/names"
}

# The names of the files that differ and are chosen, one a line. A line end in a name becomes another control character: no pattern has any.
choose() {
  compare "$@" || return
  g diff-tree -r -z --no-renames --name-only "$since" "$wanted" > "$HOME/differ" || return 1
  tr '\n\000' '\001\n' < "$HOME/differ" > "$HOME/names"
  include=$(asked include)
  exclude=$(asked exclude)
  { [ -z "$include" ] || keep -a "$include"; } && { [ -z "$exclude" ] || keep -av "$exclude"; }
}

skip_reason=
if [ -n "$PATHS" ]; then
  git_dir=/scratch/question
  status=1
  [ -z "$(ls "$mirror/objects/pack")" ] || { choose borrow && status=0 || status=$?; }
  [ $status -ne 1 ] || { choose alone --filter=blob:none && status=0 || status=$?; }
  if [ $status -ne 0 ]; then
    echo "It cannot be told which files changed, so the commit is built."
  else
    chosen=$(($(wc -l < "$HOME/names")))
    echo "Changed since $since: $(($(tr -cd '\000' < "$HOME/differ" | wc -c))) files, of which paths: chooses $chosen."
    if [ "$chosen" -eq 0 ]; then
      skip_reason=PATHS
      commit=$(g rev-parse "$wanted^{commit}")
      time=$(g log -1 --format=%ct "$commit")
    fi
  fi
  rm -rf "$git_dir"
  git_dir=/scratch/git
fi

set -eu
cd /workdir
echo "Start to Clone  $REPO_URL"
if ! git -C "$REPO_NAME" pull; then
  git clone -- "$REPO_URL"
fi
cd "$REPO_NAME"
echo "Start to Checkout target branch $TARGET_BRANCH"
if ! git checkout --track "origin/$TARGET_BRANCH"; then
  git checkout "$TARGET_BRANCH" --
fi
git pull
echo "Get commit id"
commit=$(git rev-parse --short "origin/$TARGET_BRANCH")
printf '%s\n' "$commit" > "/workdir/$REPO_NAME-commitid.txt"
echo "Commit id is got: $commit"
echo "Git Clone and Checkout Complete."

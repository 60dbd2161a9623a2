# What the programs of all hosts share. Everything here is total: no input makes it fail.

# The value at a path, or null where the path does not fit the data.
def at($path): try getpath($path) catch null;

def text: if type == "string" then . else null end;

def list: if type == "array" then . else [] end;

# The first value of a request header: Argo Events keeps a list per header,
# under `headers` (github source) or `header` (webhook source).
def header($name):
  (at(["headers", $name]) // at(["header", $name])) | list | .[0] | text;

#if push tag pull_request merge_group
def first_line: text | if . == null or . == "" then null else split("\n") | .[0] end;

def zero_commit: type == "string" and test("\\A0+\\z");

# A time, whether as seconds or as text, as text that tells two events of the same commits apart.
def moment:
  if type == "number" then (if . > 0 and . < 1000000000000000 then floor | tostring else null end)
  else text | if . == null or . == "" then null else split(" ") | join("_") end end;
#end

#if push pull_request
# The marker in a text with which somebody asks to skip the build; null without one. Anywhere in the text: GitHub's (docs.github.com,
# "Skipping workflow runs"), which Gitea and Forgejo share, GitLab's ("Skip a pipeline") and Azure's. In the last line, below an
# empty one: GitHub's trailer. Git takes one of its two empty lines away where nobody tells it not to.
def skip_marker:
  text // "" | ascii_downcase | split("\r") | join("") | . as $text
  | (try first(match("\\[(?:skip[ _-]ci|ci[ _-]skip|no ci|skip actions|actions skip)\\]|[*]{3}no_ci[*]{3}").string) catch null)
    // (if ($text | test("\n\n")) and ($text | split("\n") | map(select(. != "")) | .[-1] // "" | test("\\Askip-checks:[ ]*true[ ]*\\z"))
        then "skip-checks: true" else null end);
#end

#if pull_request
# A positive whole number as text; null for anything else. floor makes 7 and 7.0 the same in both engines.
def whole_number:
  if type == "number" and . > 0 and . < 1000000000000000 then floor | tostring else null end;
#end

#if pull_request
# The ref under which a host keeps the head of a request with this number; null where it is not one.
def request_ref($folder): whole_number | if . == null then null else $folder + . + "/head" end;
#end

#if push tag merge_group

# Kind, branch and tag that follow from a full ref.
def pushed($ref):
  if $ref == null then {kind: "other"}
  elif $ref | startswith("refs/heads/") then {kind: "push", ref: $ref, branch: $ref[11:]}
  elif $ref | startswith("refs/tags/") then {kind: "tag", ref: $ref, tag: $ref[10:]}
  else {kind: "other"} end;
#end

#if push
# The paths that a list of commits names.
def changed_files:
  [list | .[] | select(type == "object") | (.added, .modified, .removed) | list | .[] | select(type == "string")]
  | unique;

# Whether every commit of a list says all that it changed, in fewer paths than the host cuts off at. A list that is
# missing or null says nothing: GitLab's system hooks, for one, leave them out.
def lists_every_file($limit):
  list
  | length > 0 and all(.[];
      type == "object"
      and ([.added, .modified, .removed] | all(.[]; type == "array" and all(.[]; type == "string")))
      and ([.added, .modified, .removed | length] | add) < $limit);
#end

#if pull_request
# A pull request whose head repository is gone, or cannot be told, is a fork.
def is_fork($head; $base):
  if ($head | type) == "string" and ($base | type) == "string"
  then ($head | ascii_downcase) != ($base | ascii_downcase)
  else true end;

# Whether two values that both are told contradict each other.
def differ($one; $other): $one != null and $other != null and is_fork($one; $other);

# Whether a request's head names no branch. Whoever may read can make a request at Gitea and Forgejo by a push to refs/for/…;
# such a request names the base repository as its head's, with an empty label and the request's own ref
# (services/convert/pull.go). GitHub knows no such thing, but its source takes what a Gitea signs and sends.
def names_no_branch:
  at(["head", "label"]) == "" or (at(["head", "ref"]) | text // "" | startswith("refs/"));

# Whether a title marks a draft, by the prefixes that GitLab knows and those that are usual at Gitea and Forgejo,
# whose administrators choose them.
def draft_title:
  text // "" | ascii_downcase
  | test("\\A[ ]*(?:wip |draft - |[\\[(]?(?:wip|draft|dnm|do not merge|work in progress)[ ]?[\\])]?:|[\\[(](?:wip|draft|dnm|do not merge|work in progress)[\\])])");

# A request that was moved from another target branch.
def retargeted($from; $to): ($from | type) == "string" and ($to | type) == "string" and $from != $to;
#end

#if image_push
# Media types of images: OCI image specification, "Media Types"; Docker image manifest version 2, schema 2.
def of_image:
  ascii_downcase
  | startswith("application/vnd.oci.image.") or startswith("application/vnd.docker.container.image.")
    or startswith("application/vnd.docker.image.rootfs.") or startswith("application/vnd.docker.distribution.manifest.");

# What a push holds that is no image, by its tag and by the media types that the registry tells; null = an image.
# The tags are cosign's (sha256-<digest>.sig, .att, .sbom), the OCI distribution specification's for registries
# without a referrers API (sha256-<digest>), and the one that BuildKit's documentation gives to a build cache.
def artifact($tag; $types):
  first($types[:1000] | .[] | select(type == "string" and . != "" and (of_image | not)) | ascii_downcase) // null
  | if type == "string" then
      if startswith("application/vnd.buildkit.") then "cache"
      elif startswith("application/vnd.cncf.helm.") then "chart"
      else "artifact" end
    elif ($tag | type) != "string" or ($tag | length) > 128 then null
    elif $tag | test("\\Asha(?:256|384|512)-[0-9a-f]{64,128}(?:[._-][A-Za-z0-9._-]*)?\\z") then "referrer"
    elif $tag | test("\\A(?:[A-Za-z0-9._-]*[._-])?build-?cache(?:[._-][A-Za-z0-9._-]*)?\\z") then "cache"
    else null end;
#end

# GitHub deliveries as canonical events.
# Field paths: npm @octokit/webhooks-schemas; limits: docs.github.com, "Webhook events and payloads".

#if push tag merge_group
# What a branch is of which GitHub makes one for each group of its merge queue, gh-readonly-queue/main/pr-7-<commit>: the push is the
# same news as the merge_group event, and no push of a person's (docs.github.com, "Managing a merge queue").
def of_queue:
  if .kind == "push" and (.branch | startswith("gh-readonly-queue/"))
  then .kind = "merge_group" | .merge_group = {base_ref: (.branch | split("/") | .[1:-1] | join("/"))}
  else . end;

def push_event:
  pushed(at(["ref"]) | text) as $pushed
  | (at(["after"]) | text) as $after
  | (at(["before"]) | text) as $before
  | (at(["created"]) == true or ($before | zero_commit)) as $created
  | (at(["forced"]) == true) as $forced
  | (at(["commits"]) | list) as $commits
  | $pushed
  + {
      # `after` of an annotated tag is the tag object; head_commit is always the commit.
      sha: (if $pushed.kind == "tag" then at(["head_commit", "id"]) | text else $after end),
      before: $before,
      created: $created,
      deleted: (at(["deleted"]) == true or ($after | zero_commit)),
      forced: $forced,
      occurrence: (at(["repository", "pushed_at"]) | moment),
      message: (at(["head_commit", "message"]) | first_line)
    }
#if push
  + if $pushed.kind == "push" then {
      files: ($commits | changed_files),
      # GitHub lists at most 2048 commits, and 3000 files of each. A new branch has nothing to compare with, and a
      # forced push does not list what it took away.
      files_complete: (
        ($commits | length) < 2048 and ($commits | lists_every_file(3000)) and ($created or $forced | not)
        and (at(["size"]) | type != "number" or . <= ($commits | length))),
      skip_marker: (at(["head_commit", "message"]) | skip_marker)
    } else {} end
#end
  | of_queue;
#end

#if merge_group
def merge_group_event:
  (at(["action"]) | text) as $action
  | at(["merge_group"])
  | (at(["base_ref"]) | pushed(text) | .branch) as $base
  | pushed(at(["head_ref"]) | text)
  + {
      kind: "merge_group",
      tag: null,
      sha: (at(["head_sha"]) | text),
      # Any other action, such as destroyed, asks for no check.
      deleted: ($action != "checks_requested"),
      message: (at(["head_commit", "message"]) | first_line),
      merge_group: {base_ref: $base}
    };
#end

#if pull_request
def pull_request_event:
  (at(["action"]) | text) as $action
  | at(["changes", "base", "ref", "from"]) as $old_base
  | at(["pull_request"])
  | (at(["head", "repo", "full_name"]) | text) as $head
  | (at(["merged"]) == true) as $merged
  | {
      kind: "pull_request",
      ref: (at(["number"]) | request_ref("refs/pull/")),
      sha: (at(["head", "sha"]) | text),
      branch: (at(["head", "ref"]) | text),
      # Other actions on a commit that was built are no reason to build it again.
      occurrence: (if $action == "synchronize" then at(["head", "repo", "pushed_at"]) | moment else null end),
      pull_request: {
        action: (
          if $action == "synchronize" then "updated"
          elif $action == "ready_for_review" then "ready"
          elif $action == "edited" and retargeted($old_base; at(["base", "ref"])) then "retargeted"
          elif $action == "closed" and $merged then "merged"
          else $action end),
        number: at(["number"]),
        head_ref: (at(["head", "ref"]) | text),
        head_sha: (at(["head", "sha"]) | text),
        head_repository: $head,
        base_ref: (at(["base", "ref"]) | text),
        draft: (at(["draft"]) == true),
        # Only who may write has branches in the repository itself. A repository that is gone is null.
        fork: (
          is_fork($head; at(["base", "repo", "full_name"]) | text)
          or names_no_branch
          or differ(at(["head", "repo", "id"]) | whole_number; at(["base", "repo", "id"]) | whole_number)),
        merged: $merged
      }
    };
#end

def canonical:
  header("X-Github-Event") as $name
  | header("X-Github-Delivery") as $delivery
  | at(["body"])
  | {
      kind: "other",
      repository: (at(["repository", "full_name"]) | text),
      actor: (at(["sender", "login"]) | text),
      delivery: $delivery
    }
  + if $name == "ping" then {kind: "ping"}
#if push tag merge_group
    elif $name == "push" then push_event
#end
#if merge_group
    elif $name == "merge_group" then merge_group_event
#end
#if pull_request
    elif $name == "pull_request" then
      (at(["action"]) | text) as $action
      | (at(["label", "name"]) | text) as $label
      | pull_request_event
      | .pull_request.added_labels = (if $action == "labeled" and $label != null then [$label] else [] end)
#end
    else {} end;

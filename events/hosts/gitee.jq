# Gitee deliveries as canonical events.
# Field paths: help.gitee.com, "WebHook push data format"; github.com/drone/go-scm 1.38.0, scm/driver/gitee/testdata/webhooks.

#if push tag
def push_event:
  pushed(at(["ref"]) | text) as $pushed
  | (at(["after"]) | text) as $after
  | (at(["before"]) | text) as $before
  | (at(["head_commit", "id"]) | text) as $head
  | (at(["commits"]) | list) as $commits
  | (at(["created"]) == true or ($before | zero_commit)) as $created
  | at(["head_commit", "message"]) as $message
  | $pushed
  + {
      # `after` of a tag may be the tag object; head_commit is always the commit.
      sha: (if $pushed.kind == "tag" then $head // $after else $after end),
      before: $before,
      created: $created,
      deleted: (at(["deleted"]) == true or ($after | zero_commit)),
      occurrence: (at(["repository", "pushed_at"]) | moment),
      message: ($message | first_line)
    }
#if push
  + if $pushed.kind == "push" then {
      files: ($commits | changed_files),
      # Gitee lists ten commits and says when there are more. Their lists may be null. A forced push cannot be told from others.
      files_complete: (
        ($commits | lists_every_file(1000000000)) and ($created | not)
        and at(["commits_more_than_ten"]) == false and at(["total_commits_count"]) == ($commits | length)),
      skip_marker: ($message | skip_marker)
    } else {} end
#end
  ;
#end

#if pull_request
def merge_request_event:
  (at(["action"]) | text) as $action
  | (at(["action_desc"]) | text) as $change
  | at(["pull_request"])
  | (at(["merged"]) == true) as $merged
  | (at(["title"]) | text // "" | ascii_downcase) as $title
  | {
      kind: "pull_request",
      ref: (at(["number"]) | request_ref("refs/pull/")),
      sha: (at(["head", "sha"]) | text),
      branch: (at(["head", "ref"]) | text),
      # Other actions on a commit that was built are no reason to build it again.
      occurrence: (if $action == "update" and $change == "source_branch_changed" then at(["updated_at"]) | moment else null end),
      # The head commit's message is not sent.
      skip_marker: ($title | skip_marker),
      pull_request: {
        # action_desc stays "open" where nothing is updated.
        action: (
          if $action == "open" then "opened"
          elif $action == "reopen" then "reopened"
          elif $action == "close" then "closed"
          elif $action == "merge" then "merged"
          elif $action == "update" and $change == "source_branch_changed" then "updated"
          elif $action == "update" and $change == "target_branch_changed" then "retargeted"
          elif $action == "update" then $change // $action
          else $action end),
        number: at(["number"]),
        head_ref: (at(["head", "ref"]) | text),
        head_sha: (at(["head", "sha"]) | text),
        head_repository: (at(["head", "repo", "path_with_namespace"]) | text),
        base_ref: (at(["base", "ref"]) | text),
        # Payloads that do not say it have it in the title.
        draft: (at(["draft"]) | if type == "boolean" then . else $title | draft_title end),
        fork: (
          is_fork(at(["head", "repo", "path_with_namespace"]) | text; at(["base", "repo", "path_with_namespace"]) | text)
          or names_no_branch or (at(["head", "ref"]) | text // "") == ""
          or differ(at(["head", "repo", "id"]) | whole_number; at(["base", "repo", "id"]) | whole_number)),
        merged: $merged
      }
    };
#end

def canonical:
  header("X-Gitee-Ping") as $ping
  | at(["body"])
  | (at(["hook_name"]) | text) as $name
  | {
      kind: "other",
      # full_name may be made of display names.
      repository: (at(["repository", "path_with_namespace"]) | text),
      actor: (at(["sender", "login"]) | text)
    }
  + if $ping == "true" then {kind: "ping"}
#if push tag
    elif $name == "push_hooks" or $name == "tag_push_hooks" then push_event
#end
#if pull_request
    elif $name == "merge_request_hooks" then merge_request_event
#end
    else {} end;

# Codeup deliveries (Alibaba Cloud DevOps) as canonical events.
# Field paths: help.aliyun.com, Yunxiao, "Webhooks settings". Their bodies resemble those of early versions of GitLab.

# The name of a repository is sent in its clone URL alone.
def name_of_url:
  text // "" | split("/") | .[3:] | join("/") | rtrimstr(".git") | if . == "" then null else . end;

#if push tag
def push_event:
  pushed(at(["ref"]) | text) as $pushed
  | (at(["after"]) | text) as $after
  | (at(["before"]) | text) as $before
  | (at(["commits"]) | list) as $commits
  # The newest commit is the last one.
  | (first(($commits | .[] | select(type == "object" and .id == $after)), ($commits | last)) | at(["message"])) as $message
  | $pushed
  + {
      # Nothing tells a tag object from its commit; git checks out either as its commit. No time is sent.
      sha: $after,
      before: $before,
      created: ($before | zero_commit),
      deleted: ($after | zero_commit),
      message: ($message | first_line),
      actor: (at(["user_name"]) | text)
    }
#if push
  + if $pushed.kind == "push" then {
      # Commits list no files, and a forced push cannot be told from others.
      files: null,
      files_complete: false,
      skip_marker: ($message | skip_marker)
    } else {} end
#end
  ;
#end

#if pull_request
def merge_request_event:
  at(["user"]) as $user
  | at(["object_attributes"])
  | (at(["action"]) | text) as $action
  | (at(["source_branch"]) | text) as $branch
  | (at(["last_commit", "id"]) | text) as $sha
  | (at(["iid"]) // at(["local_id"])) as $number
  | (at(["is_update_by_push"]) == true and $action != "close" and $action != "merge") as $updated
  | {
      kind: "pull_request",
      # Under which ref Codeup keeps a head is not documented.
      ref: null,
      sha: $sha,
      branch: $branch,
      actor: ($user | (at(["username"]) // at(["name"])) | text),
      message: (at(["last_commit", "message"]) | first_line),
      skip_marker: (at(["last_commit", "message"]) | skip_marker),
      # Other actions on a commit that was built are no reason to build it again.
      occurrence: (if $updated then at(["updated_at"]) | moment else null end),
      pull_request: {
        action: (
          if $updated then "updated"
          elif $action == "open" then "opened"
          elif $action == "reopen" then "reopened"
          elif $action == "close" then "closed"
          elif $action == "merge" then "merged"
          else $action end),
        number: $number,
        head_ref: $branch,
        head_sha: $sha,
        head_repository: (at(["source", "http_url"]) | name_of_url),
        base_ref: (at(["target_branch"]) | text),
        draft: (at(["work_in_progress"]) == true),
        fork: (
          is_fork(at(["source_project_id"]) | whole_number; at(["target_project_id"]) | whole_number)
          or differ(at(["source", "http_url"]) | name_of_url; at(["target", "http_url"]) | name_of_url)),
        merged: ($action == "merge")
      }
    };
#end

def canonical:
  at(["body"])
  | (at(["object_kind"]) | text) as $name
  | (at(["repository", "git_http_url"]) | name_of_url) as $repository
  | {
      kind: "other",
      repository: (if $repository == null and $name == "merge_request" then at(["object_attributes", "target", "http_url"]) | name_of_url else $repository end)
    }
#if push tag
  + if $name == "push" or $name == "tag_push" then push_event else {} end
#end
#if pull_request
  + if $name == "merge_request" then merge_request_event else {} end
#end
  # The console's test holds two commits and nothing else.
  + if $name == null and (at(["after"]) | type) == "string" and at(["ref"]) == null then {kind: "ping"} else {} end;

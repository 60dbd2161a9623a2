# GitLab deliveries (project, group and system hooks) as canonical events.
# Field paths: gitlab-org/gitlab doc/user/project/integrations/webhook_events.md; system hooks have the same bodies,
# so the body and not the header tells what happened. Both names are sent today (lib/gitlab/data_builder/push.rb);
# system hooks of old versions have event_name alone (xanzy/go-gitlab testdata/systemhooks/push.json).

#if push tag
def push_event:
  pushed(at(["ref"]) | text) as $pushed
  | (at(["after"]) | text) as $after
  | (at(["before"]) | text) as $before
  | (at(["checkout_sha"]) | text) as $checkout
  | (at(["commits"]) | list) as $commits
  | ($before | zero_commit) as $created
  | $pushed
  + {
      # `after` of an annotated tag is the tag object; checkout_sha is always the commit.
      sha: (if $pushed.kind == "tag" then $checkout else $checkout // $after end),
      before: $before,
      created: $created,
      deleted: ($after | zero_commit),
      # The newest commit is the last one.
      message: (first(($commits | .[] | select(type == "object" and .id == $checkout)), ($commits | last)) | at(["message"]) | first_line),
      actor: ((at(["user_username"]) // at(["user_name"])) | text)
    }
#if push
  + if $pushed.kind == "push" then {
      files: ($commits | changed_files),
      # GitLab lists the newest 20 commits. A forced push cannot be told from others.
      files_complete: (($commits | length) > 0 and at(["total_commits_count"]) == ($commits | length) and ($created | not))
    } else {} end
#end
  ;
#end

#if pull_request
def titles: [list | .[] | at(["title"]) | text | select(. != null)];

def merge_request_event:
  (at(["user", "username"]) | text) as $actor
  | (at(["changes", "draft"])) as $draft_change
  | (at(["changes", "labels", "previous"]) | titles) as $labels
  | [at(["changes", "labels", "current"]) | titles | .[] | select(. as $title | any($labels[]; . == $title) | not)] as $added
  | at(["object_attributes"])
  | (at(["action"]) | text) as $action
  | (at(["source_branch"]) | text) as $branch
  | (at(["last_commit", "id"]) | text) as $sha
  | {
      kind: "pull_request",
      ref: (at(["iid"]) | request_ref("refs/merge-requests/")),
      sha: $sha,
      branch: $branch,
      actor: $actor,
      message: (at(["last_commit", "message"]) | first_line),
      pull_request: {
        action: (
          if $action == "open" then "opened"
          elif $action == "reopen" then "reopened"
          elif $action == "close" then "closed"
          elif $action == "merge" then "merged"
          elif $action == "update" and (at(["oldrev"]) | type) == "string" then "updated"
          elif $action == "update" and ($draft_change | at(["previous"])) == true and ($draft_change | at(["current"])) == false then "ready"
          elif $action == "update" and ($added | length) > 0 then "labeled"
          else $action end),
        # New commits and a label at once: which of them were looked at, nobody can tell.
        added_labels: (if $action == "update" and (at(["oldrev"]) | type) != "string" then $added else [] end),
        number: at(["iid"]),
        head_ref: $branch,
        head_sha: $sha,
        head_repository: (at(["source", "path_with_namespace"]) | text),
        base_ref: (at(["target_branch"]) | text),
        draft: (at(["draft"]) == true or at(["work_in_progress"]) == true),
        # As text: beyond 2^53 gojq compares numbers as float64, libjq digit by digit.
        fork: is_fork(at(["source_project_id"]) | whole_number; at(["target_project_id"]) | whole_number),
        merged: ($action == "merge")
      }
    };
#end

def canonical:
  header("Idempotency-Key") as $delivery
  | at(["body"])
  | ((at(["object_kind"]) // at(["event_name"])) | text) as $name
  | {
      kind: "other",
      repository: (at(["project", "path_with_namespace"]) | text),
      delivery: $delivery
    }
#if push tag
  + if $name == "push" or $name == "tag_push" then push_event else {} end
#end
#if pull_request
  + if $name == "merge_request" then merge_request_event else {} end
#end
  ;

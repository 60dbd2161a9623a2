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
  # The newest commit is the last one.
  | (first(($commits | .[] | select(type == "object" and .id == $checkout)), ($commits | last)) | at(["message"])) as $message
  | $pushed
  + {
      # `after` of an annotated tag is the tag object; checkout_sha is always the commit.
      sha: (if $pushed.kind == "tag" then $checkout else $checkout // $after end),
      before: $before,
      created: $created,
      deleted: ($after | zero_commit),
      # No time is sent (lib/gitlab/data_builder/push.rb). A tag object is new each time that a tag is annotated.
      occurrence: (if $pushed.kind == "tag" and $after != $checkout then $after else null end),
      message: ($message | first_line),
      # git push -o ci.skip
      skip_marker: (if at(["push_options", "ci", "skip"]) | . == null or . == false or . == "" then null else "ci.skip" end),
      actor: ((at(["user_username"]) // at(["user_name"])) | text)
    }
#if push
  + if $pushed.kind == "push" then {
      files: ($commits | changed_files),
      # GitLab lists the newest 20 commits. A forced push cannot be told from others.
      # Their files have no limit.
      files_complete: (
        ($commits | lists_every_file(1000000000)) and at(["total_commits_count"]) == ($commits | length) and ($created | not))
    } else {} end
  | if .kind == "push" then .skip_marker = (.skip_marker // ($message | skip_marker)) else . end
#end
  ;
#end

#if pull_request
def titles: [list | .[] | at(["title"]) | text | select(. != null)];

def merge_request_event:
  (at(["user", "username"]) | text) as $actor
  | at(["changes", "draft"]) as $draft_change
  | at(["changes", "title"]) as $title_change
  | at(["changes", "target_branch", "previous"]) as $old_target
  | (at(["changes", "labels", "previous"]) | titles) as $labels
  | [at(["changes", "labels", "current"]) | titles | .[] | select(. as $title | any($labels[]; . == $title) | not)] as $added
  | at(["object_attributes"])
  | (at(["action"]) | text) as $action
  | (at(["source_branch"]) | text) as $branch
  | (at(["last_commit", "id"]) | text) as $sha
  | (at(["draft"]) == true or at(["work_in_progress"]) == true) as $draft
  | ($action == "update" and (at(["oldrev"]) | type) == "string") as $updated
  | {
      kind: "pull_request",
      ref: (at(["iid"]) | request_ref("refs/merge-requests/")),
      sha: $sha,
      branch: $branch,
      actor: $actor,
      message: (at(["last_commit", "message"]) | first_line),
      skip_marker: (at(["last_commit", "message"]) | skip_marker),
      # Other actions on a commit that was built are no reason to build it again.
      occurrence: (if $updated then at(["updated_at"]) | moment else null end),
      pull_request: {
        action: (
          if $action == "open" then "opened"
          elif $action == "reopen" then "reopened"
          elif $action == "close" then "closed"
          elif $action == "merge" then "merged"
          elif $updated then "updated"
          elif $action == "update" and ($draft_change | at(["previous"])) == true and ($draft_change | at(["current"])) == false then "ready"
          # Versions before 14 tell it by the title alone.
          elif $action == "update" and $draft_change == null and ($draft | not) and ($title_change | at(["previous"]) | draft_title)
            and ($title_change | at(["current"]) | draft_title | not) then "ready"
          elif $action == "update" and retargeted($old_target; at(["target_branch"])) then "retargeted"
          elif $action == "update" and ($added | length) > 0 then "labeled"
          else $action end),
        # New commits and a label at once: which of them were looked at, nobody can tell.
        added_labels: (if $action == "update" and ($updated | not) then $added else [] end),
        number: at(["iid"]),
        head_ref: $branch,
        head_sha: $sha,
        head_repository: (at(["source", "path_with_namespace"]) | text),
        base_ref: (at(["target_branch"]) | text),
        draft: $draft,
        # As text: beyond 2^53 gojq compares numbers as float64, libjq digit by digit.
        # The number of a project that was deleted stays, and is nobody else's.
        fork: (
          is_fork(at(["source_project_id"]) | whole_number; at(["target_project_id"]) | whole_number)
          or differ(at(["source", "path_with_namespace"]) | text; at(["target", "path_with_namespace"]) | text)),
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

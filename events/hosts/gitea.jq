# Gitea and Forgejo deliveries as canonical events.
# Field paths: go-gitea/gitea modules/structs/hook.go; headers: services/webhook/deliver.go.

#if push tag
# A deletion is an event of its own, with a short ref.
def delete_event:
  (at(["ref"]) | text) as $name
  | (at(["ref_type"]) | text) as $type
  | if $name == null then {kind: "other"}
    elif $type == "branch" then pushed("refs/heads/" + $name) + {deleted: true}
    elif $type == "tag" then pushed("refs/tags/" + $name) + {deleted: true}
    else {kind: "other"} end;

def push_event:
  pushed(at(["ref"]) | text) as $pushed
  | (at(["after"]) | text) as $after
  | (at(["before"]) | text) as $before
  | (at(["commits"]) | list) as $commits
  | (at(["head_commit", "id"]) | text) as $head
  | ($before | zero_commit) as $created
  | (at(["head_commit", "message"]) // ($commits | .[0] | at(["message"]))) as $message
  | $pushed
  + {
      # `after` of an annotated tag is the tag object, which git checks out as its commit; old versions send nothing else.
      sha: (if $pushed.kind == "tag" then $head // $after else $after end),
      before: $before,
      created: $created,
      deleted: ($after | zero_commit),
      # The repository's state before this push: every push changes it, and every hook gets the same text.
      occurrence: (at(["repository", "updated_at"]) | moment),
      message: ($message | first_line)
    }
#if push
  + if $pushed.kind == "push" then
      at(["total_commits"]) as $total
      | {
          files: ($commits | changed_files),
          # PAYLOAD_COMMIT_LIMIT is 15; versions that send no total_commits list 5. A forced push cannot be
          # told from others, and does not list what it took away.
          files_complete: (
            ($commits | lists_every_file(1000000000)) and ($created | not)
            and (if $total == null then ($commits | length) < 5 else $total == ($commits | length) end)),
          skip_marker: ($message | skip_marker)
        }
    else {} end
#end
  ;
#end

#if pull_request
def pull_request_event:
  (at(["action"]) | text) as $action
  | at(["changes", "title", "from"]) as $old_title
  | at(["changes", "ref", "from"]) as $old_base
  | at(["pull_request"])
  | (at(["merged"]) == true) as $merged
  | (at(["title"]) | text // "" | ascii_downcase) as $title
  # Versions that do not say it have it in the title.
  | (at(["draft"]) | if type == "boolean" then . else $title | startswith("wip:") or startswith("[wip]") end) as $draft
  | {
      kind: "pull_request",
      ref: (at(["number"]) | request_ref("refs/pull/")),
      sha: (at(["head", "sha"]) | text),
      branch: (at(["head", "ref"]) | text),
      # Other actions on a commit that was built are no reason to build it again.
      occurrence: (if $action == "synchronized" then at(["updated_at"]) | moment else null end),
      # The host's own CI looks at the title too (services/actions/notifier_helper.go); the head commit's message is not sent.
      skip_marker: ($title | skip_marker),
      pull_request: {
        action: (
          if $action == "synchronized" then "updated"
          elif $action == "edited" and ($draft | not) and ($old_title | draft_title) then "ready"
          # Sent for a moved request alone; `from` is the new target where the API moved it (tried on 1.26.0).
          elif $action == "edited" and ($old_base | type) == "string" then "retargeted"
          elif $action == "closed" and $merged then "merged"
          else $action end),
        number: at(["number"]),
        head_ref: (at(["head", "ref"]) | text),
        head_sha: (at(["head", "sha"]) | text),
        head_repository: (at(["head", "repo", "full_name"]) | text),
        base_ref: (at(["base", "ref"]) | text),
        draft: $draft,
        # As text: beyond 2^53 gojq compares numbers as float64, libjq digit by digit.
        fork: (
          (at(["head", "repo"]) | type) != "object"
          or names_no_branch or (at(["head", "ref"]) | text // "") == ""
          or differ(at(["head", "repo", "full_name"]) | text; at(["base", "repo", "full_name"]) | text)
          or is_fork(at(["head", "repo_id"]) | whole_number; at(["base", "repo_id"]) | whole_number)),
        merged: $merged
      }
    };
#end

def canonical:
  # All of them are sent, with the same words; gitea.py lists them too.
  (header("X-Gitea-Event") // header("X-Forgejo-Event") // header("X-Gogs-Event") // header("X-Github-Event")) as $name
  | (header("X-Gitea-Delivery") // header("X-Forgejo-Delivery") // header("X-Gogs-Delivery") // header("X-Github-Delivery")) as $delivery
  | at(["body"])
  | {
      kind: "other",
      repository: (at(["repository", "full_name"]) | text),
      actor: ((at(["sender", "login"]) // at(["pusher", "login"])) | text),
      delivery: $delivery
    }
  + if $name == "ping" then {kind: "ping"}
#if push tag
    elif $name == "push" then push_event
    elif $name == "delete" then delete_event
#end
#if pull_request
    elif $name == "pull_request" or $name == "pull_request_sync" then pull_request_event
#end
    else {} end;

# Bitbucket Data Center (and Server) deliveries as canonical events.
# Field paths: confluence.atlassian.com, Bitbucket Data Center, "Event payload"; npm @coderabbitai/bitbucket 1.1.4, dist/server/webhooks.

# As in clone URLs.
def name_of_repository:
  (at(["project", "key"]) | text) as $project
  | (at(["slug"]) | text) as $slug
  | if $project == null or $slug == null then null else $project + "/" + $slug end;

#if push tag
# What one changed branch or tag is. One push may change several; newer versions send the commit of one of them.
def change_event($commit):
  (at(["toHash"]) | text) as $after
  | (at(["fromHash"]) | text) as $before
  | at(["type"]) as $type
  | (if ($commit | at(["id"])) == $after then $commit | at(["message"]) else null end) as $message
  | pushed(at(["ref", "id"]) // at(["refId"]) | text) as $pushed
  | $pushed
  + {
      # Whether toHash of an annotated tag is the tag object is not documented; git checks out either as its commit.
      sha: $after,
      before: $before,
      created: ($type == "ADD" or ($before | zero_commit)),
      deleted: ($type == "DELETE" or ($after | zero_commit)),
      message: ($message | first_line)
    }
#if push
  # No files are listed, and a forced push cannot be told from others.
  + if $pushed.kind == "push" then {files: null, files_complete: false, skip_marker: ($message | skip_marker)} else {} end
#end
  ;
#end

#if pull_request
def branch_of_ref: text // "" | if startswith("refs/heads/") then .[11:] else null end;

def pull_request_event($name):
  at(["previousDraft"]) as $old_draft
  | at(["previousTarget", "id"]) as $old_target
  | at(["pullRequest"])
  | (at(["fromRef", "latestCommit"]) | text) as $sha
  | (at(["draft"]) == true) as $draft
  | (at(["fromRef", "id"]) | branch_of_ref) as $branch
  | {
      kind: "pull_request",
      # It keeps heads under refs/pull-requests/, which no template takes.
      ref: null,
      sha: $sha,
      branch: $branch,
      # Other actions on a commit that was built are no reason to build it again.
      occurrence: (if $name == "pr:from_ref_updated" then at(["updatedDate"]) | moment else null end),
      # The head commit's message is not sent.
      skip_marker: (at(["title"]) | skip_marker),
      pull_request: {
        action: (
          if $name == "pr:opened" then "opened"
          elif $name == "pr:from_ref_updated" then "updated"
          elif $name == "pr:merged" then "merged"
          elif $name == "pr:declined" or $name == "pr:deleted" then "closed"
          elif $name == "pr:modified" and $old_draft == true and ($draft | not) then "ready"
          elif $name == "pr:modified" and retargeted($old_target; at(["toRef", "id"])) then "retargeted"
          else $name[3:] end),
        number: at(["id"]),
        head_ref: $branch,
        head_sha: $sha,
        head_repository: (at(["fromRef", "repository"]) | name_of_repository),
        base_ref: (at(["toRef", "id"]) | branch_of_ref),
        draft: $draft,
        fork: (
          $branch == null
          or is_fork(at(["fromRef", "repository", "id"]) | whole_number; at(["toRef", "repository", "id"]) | whole_number)
          or differ(at(["fromRef", "repository"]) | name_of_repository; at(["toRef", "repository"]) | name_of_repository)),
        merged: ($name == "pr:merged")
      }
    };
#end

def canonical:
  header("X-Event-Key") as $key
  | header("X-Request-Id") as $delivery
  | at(["body"])
  | (at(["eventKey"]) | text // $key // "") as $name
  | at(["toCommit"]) as $commit
  | {
      kind: "other",
      repository: (at(["repository"]) // at(["pullRequest", "toRef", "repository"]) | name_of_repository),
      actor: (at(["actor", "name"]) | text),
      delivery: $delivery
    } as $event
  | if $name == "diagnostics:ping" then $event + {kind: "ping"}
#if push tag
    elif $name == "repo:refs_changed" then
      [at(["changes"]) | list | .[:100] | .[] | select(type == "object") | $event + change_event($commit)] as $changes
      | ($changes | .[0] // $event)
      + if ($changes | length) < 2 then {} else {also: $changes[1:]} end
#end
#if pull_request
    elif ($name | startswith("pr:")) and (at(["pullRequest"]) | type) == "object" then $event + pull_request_event($name)
#end
    else $event end;

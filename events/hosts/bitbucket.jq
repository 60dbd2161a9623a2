# Bitbucket Cloud deliveries as canonical events.
# Field paths: support.atlassian.com, Bitbucket Cloud, "Event payloads".

# What one changed branch or tag is. One push may change several.
def change_event:
  (at(["new"]) // at(["old"])) as $named
  | ($named | at(["name"]) | text) as $name
  | ($named | at(["type"]) | text) as $type
  | at(["new", "target", "message"]) as $message
  | pushed(if $name == null then null
      elif $type == "branch" then "refs/heads/" + $name
      elif $type == "tag" or $type == "annotated_tag" then "refs/tags/" + $name
      else null end) as $pushed
  | $pushed
  + {
      # `target` of an annotated tag is its commit.
      sha: (at(["new", "target", "hash"]) | text),
      before: (at(["old", "target", "hash"]) | text),
      created: (at(["created"]) == true or at(["old"]) == null),
      deleted: (at(["closed"]) == true or at(["new"]) == null),
      forced: (at(["forced"]) == true),
      # No time of a push is sent; that of an annotated tag is new each time that it is made.
      occurrence: (if $pushed.kind == "tag" then at(["new", "date"]) | moment else null end),
      message: ($message | first_line)
    }
#if push
  # No files are listed.
  + if $pushed.kind == "push" then {files: null, files_complete: false, skip_marker: ($message | skip_marker)} else {} end
#end
  ;

def canonical:
  header("X-Request-Uuid") as $delivery
  | at(["body"])
  | {
      kind: "other",
      repository: (at(["repository", "full_name"]) | text),
      actor: ((at(["actor", "nickname"]) // at(["actor", "username"])) | text),
      delivery: $delivery
    } as $event
  | [at(["push", "changes"]) | list | .[:100] | .[] | select(type == "object") | $event + change_event] as $changes
  | ($changes | .[0] // $event)
  + if ($changes | length) < 2 then {} else {also: $changes[1:]} end;

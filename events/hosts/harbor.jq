# Harbor webhooks as canonical events, in both payload formats.
# Bodies: goharbor/harbor src/pkg/notification/job and src/pkg/notifier/formats (default.go, cloudevents.go).

# A push without a tag carries the digest where the tag would be; a proxy cache knows no other.
def tagged: select(type == "object" and (.tag | type) == "string" and .tag != "" and .tag != .digest);

def image_of($name):
  (at(["tag"]) | text) as $tag
  | {name: $name, tag: $tag, digest: (at(["digest"]) | text), artifact: artifact($tag; [])};

def canonical:
  # CloudEvents in binary mode: the attributes are headers, and the body is what would stand under data.
  header("Ce-Type") as $header_type
  | header("Ce-Operator") as $header_operator
  | header("Ce-Id") as $header_id
  | at(["body"])
  | (at(["type"]) | text) as $body_type
  | ($body_type // $header_type) as $type
  | ($type == "DELETE_ARTIFACT" or $type == "harbor.artifact.deleted") as $deleted
  | (at(["event_data"]) // at(["data"]) // (if $body_type == null and $header_type != null then . else null end)) as $data
  | ($data | at(["repository", "repo_full_name"]) | text) as $name
  | [$data | at(["resources"]) | list | .[:100] | .[] | tagged] as $resources
  | {
      kind: (
        if $name != null
          and ($type == "PUSH_ARTIFACT" or $type == "harbor.artifact.pushed" or ($deleted and $resources != []))
        then "image_push" else "other" end),
      repository: $name,
      actor: (at(["operator"]) | text | if . == null then $header_operator else . end),
      delivery: (at(["id"]) | text | if . == null then $header_id else . end),
      deleted: $deleted
    } as $event
  | $event + {image: ($resources | .[0] | image_of($name))}
  # Of several resources with a tag each is a push.
  + if ($resources | length) < 2 then {} else {also: ($resources | .[1:] | map($event + {image: image_of($name)}))} end;

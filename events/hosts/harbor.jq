# Harbor webhooks as canonical events, in both payload formats.
# Bodies: goharbor/harbor src/pkg/notification/job and src/pkg/notifier/formats (default.go, cloudevents.go).

# A push without a tag carries the digest where the tag would be.
def tagged: select(type == "object" and (.tag | type) == "string" and .tag != "" and .tag != .digest);

def canonical:
  at(["body"])
  | (at(["type"]) | text) as $type
  | ($type == "DELETE_ARTIFACT" or $type == "harbor.artifact.deleted") as $deleted
  | (at(["event_data"]) // at(["data"])) as $data
  | ($data | at(["repository", "repo_full_name"]) | text) as $name
  # One push is one event; of several resources the first with a tag stands for it.
  | (first($data | at(["resources"]) | list | .[] | tagged) // null) as $resource
  | {
      kind: (
        if $name != null
          and ($type == "PUSH_ARTIFACT" or $type == "harbor.artifact.pushed" or ($deleted and $resource != null))
        then "image_push" else "other" end),
      repository: $name,
      actor: (at(["operator"]) | text),
      delivery: (at(["id"]) | text),
      deleted: $deleted,
      image: {
        name: $name,
        tag: ($resource | at(["tag"]) | text),
        digest: ($resource | at(["digest"]) | text)
      }
    };

# Notification envelopes of CNCF distribution as canonical events.
# Envelope: distribution/distribution notifications/event.go; seen with docker-registry 2.8.2.
# One push of an image is one event per blob and per manifest: only a manifest under a tag counts, and the children
# of a multi-architecture image have none.
def tagged($action):
  list | .[]
  | select(
      type == "object" and .action == $action and (.target | type) == "object"
      and (.target.tag | type) == "string" and .target.tag != "");

def manifest:
  .target.mediaType
  | . == "application/vnd.docker.distribution.manifest.v2+json"
    or . == "application/vnd.docker.distribution.manifest.list.v2+json"
    or . == "application/vnd.oci.image.manifest.v1+json"
    or . == "application/vnd.oci.image.index.v1+json";

def canonical:
  at(["body", "events"]) as $events
  # Registries send one event an envelope (seen with 2.8.2), and one delivery starts one Workflow at most: of several
  # events the first push of a manifest under a tag decides. A deletion tells the tag alone, without a media type.
  | (first(($events | tagged("push") | select(manifest)), ($events | tagged("delete"))) // null) as $event
  | ($event | at(["target", "repository"]) | text) as $name
  | {
      kind: (if $name == null then "other" else "image_push" end),
      repository: ($name // ($events | list | .[0] | at(["target", "repository"]) | text)),
      actor: ($event | at(["actor", "name"]) | text),
      delivery: ($event | at(["id"]) | text),
      deleted: (($event | at(["action"])) == "delete"),
      image: {
        name: $name,
        tag: ($event | at(["target", "tag"]) | text),
        digest: ($event | at(["target", "digest"]) | text),
        media_type: ($event | at(["target", "mediaType"]) | text)
      }
    };

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

# The registry tells what a manifest refers to (config and layers, or manifests), and its artifact type.
def event_of:
  (at(["target", "repository"]) | text) as $name
  | (at(["target", "tag"]) | text) as $tag
  | {
      kind: (if $name == null then "other" else "image_push" end),
      repository: $name,
      actor: (at(["actor", "name"]) | text),
      delivery: (at(["id"]) | text),
      deleted: (at(["action"]) == "delete"),
      image: {
        name: $name,
        tag: $tag,
        digest: (at(["target", "digest"]) | text),
        media_type: (at(["target", "mediaType"]) | text),
        artifact: artifact($tag; at(["target"]) | [at(["artifactType"]), (at(["references"]) | list | .[] | at(["mediaType"]))])
      }
    };

def canonical:
  at(["body", "events"]) as $events
  # A registry sends one event an envelope (seen with 2.8.2), and may send several. A deletion tells the tag alone, without a
  # media type; it comes after the pushes.
  | [limit(100; ($events | tagged("push") | select(manifest)), ($events | tagged("delete")))] as $found
  | ($found | .[0] | event_of)
  | . + {repository: (.repository // ($events | list | .[0] | at(["target", "repository"]) | text))}
  + if ($found | length) < 2 then {} else {also: ($found | .[1:] | map(event_of))} end;

# Notifications of Alibaba Cloud ACR triggers as canonical events.
# Body: alibabacloud.com/help/doc-detail/60949.htm, "Notification payload"; fires on a new or updated tag.
def canonical:
  at(["body"])
  | (at(["repository", "repo_full_name"]) | text) as $name
  | (at(["push_data", "tag"]) | text) as $tag
  | {
      kind: (if $name == null or (at(["push_data"]) | type) != "object" then "other" else "image_push" end),
      repository: $name,
      image: {
        name: $name,
        tag: $tag,
        digest: (at(["push_data", "digest"]) | text),
        artifact: artifact($tag; [])
      }
    };

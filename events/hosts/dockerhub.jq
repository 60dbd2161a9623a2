# Docker Hub webhooks as canonical events. Body: docs.docker.com/docker-hub/repos/manage/webhooks.
# There is no digest: the time of the push tells two pushes of one tag apart.
def canonical:
  at(["body"])
  | (at(["repository", "repo_name"]) | text) as $name
  | at(["push_data", "pushed_at"]) as $time
  | (at(["push_data", "tag"]) | text) as $tag
  | (at(["push_data", "media_type"]) | text) as $media_type
  | {
      kind: (if $name == null or (at(["push_data"]) | type) != "object" then "other" else "image_push" end),
      repository: $name,
      actor: (at(["push_data", "pusher"]) | text),
      image: {
        name: $name,
        tag: $tag,
        media_type: $media_type,
        artifact: artifact($tag; [$media_type]),
        # floor makes 1417566161 and 1417566161.0 the same text in both engines.
        occurrence: (if ($time | type) == "number" and $time > 0 and $time < 100000000000 then $time | floor | tostring else $time | text end)
      }
    };

# GitHub's package events as canonical events. Field paths: npm @octokit/webhooks-schemas, package$published and
# registry_package$published.
def lower: text | if . == null then null else ascii_downcase end;

# owner/name of ghcr.io/owner/name:tag; a version without a tag ends after the name, or with @ and its digest.
# The test keeps split from an empty text, which gojq splits into one part and libjq into none.
def name_of_url:
  text
  | if . != null and test("\\Aghcr[.]io/[^:@]") then ltrimstr("ghcr.io/") | split(":") | .[0] | split("@") | .[0] | ascii_downcase
    else null end;

def canonical:
  header("X-Github-Event") as $event
  | header("X-Github-Delivery") as $delivery
  | at(["body"])
  | (at(["action"]) | text) as $action
  | (at(["sender", "login"]) | text) as $actor
  | (at(["package"]) // at(["registry_package"])) as $package
  | ($package | at(["package_version", "container_metadata"])) as $metadata
  | ($metadata | at(["tag"])) as $tag
  | ($package | at(["package_type"]) | lower) as $type
  | ($package | at(["ecosystem"]) | lower) as $ecosystem
  | ($package | at(["namespace"]) | lower) as $namespace
  | ($package | at(["name"]) | lower) as $name
  | ($tag | at(["name"]) | text | if . == "" then null else . end) as $name_of_tag
  | (($package | at(["package_version", "package_url"]) | name_of_url)
      // (if $name == null then null elif $namespace == null then $name
          # the namespace is sometimes owner, sometimes owner/name
          elif $namespace | endswith("/" + $name) then $namespace else $namespace + "/" + $name end)) as $image
  | {
      kind: (
        if $event == "ping" then "ping"
        elif ($event == "package" or $event == "registry_package")
          and ($action == "published" or $action == "updated" or ($action == "deleted" and $name_of_tag != null))
          and ($type == "container" or $type == "docker" or $ecosystem == "container" or $ecosystem == "docker")
          and $image != null
        then "image_push" else "other" end),
      repository: $image,
      actor: $actor,
      delivery: $delivery,
      deleted: ($action == "deleted"),
      image: {
        name: $image,
        tag: $name_of_tag,
        digest: ($tag | at(["digest"]) | text),
        artifact: artifact($name_of_tag; $metadata | at(["manifest"])
          | [at(["artifact_type"]), at(["media_type"]), at(["config", "media_type"]), (at(["layers"]) | list | .[] | at(["media_type"]))])
      }
    };

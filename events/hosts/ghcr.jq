# GitHub's package events as canonical events. Field paths: npm @octokit/webhooks-schemas, package$published and
# registry_package$published.
def lower: text | if . == null then null else ascii_downcase end;

# owner/name of ghcr.io/owner/name:tag
def name_of_url:
  text | if . != null and startswith("ghcr.io/") then ltrimstr("ghcr.io/") | split(":") | .[0] | ascii_downcase else null end;

def canonical:
  header("X-Github-Event") as $event
  | header("X-Github-Delivery") as $delivery
  | at(["body"])
  | (at(["action"]) | text) as $action
  | (at(["sender", "login"]) | text) as $actor
  | (at(["package"]) // at(["registry_package"])) as $package
  | ($package | at(["package_version", "container_metadata", "tag"])) as $tag
  | ($package | at(["package_type"]) | lower) as $type
  | ($package | at(["ecosystem"]) | lower) as $ecosystem
  | ($package | at(["namespace"]) | lower) as $namespace
  | ($package | at(["name"]) | lower) as $name
  | (($package | at(["package_version", "package_url"]) | name_of_url)
      // (if $name == null then null elif $namespace == null then $name
          # the namespace is sometimes owner, sometimes owner/name
          elif $namespace | endswith("/" + $name) then $namespace else $namespace + "/" + $name end)) as $image
  | {
      kind: (
        if $event == "ping" then "ping"
        elif ($event == "package" or $event == "registry_package")
          and ($action == "published" or $action == "updated")
          and ($type == "container" or $type == "docker" or $ecosystem == "container" or $ecosystem == "docker")
          and $image != null
        then "image_push" else "other" end),
      repository: $image,
      actor: $actor,
      delivery: $delivery,
      image: {
        name: $image,
        tag: ($tag | at(["name"]) | text | if . == "" then null else . end),
        digest: ($tag | at(["digest"]) | text)
      }
    };

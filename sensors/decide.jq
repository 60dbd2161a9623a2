# The decision: from a canonical event and the table of pipelines to run, skip or unknown, with the reason.
#
# The table has one line per repository or image, "name {entry}", with ' for " so that it survives two levels of
# quoting at one byte each. `clauses` is the decision: the first clause that is not true ends it. Everything here
# is total, and uses only what gojq (Sensor) and libjq (offline) agree on.

def line($name):
  table | split("\n" + $name + " ") | .[1]
  | if . == null then null else split("\n") | .[0] | split("'") | join("\"") | fromjson end;

def entry($key):
  # The key must not be able to reach into a line: no space, no line end, no quote.
  if ($key | type) == "string" and ($key | test("\\A[A-Za-z0-9._/-]{1,300}\\z")) then line($key) else null end
#if list
  | if . == null then . else map(shared + .) end
#end
  ;

# What an entry says about a kind of event; a rule that many entries share has a line of its own.
def rule($entry; $kind): $entry[$kind] | if type == "string" then line(.) else . end;

# What is known of the template of an entry's runs; an entry names it where the table has several.
def template($entry): templates[$entry.template // ""] // {};

# Whether a field of the event fills a parameter of the template.
def fills($template; $field): $template.bindings[.kind] // {} | any(.[]; . == $field);

# Offline the expressions run on a backtracking engine (Oniguruma): texts that no host has are not tried, and an engine
# that gives up is a no. In the Sensor (RE2) the first rule holds too, and the second never comes up.
def matches($expression): try test("\\A(?:" + $expression + ")\\z") catch false;

# Whether a text matches an include/exclude pair of regular expressions; exclude wins; no pair = everything.
def chosen($patterns):
  . as $text
  | $patterns == null or (
      ($text | type) == "string" and ($text | length) <= 1000
      and ($patterns.include == null or ($text | matches($patterns.include)))
      and ($patterns.exclude == null or ($text | matches($patterns.exclude) | not)));

#if push tag pull_request merge_group
def commit:
  type == "string" and test("\\A(?:[0-9a-f]{40}|[0-9a-f]{64})\\z") and (test("\\A0+\\z") | not);

# What may become a parameter; `hookline docs security` lists the rules.
def ref_name($template):
#if any_ref
  if $template.any_ref then
  # Every name that git allows for a branch or tag (git-check-ref-format(1); a leading - is refused by git branch and git tag),
  # without C1 controls, and without {{, which Argo would expand. Length first: the rest is then cheap.
  type == "string" and (utf8bytelength | . > 0 and . <= 200)
  and (explode | all(.[]; (. > 32 and . < 127) or . > 159))
  and (test("\\A[-./]|[/.]\\z|[.][.]|//|/[.]|@[{]|[{][{]|[.]lock(?:/|\\z)|[~^:?*\\[\\\\]") | not) else
#end
  # A template that pastes its parameters into scripts takes names of harmless characters.
  type == "string" and test("\\A[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\\z") and (test("[/.]\\z|[.][.]|//|/[.]|[.]lock(?:/|\\z)") | not)
#if any_ref
  end
#end
  ;

# A full ref follows from a name that has passed REF, or from a number; what a host cannot say stays empty.
def full_ref($template):
  if type == "string" and test("\\Arefs/(?:heads|tags|pull|merge-requests)/") and (split("/") | .[2:] | join("/") | ref_name($template))
  then . else "" end;
#end

#if tag image_push
def image_tag: type == "string" and test("\\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\\z");

# The image tag that a git tag becomes: tools/v1.2.3, as Go names modules below the root, is tools-v1.2.3.
def as_image_tag: if type == "string" and test("/") then split("/") | join("-") else . end;

# What a template's own tags leave: it appends to the tag, and moves latest and buildcache itself.
def own_image_tag: as_image_tag | image_tag and length <= 100 and . != "latest" and . != "buildcache";
#end

def annotation($allowed): if type == "string" and test($allowed) then . else "" end;

# Who did it, for an annotation: robots and services keep a name that can be told from others (robot$ci becomes robot-ci).
def harmless_name: if type == "string" then .[:100] | gsub("[^A-Za-z0-9._@+\\[\\]-]"; "-") else "" end;

#if push tag pull_request
def marked($rule): $rule.skip_markers != false and .skip_marker != null;
#end

#if push pull_request
def author: if type == "string" then ascii_downcase else . end;
#end

#if push open_paths
# A line end in the name of a file is a character like any other; no pattern holds the one that stands for it.
def paths($patterns):
  if $patterns == null then true
  elif any(.files // [] | .[]; if contains("\n") then split("\n") | join("\u0001") else . end | chosen($patterns)) then true
  elif .files_complete == true and all(.files | .[]; length <= 1000) then false
  else null end;
#end

#if open_paths
# What the run is asked where the event does not tell and its first step can: from which commit or branch on, and about which files
# (exclude stands before include). A request begins where its branch left the target; a push at the commit before it, else where its branch left the default branch.
def question($patterns; $template):
  [(if .kind == "push" then .before | select(commit) else .pull_request.base_ref | select(ref_name($template)) | "refs/heads/" + . end | "base " + .), ($patterns | to_entries[] | .key + " " + .value)] | join("\n");
#end

# Each clause: [reason code, true | false | null for "the event does not tell"], in the order of judgement.
def clauses($event; $rule; $template):
  ["EVENT", $rule != null],
#if suspended
  # true, or the second until which it holds, by the clock of whoever decides.
  ["SUSPENDED", ($rule.suspended | . == null or (type == "number" and . <= now))],
#end
#if push tag merge_group
  (select($event.kind == "push" or $event.kind == "tag" or $event.kind == "merge_group")
    | ["DELETED", $event.deleted != true],
      ["REF", ($event.branch // $event.tag | ref_name($template))],
      ["COMMIT", ($event.sha | commit)]),
#end
#if push
  (select($event.kind == "push")
    | ["BRANCHES", ($event.branch | chosen($rule.branches))],
      ["AUTHORS", ($event.actor | author | chosen($rule.authors))],
      ["SKIP_MARKERS", ($event | marked($rule) | not)],
      ["PATHS", ($event | paths($rule.paths))]),
#end
#if tag
  (select($event.kind == "tag")
    | ["TAGS", ($event.tag | chosen($rule.tags))],
      ["SKIP_MARKERS", ($event | marked($rule) | not)],
      ["IMAGE_TAG", (($event | fills($template; "tag") | not) or ($event.tag | own_image_tag))]),
#end
#if merge_group
  (select($event.kind == "merge_group") | ["INTO", ($event.merge_group.base_ref | chosen($rule.into))]),
#end
#if pull_request
  (select($event.kind == "pull_request")
    | $event.pull_request as $request
    | ($rule.approved_by | type == "string") as $sandboxed
    | ["ACTION", ($request.action
        | . == "opened" or . == "reopened" or . == "updated" or . == "ready" or . == "retargeted" or ($sandboxed and . == "labeled"))],
      # Trusted and foreign code never share a pipeline: each takes the requests that the other refuses.
      ["FORKS", $request.fork == $sandboxed],
      # The label counts for the commit that this event tells, and for no later one.
      (select($sandboxed)
        | ["APPROVAL", any($request.added_labels | list | .[]; . == $rule.approved_by)]),
#if any_ref
      # The number and the commit are enough.
      ["REF", (($template.any_ref == true and ($request.number | whole_number) != null) or ($event.branch | ref_name($template)))],
#end
#if plain_ref
      ["REF", ($event.branch | ref_name($template))],
#end
      ["COMMIT", ($event.sha | commit)],
      ["INTO", ($request.base_ref | chosen($rule.into))],
      ["DRAFTS", $rule.drafts == true or $request.draft != true],
      ["AUTHORS", ($event.actor | author | chosen($rule.authors))],
#if told_paths
      ["SKIP_MARKERS", ($event | marked($rule) | not)]),
#end
#if open_paths
      ["SKIP_MARKERS", ($event | marked($rule) | not)],
      # No host lists the files of a request.
      ["PATHS", ($event | paths($rule.paths))]),
#end
#end
#if image_push
  (select($event.kind == "image_push")
    | $event.image as $image
    | ["DELETED", $event.deleted != true],
      ["IMAGE_TAG", ($image.tag | image_tag)],
      ["DIGEST", ($image.digest == null or ($image.digest | type == "string" and test("\\Asha256:[0-9a-f]{64}\\z")))],
      # Signatures, charts and caches start nothing, unless the tag is named.
      ["ARTIFACT", $image.artifact == null or (($rule.artifacts | type) == "string" and ($image.tag | matches($rule.artifacts)))],
      ["TAGS", ($image.tag | chosen($rule.tags))]),
#end
  empty;

#if push tag pull_request
# What tells events of the same commits apart, where the host sends it.
def occurrence: [.occurrence | annotation("\\A[A-Za-z0-9:._+-]{1,64}\\z") | select(. != "")];
#end

# What makes two events the same: every part has passed a clause, or is empty.
def subject:
#if image_push
  if .kind == "image_push" then [.image.tag, .image.digest // (.image.occurrence | annotation("\\A[A-Za-z0-9:._+-]{1,64}\\z"))] else . end |
#end
#if pull_request
  if .kind == "pull_request" then [(.pull_request.number | whole_number // ""), .sha] + occurrence else . end |
#end
#if merge_group
  # The push of the queue's branch and the merge_group event are the same news.
  if type == "object" and .kind == "merge_group" then [.ref, .sha] else . end |
#end
#if schedule
  if type == "object" and .kind == "schedule" then [] else . end |
#end
#if push tag
  if type == "object" then [.ref, (if .before | commit then .before else "" end), .sha] + occurrence else . end |
#end
  .;

def key: .repository | if type == "string" and ignores_case then ascii_downcase else . end;

# What every run of an event is told of it.
def frame:
  {
    kind: .kind,
    source: source,
    subject: ([.kind, key] + subject | join(" ")),
    # Has passed `entry`, as its host spells it.
    repository: .repository,
    sha: (if .kind == "image_push" then .image.digest // "" else .sha end),
    actor: (.actor | harmless_name),
    delivery: (.delivery | annotation("\\A[A-Za-z0-9._:-]{1,128}\\z")),
    arguments: arguments,
    labels: labels,
#if mutexes
    mutex_path: mutex_path,
#end
#if list
    namespace: fan_out.namespace,
    patterns: patterns,
#end
    templates: (templates | map_values({arguments, mutex}))
  };

# The first clause that is not true, and what it gave.
def verdict($rule; $template): first(clauses(.; $rule; $template) | select(.[1] != true)) // ["MATCH", true];

# What an entry does about an event with this verdict; where it runs, what this run has beside the frame.
def order($entry; $rule; $template; $reason; $result):
  {pipeline: $entry.pipeline, reason: $reason}
  + if $result == false then {action: "drop", verdict: "skip"}
    elif $result == null and $rule.paths.unknown == "skip" then {action: "drop", verdict: "unknown"}
    else
#if open_paths
      (if $result == null and $rule.paths.unknown == null and fills($template; "paths") then question($rule.paths; $template) else "" end) as $paths |
#end
      ({sha}
#if push pull_request merge_group
        + {branch: .branch}
#end
#if pull_request
#if any_ref
        # A request whose branch has no usable name is told by its number.
        + if .kind == "pull_request" and (.branch | ref_name($template) | not) then {branch: ("pull/" + (.pull_request.number | whole_number))} else {} end
#end
#end
#if tag
        + {tag: (.tag | as_image_tag)}
#end
#if push tag pull_request merge_group
        + {ref: (.ref | full_ref($template))}
#end
#if open_paths
        + {$paths}
#end
      ) as $safe
      | {
          action: "run",
#if open_paths
          verdict: (if $result or $paths != "" then "run" else "unknown" end),
#end
#if told_paths
          verdict: (if $result then "run" else "unknown" end),
#end
          parameters: ($entry.arguments + ($rule.arguments // {}) + ($template.bindings[.kind] // {} | map_values($safe[.]))),
          ref: (if .kind == "image_push" then key + ":" + .image.tag else ($safe.ref | select(. != "")) // $safe.branch end)
        }
      + ($entry | {config, run}
        + (if .owner == null then {} else {owner} end)
        + (if .mutex == null then {} else {mutex} end)
        + (if .template == null then {} else {template} end)
        + (if .repository == null then {} else {repository} end)
#if namespaces
        + (if .namespace == null then {} else {namespace} end)
#end
        )
    end;

def unlisted: {action: "drop", verdict: "skip", reason: (if .kind == "ping" or .kind == "other" then "EVENT" else "REPOSITORY" end)};

#if table
def judged:
  entry(key) as $entry
  | if $entry == null then unlisted
    else
      template($entry) as $template
      | rule($entry; .kind) as $rule
      | verdict($rule; $template) as [$reason, $result]
      | order($entry; $rule; $template; $reason; $result) as $order
      | if $order.action == "run" then run(frame; $order; rule($entry; "run")) else $order end
    end;
#end

# The pushes of a delivery; every other delivery tells one event.
def pushes:
#if image_push several_refs
  if .also != null then del(.also), .also[] else . end |
#end
  .;

#if table
# Of several pushes in one delivery, the one that is decided: a trigger makes one Workflow of a delivery. The first that
# runs, else the first whose repository or image the table has, else the first.
def used:
#if image_push several_refs
  if .also == null then . else
    [pushes | {push: ., found: judged}]
    | (first(.[] | select(.found.action == "run")) // first(.[] | select(.found.pipeline != null)) // .[0])
    | .push
  end |
#end
  .;

def used_by($pipeline): used;

def all_used: [used];

def decide: {hookline: (used | judged)};
#end

#if list
# The fan-out that starts several runs. Its order holds all that the runs have, so nothing that is edited later changes them.
def fan_out($pushes; $orders):
  ($orders | map(.push) | unique) as $used
  | ($pushes[$used[0]] | key) as $key
  | ([$orders[].run | strings] | unique | map({key: ., value: line(.)}) | from_entries) as $specs
  | (fan_out.paces[$key] // fan_out.pace) as $pace
  # Runs of one push have one ref, unless a template tells it otherwise.
  | ($used
      | map(. as $number | {
          key: tostring,
          value: ($pushes[.] | frame
            + {ref: first($orders[] | select(.push == $number) | .ref)}
            + if ($orders | length) > $pace.at_once then {priority: fan_out.priority} else {} end)
        })
      | from_entries) as $frames
  | $frames[$used[0] | tostring] as $frame
  | {
      action: "run",
      reason: "MATCH",
      name: ("fan-out-" + ($key | ascii_downcase | gsub("[^a-z0-9]+"; "-") | .[:38] | rtrimstr("-"))),
      event: ([fan_out.event, $frames[$used[] | tostring].subject] | join(" ")),
      namespace: fan_out.namespace,
      labels: (labels + {"hookline.dev/event-kind": $frame.kind, "hookline.dev/fan-out-runs": ($orders | length | tostring)}),
      spec: {
        workflowTemplateRef: {name: fan_out.template},
        arguments: {parameters: [{
          name: "order",
          value: ({
            $frames,
            $specs,
            $pace,
            runs: [$orders[] | del(.action) | .push |= tostring | if .ref == $frames[.push].ref then del(.ref) else . end]
          } | tojson)
        }]}
      }
    }
  + ($frame | {kind, repository, ref, sha, actor, delivery});

# What each pipeline of a push's key does about it.
def each_judged:
  . as $event
  | entry(key) // []
  # A rule that entries share is judged once for each template.
  | ([.[] | [.[$event.kind], .template // ""] | select(.[0] | type == "string")] | unique
    | map(. as [$name, $template] | line($name) as $rule | {key: join(" "), value: {$rule, verdict: ($event | verdict($rule; templates[$template] // {}))}})
    | from_entries) as $shared
  | .[]
  | . as $entry
  | template($entry) as $template
  | .[$event.kind] as $rule
  | (if $rule | type == "string" then $shared[[$rule, .template // ""] | join(" ")]
     else {$rule, verdict: ($event | verdict($rule; $template))} end) as $found
  | $event | order($entry; $found.rule; $template; $found.verdict[0]; $found.verdict[1]);

# All pipelines of a key are decided at once: one run is made as it is, several by a fan-out. Of several pushes of an image each pipeline is started
# by the first that starts it, of several branches and tags by each of them.
def judged:
  [pushes] as $pushes
  | [range(0; $pushes | length) as $number | $pushes[$number] | each_judged | .push = $number]
#if one_ref
  | (if ($pushes | length) == 1 then . else group_by(.pipeline) | map(first(.[] | select(.action == "run")) // .[0]) end) as $all
#end
#if several_refs
  | (if ($pushes | length) == 1 then . else group_by(.pipeline) | map((map(select(.action == "run")) | select(. != [])) // .[:1]) | add // [] end) as $all
#end
  | [$all[] | select(.action == "run")] as $orders
  | if $all == [] then $pushes[0] | unlisted
    else
      (if $orders == [] then {action: "drop"}
       elif ($orders | length) == 1 then
         $pushes[$orders[0].push] | run(frame; $orders[0]; $orders[0].run | if type == "string" then line(.) else . end)
       else fan_out($pushes; $orders) end)
      + {decided: [$all[] | {pipeline, verdict, reason, action, push}]}
    end;

def used_by($pipeline): [pushes] as $pushes | $pushes[first(judged.decided // [] | .[] | select(.pipeline == $pipeline) | .push) // 0];

def all_used: [pushes] as $pushes | [judged.decided // [{push: 0}] | map(.push) | unique | .[] as $number | $pushes[$number]];

def decide: {hookline: judged};
#end

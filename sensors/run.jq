#if list
# Arguments that follow from the pipeline or its repository: before, which of the two, after.
def derived($patterns; $order):
  {pipeline: $order.pipeline, repository: $order.repository, name: ($order.repository // "" | split("/") | .[-1])} as $named
  | $patterns | map_values(.[0] + $named[.[1]] + .[2]);
#end

# The run that an order asks for: all that its Workflow has. `$frame` is what every run of the event is told, `$spec` the settings of the pipeline.
def run($frame; $order; $spec):
  ($frame.templates[$order.template // ""] // {}) as $template
  | ($frame.arguments +
#if list
      derived($frame.patterns; $order) +
#end
      $order.parameters) as $parameters
  | {
      action: "run",
      verdict: $order.verdict,
      reason: $order.reason,
      pipeline: $order.pipeline,
      kind: $frame.kind,
      name: ($order.pipeline[:46] | rtrimstr("-")),
      event: ([$order.pipeline, $frame.source, $frame.subject] | join(" ")),
      # Of an image's event the repository that is built; else the event's.
      repository: ($order.repository // $frame.repository),
      $parameters,
      labels: ($frame.labels + {"hookline.dev/pipeline": $order.pipeline, "hookline.dev/config": $order.config, "hookline.dev/event-kind": $frame.kind}
        + if $order.owner == null then {} else {"hookline.dev/owner": $order.owner} end),
      spec: ($spec // {} | .arguments.parameters = [$template.arguments // [] | .[] | select($parameters[.] != null) | {name: ., value: $parameters[.]}]
#if mutexes
        # Runs of one checkout directory wait for each other, unless the pipeline names its mutex.
        | if $frame.mutex_path != null and getpath($frame.mutex_path) == "" then setpath($frame.mutex_path; $order.mutex // $parameters[$template.mutex // ""] // "") else . end
#end
#if list
        | if $frame.priority != null and .priority == null then .priority = $frame.priority else . end
#end
      ),
      ref: ($order.ref // $frame.ref),
      sha: $frame.sha,
      actor: $frame.actor,
      delivery: $frame.delivery
    }
#if namespaces
    + {namespace: ($order.namespace // $frame.namespace)}
#end
  ;

#if started
# The runs of a fan-out's order.
def runs: . as $order | .runs[] | run($order.frames[.push]; .; .run | if type == "string" then $order.specs[.] else . end);
#end
